// Every link as a small mark on one canvas. Decorative: the page's table says the same in numbers.

const DENIED = 8, WAITING = 16, WRITES = 32, TASK = 64;
const NEAR = 11; // pixels of a row from which letters are legible
const MOST = 18;

const stage = /** @type {HTMLElement} */ (document.getElementById("overview"));
const canvas = /** @type {HTMLCanvasElement} */ (stage.querySelector("canvas"));
const room = /** @type {HTMLElement} */ (stage.querySelector(".room"));
const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
const pointed = /** @type {HTMLElement} */ (document.getElementById("pointed"));
const highlight = /** @type {HTMLSelectElement} */ (document.getElementById("highlight"));
const said = JSON.parse(document.getElementById("numbers")?.textContent || "{}");
const count = said.marks.length;
const lines = said.height / said.row;
const tops = Float32Array.from(said.rows, (/** @type {number} */ row) => row / said.row);
const spans = spines();
let scale = 1; // pixels of a row
let wide = 1, high = 1;
let waits = false;

/** @returns {[Float32Array, Float32Array]} for each mark the first and last row of its children */
function spines() {
  const first = new Float32Array(count).fill(Infinity), last = new Float32Array(count).fill(-1);
  for (let n = 0; n < count; n++) {
    const above = n - said.parents[n];
    if (above === n) continue;
    first[above] = Math.min(first[above], tops[n]);
    last[above] = Math.max(last[above], tops[n]);
  }
  return [first, last];
}

/** @param {number} mark  @returns {boolean} whether the chosen highlight leaves a mark strong */
function strong(mark) {
  switch (highlight.value) {
    case "": return true;
    case "denied": return (mark & DENIED) > 0;
    case "waiting": return (mark & WAITING) > 0;
    case "writes": return (mark & WRITES) > 0;
    default: return !(mark & TASK) && said.standings[mark & 7] === highlight.value;
  }
}

/** Draw what the stage shows. */
function draw() {
  waits = false;
  const begun = performance.now();
  const style = getComputedStyle(document.documentElement);
  const colour = (/** @type {string} */ name) => style.getPropertyValue(`--${name}`).trim();
  const paints = /** @type {Object<string, string>} */ ({ active: "path", task_closed: "expired", suspended: "waiting" });
  const colours = said.standings.map((/** @type {string} */ word) => colour(paints[word] || word));
  const [denied, waiting, human, hairline, ink, ground] = ["denied", "waiting", "human", "hairline", "ink", "ground"].map(colour);
  const ratio = devicePixelRatio || 1;
  if (canvas.width !== Math.round(wide * ratio) || canvas.height !== Math.round(high * ratio)) {
    canvas.width = Math.round(wide * ratio);
    canvas.height = Math.round(high * ratio);
  }
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, wide, high);
  const column = wide / said.width, gutter = Math.min(28, column * 0.25), bar = column - gutter;
  const tall = Math.max(1, scale - (scale > 5 ? 2 : scale > 3 ? 1 : 0));
  const offset = stage.scrollTop, from = offset / scale - 1, to = (offset + high) / scale + 1;
  /** @type {number[][]} */
  const groups = Array.from({ length: 8 }, () => []); // five standings, tasks, denials, requests
  const faint = [];
  pen.fillStyle = hairline;
  for (let n = 0; n < count; n++) {
    const x = said.columns[n] * column, y = tops[n];
    if (spans[1][n] >= from && spans[0][n] <= to) {
      const up = Math.max(spans[0][n], from), down = Math.min(spans[1][n], to);
      pen.fillRect(x + bar + gutter / 2, (up + 0.5) * scale - offset, 1, Math.max(1, (down - up) * scale));
    }
    if (y < from || y > to) continue;
    const mark = said.marks[n];
    if (!strong(mark)) faint.push(n);
    else {
      groups[mark & TASK ? 5 : mark & 7].push(n);
      if (mark & DENIED) groups[6].push(n);
      if (mark & WAITING) groups[7].push(n);
    }
    if (scale >= 3) {
      if (said.columns[n]) pen.fillRect(x - gutter / 2, (y + 0.5) * scale - offset, gutter / 2, 1);
      if (spans[1][n] >= 0) pen.fillRect(x + bar, (y + 0.5) * scale - offset, gutter / 2, 1);
    }
  }
  const width = (/** @type {number} */ n) => said.marks[n] & (WRITES | TASK) ? bar : bar * 0.62;
  for (const n of faint) pen.fillRect(said.columns[n] * column, tops[n] * scale - offset, width(n), tall);
  for (let kind = 0; kind < 6; kind++) {
    pen.fillStyle = kind === 5 ? human : colours[kind];
    for (const n of groups[kind]) {
      const x = said.columns[n] * column, y = tops[n] * scale - offset;
      pen.fillRect(x, y, width(n), tall);
    }
    if (kind === 5 || said.standings[kind] === "active" || tall < 4) continue;
    pen.fillStyle = ground; // what has ended is hollow: no colour is needed to see it
    for (const n of groups[kind]) pen.fillRect(said.columns[n] * column + 1, tops[n] * scale - offset + 1, width(n) - 2, tall - 2);
    if (scale < NEAR) continue;
    pen.fillStyle = ink;
    pen.font = `600 ${Math.min(12, tall - 2)}px system-ui, sans-serif`;
    pen.textBaseline = "middle";
    for (const n of groups[kind]) pen.fillText(said.standings[kind][0].toUpperCase(), said.columns[n] * column + 4, tops[n] * scale - offset + tall / 2);
  }
  // Denials stand at a mark's right end, requests that wait beside them: places, not only colours.
  for (const [group, paint, place] of /** @type {[number, string, number]} */ ([[6, denied, 8], [7, waiting, 16]])) {
    pen.fillStyle = paint;
    for (const n of groups[group]) pen.fillRect(said.columns[n] * column + width(n) - place, tops[n] * scale - offset, 6, tall);
  }
  stage.dataset.drawn = String(count);
  stage.dataset.took = (performance.now() - begun).toFixed(1);
}

