// What is recorded while the page is open. Nothing moves by itself: states change in place, and new
// links wait behind a button until somebody asks for them.
import { load, patch } from "./map_patch.js";
import { stream, said } from "./stream.js";

const PAUSE = 1000; // milliseconds between two reloads of the drawing

/** @param {() => void} equip gives nodes their place in the tree again */
export function follow(equip) {
  const live = document.getElementById("live");
  if (!live || !live.dataset.events) return;
  const pulse = /** @type {HTMLElement} */ (document.getElementById("pulse"));
  const button = /** @type {HTMLButtonElement} */ (document.getElementById("news"));
  const links = new Set();
  let waiting = false;
  let busy = false;

  async function renew() {
    if (busy) {
      waiting = true;
      return;
    }
    busy = true;
    try {
      const fresh = await load(location.pathname + location.search);
      for (const node of patch(fresh, { still: true })) {
        node.classList.add("fresh");
        setTimeout(() => node.classList.remove("fresh"), 1600);
      }
      equip();
    } catch {
      pulse.textContent = "The map could not be renewed.";
    }
    setTimeout(() => {
      busy = false;
      if (waiting) {
        waiting = false;
        renew();
      }
    }, PAUSE);
  }

  stream(live.dataset.events, {
    change(news) {
      for (const link of news.links) links.add(link);
      button.hidden = links.size === 0;
      button.textContent = `${links.size} new ${links.size === 1 ? "link" : "links"}: show`;
      pulse.textContent = said(news);
      renew();
    },
    end(why) {
      pulse.textContent = why;
    },
    open(is) {
      live.toggleAttribute("data-open", is);
    },
  });
  button.addEventListener("click", async () => {
    const fresh = await load(location.pathname + location.search);
    patch(fresh, { still: false });
    equip();
    for (const link of links) {
      const node = document.getElementById("n-" + link);
      node?.classList.add("fresh");
      setTimeout(() => node?.classList.remove("fresh"), 1600);
    }
    links.clear();
    button.hidden = true;
    /** @type {HTMLElement|null} */ (document.querySelector('#map a[tabindex="0"]'))?.focus();
  });
}
