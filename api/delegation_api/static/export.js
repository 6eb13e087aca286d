// How far an export is, while it is made. Without script the page loads itself again.
const making = document.getElementById("making");
if (making && making.dataset.events) {
  const bar = /** @type {HTMLProgressElement} */ (document.getElementById("bar"));
  const told = /** @type {HTMLElement} */ (document.getElementById("told"));
  const source = new EventSource(making.dataset.events);
  source.addEventListener("progress", (event) => {
    const { done, total } = JSON.parse(/** @type {MessageEvent} */ (event).data);
    bar.max = total || 1;
    bar.value = done;
    told.textContent = total ? `${done} of ${total} read.` : `${done} read.`;
  });
  source.addEventListener("over", () => {
    source.close();
    location.reload();
  });
}