function soon() {
  if (waits) return;
  waits = true;
  requestAnimationFrame(draw);
}

/** @param {number} wanted  @param {number} [y]  the point that stays, in the stage */
function zoom(wanted, y = high / 2) {
  const row = (stage.scrollTop + y) / scale;
  scale = Math.min(MOST, Math.max(high / lines, wanted));
  room.style.height = `${Math.max(0, lines * scale - high)}px`;
  stage.scrollTop = row * scale - y;
  soon();
}

function size() {
  wide = stage.clientWidth;
  high = Math.max(120, Math.min(innerHeight * 0.72, lines * MOST));
  canvas.style.width = `${wide}px`;
  canvas.style.height = `${high}px`;
  stage.style.maxHeight = `${high + 2}px`;
  zoom(scale);
}

/** @param {PointerEvent|MouseEvent} event  @returns {number} the mark under the pointer, -1 for none */
function under(event) {
  const box = canvas.getBoundingClientRect();
  const column = Math.floor((event.clientX - box.left) / (wide / said.width));
  const row = (stage.scrollTop + event.clientY - box.top) / scale;
  let found = -1, best = Math.max(1, 3 / scale);
  for (let n = 0; n < count; n++) {
    if (said.columns[n] !== column) continue;
    const away = Math.abs(tops[n] + 0.5 - row);
    if (away < best) [found, best] = [n, away];
  }
  return found;
}

/** @param {number} n  @returns {string} the address that leads to a mark */
function way(n) {
  let task = said.tasks.length - 1;
  while (said.tasks[task] > n) task -= 1;
  const name = (stage.dataset.tasks || "").split(" ")[task];
  const at = stage.dataset.at ? `?at=${stage.dataset.at}` : "";
  return `/tasks/${name}/overview/${n - said.tasks[task]}${at}`;
}

/** @param {number} n  @returns {string} what a mark is */
function words(n) {
  const mark = said.marks[n];
  if (mark & TASK) return "A task.";
  const parts = [`Link ${said.columns[n] - 1}`, said.standings[mark & 7].replace("_", " ")];
  parts.push(mark & WRITES ? "more than reading" : "read only");
  if (mark & DENIED) parts.push("had denials");
  if (mark & WAITING) parts.push("waits for people");
  return parts.join(", ") + ". Click to open it on the map.";
}

canvas.addEventListener("pointermove", (event) => {
  const n = under(event);
  canvas.classList.toggle("hit", n >= 0);
  if (n >= 0) pointed.textContent = words(n);
});
canvas.addEventListener("click", (event) => {
  const n = under(event);
  if (n >= 0) location.assign(way(n));
});
stage.addEventListener("scroll", soon);
stage.addEventListener("wheel", (event) => {
  if (!event.ctrlKey) return;
  event.preventDefault();
  zoom(scale * Math.exp(-event.deltaY / 300), event.clientY - canvas.getBoundingClientRect().top);
}, { passive: false });
document.addEventListener("click", (event) => {
  const button = /** @type {Element} */ (event.target).closest("[data-scale]");
  if (!button) return;
  const wanted = button.getAttribute("data-scale");
  if (wanted === "fit") zoom(0);
  else zoom(scale * (wanted === "in" ? 1.6 : 1 / 1.6));
});
highlight.addEventListener("change", soon);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", soon);
new ResizeObserver(size).observe(stage);

document.documentElement.dataset.ready = "1";
scale = 0;
size();
