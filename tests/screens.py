"""Screenshots of the reviewer's pages from the demo's data: `PYTHONPATH=tests python -m screens`.

Writes `docs/screens/*.png`, which docs/how-to/reviewer-guide.md shows. Keys are made afresh at each run, so
fingerprints differ from run to run and pictures are not compared. Needs Chromium.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from serving import ROOT, serving

from delegation.client import Client
from delegation.lineage.entry import LinkEntry

OUT: Final = ROOT / "docs" / "screens"
SIZE: Final = {"width": 1440, "height": 900}


def demo(folder: Path) -> dict[str, Any]:
    """Run the demo in a folder and return what it reports."""
    run = [sys.executable, "-m", "delegation.cli", "demo", "--json"]
    done = subprocess.run(run, cwd=folder, capture_output=True, text=True, timeout=120, check=True)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def link_of(client: Client, task: str, holder: str) -> LinkEntry:
    """Return a task's link whose holder is, or is claimed to be, called so."""
    links = client.lineage(task).entry.links
    return next(one for one in links if holder in {one.holder_name, one.claimed_name})


@contextmanager
def browser() -> Iterator[Any]:
    """Run Chromium.

    Raises:
        SystemExit: It is not installed.
    """
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium")
    if program is None:
        raise SystemExit("Chromium is needed: apt install chromium")
    with sync_playwright() as play:
        one = play.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield one
        one.close()


def logged_in(chromium: Any, url: str, key: str, theme: str) -> Any:
    """Return a page of somebody who is logged in."""
    page = chromium.new_context(
        viewport=SIZE, color_scheme=theme, reduced_motion="reduce"
    ).new_page()
    page.goto(f"{url}/login")
    page.fill("#key", key)
    page.click("main button")
    page.wait_for_load_state("networkidle")
    return page


def take(folder: Path, out: Path) -> list[str]:
    """Run the demo, serve it, and take every picture; return their names."""
    told = demo(folder)
    taken: list[str] = []
    with serving(folder / "demo" / "delegation.db", folder) as service, browser() as chromium:
        url, keys = service["url"], service["api_keys"]
        first, second = told["task"], told["open_task"]
        with Client(url, api_key=keys["operator"]) as client:
            summariser = link_of(client, first, "summariser").id
            rnail = link_of(client, second, "rnail").id
            mail = link_of(client, first, "mail").id
            leak = next(one for one in client.decisions(link=mail, limit=50) if not one.allowed).id
            approver = client.create_api_key("cy", "approver", person="cy@acme.example")
        pictures = {
            "home": ("/", "light"),
            "map": (f"/tasks/{first}/map?focus={summariser}", "light"),
            "map-dark": (f"/tasks/{first}/map?focus={summariser}", "dark"),
            "link": (f"/links/{summariser}", "light"),
            "call": (f"/decisions/{leak}", "light"),
            "timeline": (f"/tasks/{first}/timeline", "light"),
            "path": ("/path?from=refund&to=payments.refund", "light"),
            "blast": (f"/links/{rnail}/blast", "light"),
            "unused": (f"/links/{rnail}/unused", "light"),
            "findings": ("/findings", "light"),
            "revoke": (f"/links/{rnail}/revoke", "light"),
        }
        pages = {
            theme: logged_in(chromium, url, keys["reviewer"], theme) for theme in ("light", "dark")
        }
        for name, (path, theme) in pictures.items():
            taken.append(_shoot(pages[theme], url + path, out / f"{name}.png"))
        page = logged_in(chromium, url, approver, "light")
        taken.append(_shoot(page, f"{url}/approvals/{told['approval']}", out / "approval.png"))
    return taken


def _shoot(page: Any, address: str, file: Path) -> str:
    answer = page.goto(address)
    if answer.status != 200:
        raise SystemExit(f"{address}: {answer.status}")
    page.wait_for_timeout(400)  # fonts and the live part
    page.screenshot(path=str(file))
    return file.name


def main() -> int:
    """Take all pictures."""
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="delegation-screens-") as folder:
        for name in take(Path(folder), OUT):
            sys.stdout.write(f"docs/screens/{name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
