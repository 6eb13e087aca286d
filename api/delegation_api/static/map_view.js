// Pan and zoom: the wheel scrolls as everywhere, Ctrl and the wheel zooms, dragging moves.

const LEAST = 0.2;
const MOST = 3;

/** @param {HTMLElement} stage */
export function view(stage) {
  let scale = 1;
  let moved = 0;
  /** @type {{x: number, y: number, left: number, top: number}|null} */
  let from = null;
  const map = () => /** @type {SVGElement} */ (/** @type {unknown} */ (document.getElementById("map")));

  /** @param {number} wanted  @param {number} [x]  @param {number} [y] the point that stays, in the stage */
  function zoom(wanted, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
    const before = scale;
    scale = Math.min(MOST, Math.max(LEAST, wanted));
    size();
    const ratio = scale / before;
    stage.scrollLeft = (stage.scrollLeft + x) * ratio - x;
    stage.scrollTop = (stage.scrollTop + y) * ratio - y;
  }

  function size() {
    map().setAttribute("width", String(Number(map().dataset.width) * scale));
    map().setAttribute("height", String(Number(map().dataset.height) * scale));
  }

  function fit() {
    const wide = stage.clientWidth / Number(map().dataset.width);
    const high = Math.min(stage.clientHeight, innerHeight * 0.78) / Number(map().dataset.height);
    zoom(Math.min(wide, high, 1));
    stage.scrollTo(0, 0);
  }

  stage.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    const box = stage.getBoundingClientRect();
    zoom(scale * Math.exp(-event.deltaY / 300), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  stage.addEventListener("pointerdown", (event) => {
    moved = 0;
    if (event.button === 0 && event.pointerType === "mouse") {
      from = { x: event.clientX, y: event.clientY, left: stage.scrollLeft, top: stage.scrollTop };
    }
  });
  window.addEventListener("pointermove", (event) => {
    if (!from) return;
    moved = Math.max(moved, Math.abs(event.clientX - from.x) + Math.abs(event.clientY - from.y));
    if (moved < 5) return;
    stage.classList.add("dragging");
    stage.scrollLeft = from.left - (event.clientX - from.x);
    stage.scrollTop = from.top - (event.clientY - from.y);
  });
  window.addEventListener("pointerup", () => {
    from = null;
    stage.classList.remove("dragging");
  });
  stage.addEventListener("dragstart", (event) => event.preventDefault());
  document.addEventListener("map-fit", fit);
  document.addEventListener("click", (event) => {
    const button = /** @type {Element} */ (event.target).closest("[data-zoom]");
    if (!button) return;
    const wanted = button.getAttribute("data-zoom");
    if (wanted === "fit") fit();
    else zoom(wanted === "1" ? 1 : scale * (wanted === "in" ? 1.25 : 0.8));
  });

  return {
    /** Whether the click that comes now ends a drag. */
    dragged: () => moved >= 5,
    /** Size a new drawing, and bring the selected node into view. */
    reveal() {
      size();
      map().querySelector('a[data-selected="true"]')?.scrollIntoView({ block: "nearest", inline: "nearest" });
    },
  };
}
