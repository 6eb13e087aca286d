"""What holds on every page, in a real browser: narrow, without script, in every theme, live, with an instant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import pytest
from browsing import Desk, main, shape, tab_to

FEW = 6  # shapes that are looked at in a short run
few_or_all = pytest.mark.parametrize("most", [FEW, pytest.param(999, marks=pytest.mark.thorough)])


def crawled(one: Any, most: int) -> Iterator[tuple[str, Any]]:
    """Visit one page of each shape that is linked from the home page, so many; yield it open."""
    shapes: dict[str, str] = {}
    waiting = ["/", "/path?from=mailer&to=mail.send", "/path?from=mailer&to=files.read"]
    while waiting:
        path = waiting.pop(0)
        if shape(path) in shapes or path.startswith("/static/"):
            continue
        shapes[shape(path)] = path
        page = one.goto(path, ready=False)
        yield path, page
        if len(shapes) == most:
            return
        hrefs = page.eval_on_selector_all("a[href^='/']", "all => all.map(a => a.getAttribute('href'))")  # fmt: skip
        waiting += [href.partition("#")[0] for href in hrefs]
    assert {"/", "/log", "/endings", "/endings/*", "/path", "/links/*/revoke", "/approvals/*", "/compare", "/agents/*/blast"} <= shapes.keys()  # fmt: skip


@few_or_all
def test_no_page_scrolls_sideways_at_320_pixels(desk: Desk, enter: Any, most: int) -> None:
    """At 400 % zoom every page is one column; wide tables scroll by themselves."""
    with enter("operator", viewport={"width": 320, "height": 640}) as one:
        for path, page in crawled(one, most):
            assert page.evaluate("() => document.documentElement.scrollWidth") <= 320, path


@few_or_all
def test_every_page_is_whole_without_script(desk: Desk, enter: Any, most: int) -> None:
    """A heading, no control that needs script, and every question answered by links and forms."""
    with enter("operator", java_script_enabled=False) as one:
        for path, page in crawled(one, most):
            assert page.locator("h1").count() == 1, path
            assert page.locator(".needs-script:visible").count() == 0, path
            assert len(main(page)) > 20, path


def test_revoking_needs_no_script(desk: Desk, enter: Any) -> None:
    """Preview, reason, receipt, as ordinary forms."""
    with enter(java_script_enabled=False) as one:
        page = one.goto(f"/links/{desk.names['fetcher-11']}")
        page.click("a.danger")
        page.fill("#reason", "not needed")
        page.click("main button.danger")
        assert "1 link ended with this link" in main(page)


def ground(page: Any) -> str:
    """Return the colour behind everything."""
    return page.evaluate("() => getComputedStyle(document.documentElement).backgroundColor")


@pytest.mark.parametrize("script", [True, False])
def test_a_chosen_theme_is_kept_and_the_system_comes_back(
    desk: Desk, enter: Any, script: bool
) -> None:
    """By keyboard where there is script; as a plain form anyway. The page stays the same one."""
    with enter(color_scheme="light", java_script_enabled=script) as one:
        page = one.goto("/decisions?allowed=false")
        light = ground(page) if script else ""
        for theme in ("dark", "light", "system"):
            if script:
                tab_to(page, "details.menu summary")
                page.keyboard.press("Enter")
                tab_to(page, f"button[value='{theme}']")
                page.keyboard.press("Enter")
                page.wait_for_load_state()
            else:
                page.click("details.menu summary")
                page.click(f"button[value='{theme}']")
            chosen = None if theme == "system" else theme
            page.wait_for_selector(f"html[data-theme='{theme}']" if chosen else "html:not([data-theme])", state="attached")  # fmt: skip
            assert page.url.endswith("/decisions?allowed=false")
            if script:
                assert (ground(page) != light) == (theme == "dark")
                one.goto("/tasks")
                assert page.locator("html").get_attribute("data-theme") == chosen
                one.goto("/decisions?allowed=false")


def test_forced_colours_keep_every_state_apart(desk: Desk, enter: Any) -> None:
    """Marks, badges and frames that are only colour get lines of the user's own."""
    with enter("operator", forced_colors="active") as one:
        page = one.goto("/endings")
        style = "e => getComputedStyle(e).borderTopStyle"
        assert page.eval_on_selector(".tally", style) == "solid"
        assert page.eval_on_selector(".menu > summary", style) == "solid"
        page = one.goto("/")
        assert page.eval_on_selector(".needs li", style) == "solid"
        assert page.eval_on_selector(".badge", style) == "solid"
        page = one.goto(f"/tasks/{desk.task}")
        colour = "e => getComputedStyle(e).fill"
        assert page.eval_on_selector(".rhythm .up", colour) != page.eval_on_selector(".rhythm .all", colour)  # fmt: skip
        words = page.locator("td .state").all_inner_texts()
        assert {"revoked", "expired", "active"} <= {word.strip() for word in words}


