// The map without reloads: every step is the address of a page; its drawing is patched into this one.
import { load, patch } from "./map_patch.js";
import { equip, focusOn, current } from "./map_tree.js";
import { view } from "./map_view.js";
import { follow } from "./map_live.js";

const stage = /** @type {HTMLElement} */ (document.getElementById("stage"));
const shown = view(stage);
let steps = 0; // pages of this visit that Esc can go back through
let asked = 0;

/**
 * Show the map at an address.
 * @param {string} address
 * @param {{push?: boolean, focus?: string}} how `focus` is the id of the element to focus afterwards
 */
async function show(address, how = {}) {
  const turn = ++asked;
  let fresh;
  try {
    fresh = await load(address);
  } catch {
    location.assign(address); // the server's own page says what is wrong
    return;
  }
  if (turn !== asked) return; // somebody clicked again meanwhile
  const held = current();
  patch(fresh, { still: false });
  if (how.push !== false) {
    history.pushState({}, "", address);
    steps += 1;
  }
  document.title = fresh.title;
  equip();
  const wanted = how.focus || (held && held.id) || "";
  if (how.focus || (held && document.activeElement !== held)) focusOn(wanted);
  shown.reveal();
}

/** @param {Element} bundle  @returns {string} id of what a bundle hangs under */
function parentOf(bundle) {
  return bundle.id.replace(/^n-more-/, "n-");
}

document.addEventListener("click", (event) => {
  const link = /** @type {Element} */ (event.target).closest("a");
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const address = link.getAttribute("href") || "";
  if (!address.startsWith(location.pathname + "?") && address !== location.pathname) return;
  const at = (/** @type {string} */ query) => new URLSearchParams(query).get("at");
  if (at(address.split("?")[1] || "") !== at(location.search)) return; // another instant is another page
  if (shown.dragged()) return event.preventDefault();
  event.preventDefault();
  const unfolds = link.classList.contains("bundle");
  show(address, { focus: link.closest("#map") ? (unfolds ? parentOf(link) : link.id) : "" });
});

document.addEventListener("submit", (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (!form.hasAttribute("data-follow")) return;
  event.preventDefault();
  const button = /** @type {HTMLButtonElement|null} */ (event.submitter);
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form, button && button.name ? button : null)) {
    if (value) query.append(name, String(value));
  }
  const said = query.toString();
  show(location.pathname + (said ? "?" + said : ""), { focus: button ? button.id : "" });
});

window.addEventListener("popstate", () => show(location.pathname + location.search, { push: false }));

document.addEventListener("map-fold", (event) => show(/** @type {CustomEvent} */ (event).detail, {}));
document.addEventListener("map-back", () => {
  if (steps > 0) {
    steps -= 1;
    history.back();
  } else if (new URLSearchParams(location.search).has("focus")) {
    const query = new URLSearchParams(location.search);
    query.delete("focus");
    show(location.pathname + (query.size ? "?" + query : ""), { push: false });
    history.replaceState({}, "", location.pathname + (query.size ? "?" + query : ""));
  }
});

document.addEventListener("click", async (event) => {
  const button = /** @type {Element} */ (event.target).closest("[data-copy]");
  if (!button) return;
  const address = new URL(button.getAttribute("data-copy") || "", location.href).href;
  try {
    await navigator.clipboard.writeText(address);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Copy it from the address bar";
    history.replaceState({}, "", address);
  }
});

// `/` anywhere on the page can be switched off: speech input types letters (WCAG 2.1.4).
const KEYS = "delegation-keys";
const keys = /** @type {HTMLInputElement|null} */ (document.getElementById("keys"));
if (keys) {
  keys.checked = localStorage.getItem(KEYS) !== "off";
  keys.addEventListener("change", () => localStorage.setItem(KEYS, keys.checked ? "on" : "off"));
}
document.addEventListener("keydown", (event) => {
  const typing = /** @type {Element} */ (event.target).closest("input, textarea, select");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const find = document.getElementById("find");
  if (!find || !keys || !keys.checked) return;
  event.preventDefault();
  find.focus();
});

equip();
shown.reveal();
follow(equip);
document.documentElement.dataset.ready = "1";
