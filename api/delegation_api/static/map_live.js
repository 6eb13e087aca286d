// What is recorded while the page is open. Nothing moves by itself: states change in place, and new
// links wait behind a button until somebody asks for them.
import { load, patch } from "./map_patch.js";

const PAUSE = 1000; // milliseconds between two reloads of the drawing

/** @param {() => void} equip gives nodes their place in the tree again */
export function follow(equip) {
  const live = document.getElementById("live");
  if (!live || !live.dataset.events) return;
  const pulse = /** @type {HTMLElement} */ (document.getElementById("pulse"));
  const button = /** @type {HTMLButtonElement} */ (document.getElementById("news"));
  const source = new EventSource(live.dataset.events);
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

  source.addEventListener("change", (event) => {
    const news = JSON.parse(/** @type {MessageEvent} */ (event).data);
    for (const link of news.links) links.add(link);
    button.hidden = links.size === 0;
    button.textContent = `${links.size} new ${links.size === 1 ? "link" : "links"}: show`;
    const said = [];
    if (news.links.length) said.push(`${news.links.length} new ${news.links.length === 1 ? "link" : "links"}`);
    if (news.decisions.length) said.push(`${news.decisions.length} new ${news.decisions.length === 1 ? "decision" : "decisions"}`);
    if (news.ended) said.push("authority was ended");
    pulse.textContent = said.join(", ") + ".";
    renew();
  });
  source.addEventListener("bye", () => {
    source.close();
    pulse.textContent = "The session ended; this page is not renewed any more.";
  });
  source.addEventListener("open", () => live.setAttribute("data-open", "1"));
  source.addEventListener("error", () => {
    live.removeAttribute("data-open");
    if (source.readyState === EventSource.CLOSED) pulse.textContent = "This page is not renewed by itself.";
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
  window.addEventListener("pagehide", () => source.close());
}