def test_an_instant_is_chosen_on_the_slider_by_keyboard(desk: Desk, enter: Any) -> None:
    """Home goes to the first decision, End back to now; the drawing says the same numbers."""
    with enter() as one:
        page = one.goto(f"/tasks/{desk.task}")
        label = page.get_attribute(".rhythm", "aria-label")
        calls = desk.api(f"/v1/decisions?task={desk.task}&limit=1000")["decisions"]
        allowed = sum(made["allowed"] for made in calls)
        assert f"{allowed} allowed above the line, {len(calls) - allowed} denied below" in label
        page.locator("#at-slider").focus()
        page.keyboard.press("Home")
        page.wait_for_selector(".past")
        assert "at=" in page.url
        page.locator("#at-slider").focus()
        page.keyboard.press("End")
        page.wait_for_function("() => !location.search.includes('at=')")
        assert page.locator(".past").count() == 0


def test_b_on_the_map_asks_what_if_it_were_stolen(desk: Desk, enter: Any) -> None:
    """Only while the map has the focus: elsewhere a letter is a letter."""
    with enter() as one:
        page = one.goto(f"/tasks/{desk.task}/map?focus={desk.names['mailer']}")
        page.keyboard.press("b")
        assert "/map" in page.url
        page.locator(f"#n-{desk.names['mailer']}").focus()
        page.keyboard.press("b")
        page.wait_for_url(f"**/links/{desk.names['mailer']}/blast")
        assert "A thief could call" in main(page)


def test_an_open_page_hears_of_an_answer_and_keeps_the_focus(desk: Desk, enter: Any) -> None:
    """The state changes in place, the rest waits behind a button; the status line speaks once."""
    request = desk.requests[2]
    with enter() as one:
        page = one.goto(f"/approvals/{request}")
        page.wait_for_selector("#live[data-open]", state="attached")
        page.evaluate(
            "() => { window.spoken = []; new MutationObserver(() => window.spoken.push(document.getElementById('pulse').textContent))"
            ".observe(document.getElementById('pulse'), {childList: true, characterData: true, subtree: true}); }"
        )
        page.locator("#q").focus()
        page.keyboard.type("half")
        top = page.evaluate("() => document.querySelector('#wrote').getBoundingClientRect().top")
        headers = {"Authorization": f"Bearer {desk.keys['fay']}"}
        told = httpx.get(f"{desk.url}/v1/approvals/{request}", headers=headers).json()
        answer = {"reason": "seen", "binding": told["binding"]}
        done = httpx.post(f"{desk.url}/v1/approvals/{request}/grant", headers=headers, json=answer)
        assert done.status_code < 300, done.text
        page.wait_for_selector("#stands .granted")
        assert page.evaluate("() => document.activeElement.id") == "q"
        assert page.input_value("#q") == "half"
        assert page.evaluate("() => document.querySelector('#wrote').getBoundingClientRect().top") == top  # fmt: skip
        assert page.evaluate("() => window.spoken") == ["A request for approval was asked or answered."]  # fmt: skip
        page.wait_for_selector("#news:visible")
        assert "Approve one call" in page.inner_text("h1")
        page.click("#news")
        page.wait_for_selector("h1:has-text('One call of')")
        assert page.locator("#news").is_hidden()


def test_a_receipt_is_seen_to_be_confirmed_elsewhere(desk: Desk, enter: Any) -> None:
    """What verifiers outside the store confirm appears on the open page without anybody loading it again."""
    replica = _registered(desk)
    with enter("operator") as one:
        page = one.goto("/suspend?kind=agent&id=fetcher-9")
        page.fill("#reason", "odd hours")
        page.click("main form.stack button")
        page.wait_for_url("**/endings/**")
        assert f"not yet confirmed {replica}" in main(page)
        page.wait_for_selector("#live[data-open]", state="attached")
        epoch = int(re.search(r"/endings/(\d+)", page.url).group(1))
        headers = {"Authorization": f"Bearer {desk.keys['operator']}"}
        place = f"{desk.url}/v1/replicas/{replica}/poll"
        polled = httpx.post(place, headers=headers, json={"after": epoch, "limit": 10, "wait": 0})
        assert polled.status_code < 300, polled.text
        page.wait_for_selector("#heard .state.passed:has-text('confirmed')")
        assert "1 of 1 verifiers outside the store have applied it" in main(page)


def _registered(desk: Desk) -> str:
    headers = {"Authorization": f"Bearer {desk.keys['operator']}"}
    answer = httpx.post(f"{desk.url}/v1/replicas", headers=headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["replica"])
