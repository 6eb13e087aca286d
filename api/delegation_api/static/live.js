// A page that stays true while it is open. What is marked data-now changes in place; everything else
// waits behind a button, so that nothing moves while it is read. Without script nothing is missing.
import { stream, said, joined } from "./stream.js";

const PAUSE = 1000; // milliseconds between two loads of the page, and at least four times what one takes
const bar = /** @type {HTMLElement|null} */ (document.getElementById("live"));
const pulse = /** @type {HTMLElement} */ (document.getElementById("pulse"));
const button = /** @type {HTMLButtonElement} */ (document.getElementById("news"));
const main = /** @type {HTMLElement} */ (document.getElementById("main"));
/** @type {any} what was told and not said yet */
let untold = null;
/** @type {Document|null} the newest page, not shown yet */
let newest = null;
let busy = false;

/** @returns {Promise<Document>} this page as it is now; no markup is parsed from text here */
function load() {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", location.pathname + location.search);
    request.responseType = "document";
    request.onload = () => {
      if (request.status === 200 && request.response?.getElementById("main")) resolve(request.response);
      else reject(new Error("no page"));
    };
    request.onerror = () => reject(new Error("no answer"));
    request.send();
  });
}

/** @param {Element} old  @returns {boolean} whether somebody is reading or using it right now */
function inUse(old) {
  const picked = document.getSelection();
  return old.contains(document.activeElement) || Boolean(picked && !picked.isCollapsed && picked.containsNode(old, true));
}

/** @param {Element} root  @returns {Element} its still parts alone */
function still(root) {
  const copy = /** @type {Element} */ (document.importNode(root, true));
  for (const part of copy.querySelectorAll("[data-now]")) {
    part.replaceChildren();
    part.removeAttribute("class");
  }
  for (const part of copy.querySelectorAll(".fresh")) part.classList.remove("fresh");
  for (const part of copy.querySelectorAll('[class=""]')) part.removeAttribute("class");
  return copy;
}

/** @param {Element} one  @param {Element} two  @returns {boolean} whether both hold the same */
function alike(one, two) {
  const [mine, theirs] = [Array.from(one.childNodes), Array.from(two.childNodes)];
  return mine.length === theirs.length && mine.every((child, n) => child.isEqualNode(theirs[n]));
}

/** @param {Document} fresh  @returns {boolean} whether anything looks different now */
function patch(fresh) {
  let differs = false;
  for (const old of document.querySelectorAll("[data-now]")) {
    const model = fresh.getElementById(old.id);
    if (!model || alike(old, model)) continue;
    differs = true;
    if (inUse(old)) continue;
    old.replaceChildren(...Array.from(model.childNodes, (child) => document.importNode(child, true)));
    old.className = model.className;
    old.classList.add("fresh");
    setTimeout(() => old.classList.remove("fresh"), 1600);
  }
  const next = /** @type {Element} */ (fresh.getElementById("main"));
  const waits = !still(main).isEqualNode(still(next));
  newest = waits ? fresh : null;
  button.hidden = !waits;
  return differs || waits;
}

async function renew() {
  if (busy || !untold) return;
  busy = true;
  const news = untold;
  untold = null;
  const begun = performance.now();
  try {
    if (patch(await load())) pulse.textContent = said(news);
  } catch {
    pulse.textContent = "The page could not be renewed.";
  }
  setTimeout(() => {
    busy = false;
    renew();
  }, Math.max(PAUSE, 4 * (performance.now() - begun)));
}

/** Look again by itself while the page waits for something that no event tells, for some minutes. */
function again(left = 100) {
  if (!left || !document.querySelector("[data-again]")) return;
  setTimeout(() => {
    if (!document.hidden) {
      untold = joined(untold, { links: [], decisions: [], more: { links: 0, decisions: 0 }, approvals: false, ended: false, expired: 0, heard: true });
      renew();
    }
    again(left - 1);
  }, 2000);
}

/** Show the newest page in this one; what was typed stays. */
function show() {
  const next = newest && newest.getElementById("main");
  if (!next) return;
  const typed = new Map();
  for (const field of main.querySelectorAll("input[id]:not([type=hidden]), textarea[id]")) typed.set(field.id, /** @type {HTMLInputElement} */ (field).value);
  main.replaceChildren(...Array.from(next.childNodes, (child) => document.importNode(child, true)));
  for (const [id, value] of typed) {
    const field = /** @type {HTMLInputElement|null} */ (document.getElementById(id));
    if (field) field.value = value;
  }
  newest = null;
  button.hidden = true;
  main.focus({ preventScroll: true });
}

if (bar && bar.dataset.events) {
  button.addEventListener("click", show);
  stream(bar.dataset.events, {
    change(news) {
      untold = joined(untold, news);
      renew();
    },
    end(why) {
      pulse.textContent = why;
    },
    open(is) {
      bar.toggleAttribute("data-open", is);
    },
  });
}
again();
document.documentElement.dataset.ready = "1";
