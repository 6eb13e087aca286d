"""The overview in a real browser: everything is drawn, a click leads to the map, axe has no complaint."""

from __future__ import annotations

import httpx2 as httpx
import pytest


def test_everything_is_drawn_and_a_click_leads_to_the_map(site, visit) -> None:
    """As many marks as the page says links; the mark under the pointer opens with its link selected."""
    with visit() as one:
        page = one.goto(f"/tasks/{site.task}/overview")
        page.wait_for_selector("#overview[data-drawn]")
        drawn = int(page.get_attribute("#overview", "data-drawn"))
        headers = {"Authorization": f"Bearer {site.operator}"}
        model = httpx.get(f"{site.url}/v1/tasks/{site.task}/map.json", headers=headers).json()
        assert drawn == model["counts"]["total"] + 1
        assert f"{drawn - 1} links, every one drawn" in page.inner_text("#counts")
        rows = page.eval_on_selector_all(
            "tbody td:nth-of-type(1)", "all => all.map(a => Number(a.textContent))"
        )
        assert sum(rows) == drawn - 1
        said = page.evaluate("() => JSON.parse(document.getElementById('numbers').textContent)")
        box = page.locator("#overview canvas").bounding_box()
        row = box["height"] * said["row"] / said["height"]
        number = next(n for n, mark in enumerate(said["marks"]) if mark & 8)  # had denials
        spot = {
            "x": (said["columns"][number] + 0.3) * box["width"] / said["width"],
            "y": (said["rows"][number] / said["row"] + 0.5) * row,
        }
        page.hover("#overview canvas", position=spot)
        assert "had denials" in page.inner_text("#pointed")
        page.click("#overview canvas", position=spot)
        page.wait_for_selector("#panel h2")
        assert "Denied at step" in page.inner_text("#panel").replace("denied at", "Denied at")


def test_zooming_and_highlighting_draw_again(site, visit) -> None:
    """The wheel, the buttons and the highlight change the drawing and nothing of the page."""
    with visit() as one:
        page = one.goto(f"/tasks/{site.task}/overview")
        page.wait_for_selector("#overview[data-drawn]")
        picture = "() => document.querySelector('#overview canvas').toDataURL()"
        first = page.evaluate(picture)
        page.select_option("#highlight", "denied")
        page.wait_for_function(f"first => ({picture})() !== first", arg=first)
        page.select_option("#highlight", "")
        page.wait_for_function(f"first => ({picture})() === first", arg=first)
        page.locator("#overview").focus()
        assert page.evaluate("() => document.activeElement.id") == "overview"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_has_no_complaint(site, chromium, session, theme: str) -> None:
    """Both pages, both themes; the canvas is decoration, the table says the same."""
    from axe_playwright_python.sync_playwright import Axe

    context = chromium.new_context(bypass_csp=True, color_scheme=theme)
    context.add_cookies(session)
    page = context.new_page()
    for path in (f"/tasks/{site.task}/overview", "/overview"):
        page.goto(site.url + path)
        page.wait_for_selector("#overview[data-drawn]")
        found = Axe().run(page).response["violations"]
        assert [(v["id"], [n["html"][:120] for n in v["nodes"]]) for v in found] == []
    context.close()


def test_without_script_the_table_is_the_overview(site, visit) -> None:
    """Numbers by depth, and a word about the drawing."""
    with visit(java_script_enabled=False) as one:
        page = one.goto(f"/tasks/{site.task}/overview", ready=False)
        assert "The drawing needs script" in page.inner_text("main")
        assert page.locator("tbody tr").count() >= 4
        assert not page.locator("#overview").is_visible()
