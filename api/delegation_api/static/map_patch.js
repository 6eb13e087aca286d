// Brings a newer drawing of the same page into this one, element by element: nothing is rebuilt, so
// focus, hover and a screen reader's place stay. No markup is parsed from text: the browser does it.

const KEPT = ["role", "tabindex", "aria-level", "aria-setsize", "aria-posinset", "aria-expanded", "aria-selected", "aria-owns"];

/**
 * Load a page as a document; its scripts do not run.
 * @param {string} address
 * @returns {Promise<Document>}
 */
export function load(address) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", address);
    request.responseType = "document";
    request.onload = () => {
      const page = request.response;
      if (request.status === 200 && page && page.getElementById("map")) resolve(page);
      else reject(new Error("no map"));
    };
    request.onerror = () => reject(new Error("no answer"));
    request.send();
  });
}

/**
 * Bring a newer page into this one.
 * @param {Document} fresh
 * @param {{still: boolean}} how `still`: nothing moves, nothing comes or goes; states change in place
 * @returns {Element[]} nodes of the map that look different now
 */
export function patch(fresh, how) {
  const changed = patchMap(fresh, how.still);
  for (const id of ["filters", "said", "panel", "table"]) {
    const old = document.getElementById(id);
    const next = fresh.getElementById(id);
    // What is in use is left alone by a live update: it may be read, or have the focus.
    if (!old || !next || (how.still && (id === "said" || old.contains(document.activeElement)))) continue;
    renew(old, next);
  }
  const page = document.getElementById("map-page");
  const next = fresh.getElementById("map-page");
  if (page && next && !how.still) page.className = next.className;
  return changed;
}

/** @param {Element} old  @param {Element} next */
function renew(old, next) {
  if (old.isEqualNode(next)) return;
  const held = old.contains(document.activeElement) ? document.activeElement : null;
  old.replaceChildren(...Array.from(next.childNodes, (child) => document.importNode(child, true)));
  if (held && held.id) document.getElementById(held.id)?.focus();
}

/** @param {Document} fresh  @param {boolean} still */
function patchMap(fresh, still) {
  const map = /** @type {Element} */ (document.getElementById("map"));
  const next = /** @type {Element} */ (fresh.getElementById("map"));
  const changed = [];
  if (!still) {
    for (const name of ["viewBox", "data-width", "data-height", "data-total"]) map.setAttribute(name, next.getAttribute(name) || "");
    renew(/** @type {Element} */ (map.querySelector(".heads")), /** @type {Element} */ (next.querySelector(".heads")));
  }
  for (const part of [".trail", ".edges", ".nodes"]) {
    changed.push(...patchGroup(/** @type {Element} */ (map.querySelector(part)), /** @type {Element} */ (next.querySelector(part)), still));
  }
  return changed;
}

/** @param {Element} group  @param {Element} next  @param {boolean} still */
function patchGroup(group, next, still) {
  const wanted = new Map(Array.from(next.children, (child) => [child.id, child]));
  const changed = [];
  if (!still) {
    for (const child of Array.from(group.children)) if (!wanted.has(child.id)) child.remove();
  }
  let place = group.firstElementChild;
  for (const [id, model] of wanted) {
    const old = document.getElementById(id);
    if (old && old.parentNode === group) {
      if (alter(old, model, still) && old.localName === "a") changed.push(old);
      if (still) continue;
      if (old === place) place = place.nextElementSibling;
      else group.insertBefore(old, place);
    } else if (!still) {
      group.insertBefore(document.importNode(model, true), place);
    }
  }
  return changed;
}

/**
 * Make one element say what its model says.
 * @param {Element} old  @param {Element} model  @param {boolean} still
 * @returns {boolean} whether it looks different now
 */
function alter(old, model, still) {
  const places = still ? ["transform", "d", "data-owns", "data-of", "data-at", "href"] : [];
  let differs = old.innerHTML !== model.innerHTML;
  for (const { name, value } of Array.from(model.attributes)) {
    if (places.includes(name) || old.getAttribute(name) === value) continue;
    if (name === "class" || name === "aria-label") differs = true;
    old.setAttribute(name, value);
  }
  for (const { name } of Array.from(old.attributes)) {
    if (!model.hasAttribute(name) && !KEPT.includes(name) && !places.includes(name)) old.removeAttribute(name);
  }
  if (old.innerHTML !== model.innerHTML) {
    old.replaceChildren(...Array.from(model.childNodes, (child) => document.importNode(child, true)));
  }
  return differs;
}
