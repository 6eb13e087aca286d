// The map as a tree for keyboards and screen readers. Without script its nodes are ordinary links.

const map = () => /** @type {SVGElement} */ (/** @type {unknown} */ (document.getElementById("map")));
const nodes = () => /** @type {SVGAElement[]} */ (Array.from(map().querySelectorAll(".nodes > a")));
let last = ""; // id of the node that has the one tab stop

/** @returns {Element|null} the node that has the focus, if one has */
export function current() {
  const held = document.activeElement;
  return held && held.closest("#map .nodes > a");
}

/** Give every node its place in the tree. Called after each change of the drawing. */
export function equip() {
  const all = nodes();
  map().setAttribute("role", "tree");
  map().setAttribute("aria-multiselectable", "false");
  map().setAttribute("aria-owns", all.filter((node) => node.dataset.level === "1").map((node) => node.id).join(" "));
  map().querySelector(".nodes")?.setAttribute("role", "none");
  let owned = map().querySelector(".owned");
  if (!owned) {
    owned = document.createElementNS("http://www.w3.org/2000/svg", "g");
    owned.setAttribute("class", "owned");
    map().append(owned);
  }
  const groups = [];
  for (const node of all) {
    node.setAttribute("role", "treeitem");
    node.setAttribute("aria-level", node.dataset.level || "1");
    node.setAttribute("aria-posinset", node.dataset.at || "1");
    node.setAttribute("aria-setsize", node.dataset.of || "1");
    node.setAttribute("aria-selected", node.dataset.selected || "false");
    if (node.dataset.expanded) node.setAttribute("aria-expanded", node.dataset.expanded);
    else node.removeAttribute("aria-expanded");
    if (node.dataset.owns) {
      const group = document.createElementNS("http://www.w3.org/2000/svg", "g");
      group.id = "g-" + node.id;
      group.setAttribute("role", "group");
      group.setAttribute("aria-owns", node.dataset.owns);
      groups.push(group);
      node.setAttribute("aria-owns", group.id);
    } else node.removeAttribute("aria-owns");
  }
  owned.replaceChildren(...groups);
  const stop = all.find((node) => node.id === last) || all.find((node) => node.dataset.selected) || all[0];
  for (const node of all) node.setAttribute("tabindex", node === stop ? "0" : "-1");
}

/** @param {string} id  Focus a node, a button of the page, or the selected node when it is gone. */
export function focusOn(id) {
  const wanted = document.getElementById(id) || nodes().find((node) => node.dataset.selected) || nodes()[0];
  if (!wanted) return;
  if (wanted.closest("#map")) move(wanted);
  else wanted.focus();
}

/** @param {Element|null|undefined} node */
function move(node) {
  if (!node) return;
  for (const other of nodes()) other.setAttribute("tabindex", other === node ? "0" : "-1");
  last = node.id;
  /** @type {SVGElement} */ (node).focus({ preventScroll: true });
  node.scrollIntoView({ block: "nearest", inline: "nearest" });
}

/** @param {Element} node */
const below = (node) => (node.getAttribute("data-owns") || "").split(" ").filter(Boolean);
/** @param {Element} node */
const above = (node) => nodes().find((other) => below(other).includes(node.id));
/** @param {Element} node */
function siblings(node) {
  const parent = above(node);
  const ids = parent ? below(parent) : nodes().filter((other) => other.dataset.level === "1").map((other) => other.id);
  return ids.map((id) => document.getElementById(id));
}

document.addEventListener("focusin", () => {
  const node = current();
  if (node && node.id !== last) {
    for (const other of nodes()) other.setAttribute("tabindex", other === node ? "0" : "-1");
    last = node.id;
  }
});

document.addEventListener("keydown", (event) => {
  const node = current();
  if (!node || event.ctrlKey || event.metaKey || event.altKey) return;
  const line = siblings(node);
  const at = line.indexOf(/** @type {HTMLElement} */ (node));
  const all = nodes();
  switch (event.key) {
    case "ArrowUp":
      move(line[at - 1]);
      break;
    case "ArrowDown":
      move(line[at + 1]);
      break;
    case "ArrowLeft":
      if (node.hasAttribute("data-fold")) {
        document.dispatchEvent(new CustomEvent("map-fold", { detail: node.getAttribute("data-fold") }));
      } else move(above(node));
      break;
    case "ArrowRight":
      move(document.getElementById(below(node)[0] || ""));
      break;
    case "Home":
      move(all[0]);
      break;
    case "End":
      move(all[all.length - 1]);
      break;
    case "Enter":
      /** @type {SVGElement} */ (node).dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
      break;
    case "Escape":
      document.dispatchEvent(new CustomEvent("map-back"));
      break;
    case "f":
      document.dispatchEvent(new CustomEvent("map-fit"));
      break;
    case "b": // what if it were stolen; only while the map has the focus (WCAG 2.1.4)
      if (!node.id.startsWith("n-lnk_")) return;
      location.assign(`/links/${node.id.slice(2)}/blast`);
      break;
    default:
      return;
  }
  event.preventDefault();
});
