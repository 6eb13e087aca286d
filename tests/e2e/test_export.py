"""Exports in a real browser: from a view to a file with its digest, with script and without, both themes."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from delegation.client import Client


@pytest.mark.parametrize("script", [True, False])
def test_a_view_becomes_a_file_whose_digest_was_shown(visit, site, script: bool) -> None:
    """Export…, a form, progress, SHA-256, download: the file is the one that the page told of."""
    with visit(java_script_enabled=script) as one:
        page = one.goto("/decisions?allowed=true", ready=False)
        page.click("text=Export…")
        page.check('input[value="ocsf"]')
        page.click("text=Make it with progress…")
        page.wait_for_selector("text=SHA-256", timeout=90_000)
        with page.expect_download() as got:
            page.click("text=Download")
        data = Path(got.value.path()).read_bytes()
        assert got.value.suggested_filename.endswith(".ocsf.json")
        assert hashlib.sha256(data).hexdigest() in page.inner_text("main")
        with Client(site.url, api_key=site.key) as client:
            number = len(client.decisions(allowed=True, limit=1000))
        assert len(json.loads(data)["events"]) == number
        page.click("text=Forget it")
        page.wait_for_selector("text=Cancelled")


def test_at_once_by_keyboard(visit, site) -> None:
    """A task's drawing as a file, without a mouse."""
    with visit() as one:
        page = one.goto(f"/tasks/{site.task}", ready=False)
        page.focus("text=Export…")
        page.keyboard.press("Enter")
        page.wait_for_selector(".forms legend")
        page.focus('input[value="svg"]')
        page.keyboard.press("Space")
        with page.expect_download() as got:
            page.focus("text=Download now")
            page.keyboard.press("Enter")
        assert Path(got.value.path()).read_bytes().startswith(b"<svg")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_have_no_axe_violation(visit, site, scheme: str) -> None:
    """The list of views, a view's forms, and a finished job."""
    from axe_playwright_python.sync_playwright import Axe

    with visit(color_scheme=scheme) as one:
        for number, path in enumerate(("/exports", f"/exports?view=lineage&task={site.task}")):
            page = one.goto(path, ready=False)
            assert Axe().run(page).response["violations"] == []
            shot(page, f"{number}-{scheme}")
        page.click("text=Make it with progress…")
        page.wait_for_selector("text=SHA-256", timeout=90_000)
        assert Axe().run(page).response["violations"] == []
        shot(page, f"2-{scheme}")
        page.click("text=Forget it")
        page.wait_for_selector("text=Cancelled")


def shot(page, name: str) -> None:
    """Keep a picture where somebody asks for it, for eyes."""
    folder = os.environ.get("EXPORT_SHOTS")
    if folder:
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)
