// The instant on a slider: the same form that works without it, filled in and sent when it is let go.
const slider = /** @type {HTMLInputElement|null} */ (document.getElementById("at-slider"));
const field = /** @type {HTMLInputElement|null} */ (document.getElementById("at"));

if (slider && field) {
  const ends = (slider.dataset.ends || "").split(",");
  const say = () => {
    const end = ends[Number(slider.value)];
    field.value = end || "";
    slider.setAttribute("aria-valuetext", end || "now");
  };
  slider.setAttribute("aria-valuetext", field.value || "now");
  slider.addEventListener("input", say);
  slider.addEventListener("change", () => {
    say();
    const query = new URLSearchParams(location.search);
    query.delete("after");
    if (field.value) query.set("at", field.value);
    else query.delete("at");
    location.assign(location.pathname + (query.size ? "?" + query : ""));
  });
}
document.documentElement.dataset.ready ||= "1";
