"""A real browser at the map of a large task: until its script answers, and until a step is drawn."""

from __future__ import annotations

import importlib.util
import shutil
import time
from pathlib import Path
from typing import Any

from bench.processes import service
from bench.scene import ISSUER

LOGIN = "login page, to loaded"
FIRST = "first map after a start, to interactive"
AGAIN = "the same map again, to interactive"
SELECT = "a link selected, to drawn"
EXPAND = "a bundle opened, to drawn"
_STEP = """([wanted, done]) => new Promise((resolve) => {
  const all = document.querySelectorAll(wanted);
  const one = all[all.length - 1], begun = performance.now();
  const id = one.id;
  const look = () => {
    const now = document.getElementById(id);
    if (done === "chosen" ? now && now.classList.contains("chosen") : !now || now !== one)
      requestAnimationFrame(() => resolve((performance.now() - begun) * 1000));
    else requestAnimationFrame(look);
  };
  one.dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true}));
  look();
})"""


def missing() -> str:
    """Return why there is no browser; empty where there is one."""
    if shutil.which("chromium") is None:
        return "chromium is not installed"
    return "" if importlib.util.find_spec("playwright") else "playwright is not installed"


def looks(store: str, ring: Path, task: str, key: str, *, starts: int) -> dict[str, list[float]]:
    """Return microseconds of each look, one of each kind for every start of the service.

    Args:
        store: URL of the store.
        ring: The key ring's file.
        task: Whose map is looked at.
        key: A reviewer's API key.
        starts: How often the service is started anew, so that it has read nothing before.
    """
    from playwright.sync_api import sync_playwright

    taken: dict[str, list[float]] = {}
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for _ in range(starts):
            with service(store, ring, ISSUER) as server:
                context = browser.new_context()
                page = context.new_page()
                _round(page, server.url, task, key, taken)
                context.close()
        browser.close()
    return taken


def _round(page: Any, url: str, task: str, key: str, taken: dict[str, list[float]]) -> None:
    def opened(what: str, address: str, ready: str) -> None:
        begun = time.perf_counter()
        page.goto(f"{url}{address}")
        page.wait_for_selector(ready, state="attached")
        taken.setdefault(what, []).append((time.perf_counter() - begun) * 1e6)

    page.goto(f"{url}/login")  # the browser's own first page is not what is measured
    opened(LOGIN, "/login", "#key")
    page.fill("#key", key)
    page.click("main button")
    page.wait_for_url(f"{url}/")
    for what in (FIRST, AGAIN):
        opened(what, f"/tasks/{task}/map", 'html[data-ready="1"]')
    link = ["#map a.link:not(.chosen)", "chosen"]
    taken.setdefault(SELECT, []).append(page.evaluate(_STEP, link))
    taken.setdefault(EXPAND, []).append(page.evaluate(_STEP, ["#map a.bundle", "gone"]))
