"""What reviewers, operators and approvers do, in a real browser: by keyboard, without script, narrow, live."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from browsing import Desk, main, tab_to


def test_a_link_is_revoked_by_keyboard_and_seen_to_go(desk: Desk, enter: Any) -> None:
    """Button, preview, reason, confirmation, receipt: with Tab and Enter alone."""
    with enter() as one:
        page = one.goto(f"/links/{desk.names['fetcher-8']}")
        tab_to(page, "a.danger")
        page.keyboard.press("Enter")
        page.wait_for_selector("h1:has-text('and end 2 links?')")
        assert "Would end 2" in main(page)
        tab_to(page, "#reason")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.url.endswith("/revoke"), "without a reason the form is not sent"
        assert page.evaluate("() => document.activeElement.id") == "reason"
        page.keyboard.type("a key in a paste")
        tab_to(page, "button.danger")
        page.keyboard.press("Enter")
        page.wait_for_url("**/endings/**")
        said = main(page)
        assert "2 links ended with this link" in said
        assert re.search(r"Last allowance files\.read at", said)
        assert "a key in a paste" in said
        assert page.locator("#gone + ul .state.revoked").count() == 2
        assert desk.api(f"/v1/links/{desk.names['helper-8']}")["standing"] == "revoked"


def test_operators_freeze_by_keyboard_and_end_it(desk: Desk, enter: Any) -> None:
    """Both ways take a preview and a reason; in between the API says the same."""
    with enter("operator") as one:
        page = one.goto("/endings")
        for word, done in (("Freeze", "Frozen"), ("End the freeze", "Resumed")):
            tab_to(page, "a[href='/suspend'], a[href='/resume']")
            page.keyboard.press("Enter")
            page.wait_for_selector("#reason")
            tab_to(page, "#reason")
            page.keyboard.type(f"{word} drill")
            page.keyboard.press("Enter")
            page.wait_for_selector(f"h1:has-text('{done}')")
            held = desk.api("/v1/suspensions")["suspensions"]
            assert any(one["kind"] == "everything" for one in held) == (done == "Frozen")
            if done == "Frozen":
                page.click("summary:has-text('Signed by the service')")
                assert page.locator("details pre").inner_text().count(".") >= 2
            page = one.goto("/endings")


@pytest.mark.parametrize(("n", "verdict"), [(0, "granted"), (1, "refused")])
def test_an_approver_answers_by_keyboard_with_a_reason(
    desk: Desk, enter: Any, n: int, verdict: str
) -> None:
    """From the list to the request to the answer: with Tab and Enter alone; no reason, no answer."""
    request = desk.requests[n]
    with enter("fay") as one:
        page = one.goto("/approvals")
        tab_to(page, f"a[href='/approvals/{request}']")
        page.keyboard.press("Enter")
        page.wait_for_selector("h1:has-text('pay.refund')")
        button = f"button[value='{'grant' if verdict == 'granted' else 'refuse'}']"
        tab_to(page, button)
        page.keyboard.press("Enter")
        assert page.locator("#stands .waiting").count() == 1, "nothing was sent without a reason"
        assert page.evaluate("() => document.activeElement.id") == "reason"
        page.keyboard.type("receipt seen")
        tab_to(page, button)
        page.keyboard.press("Enter")
        page.wait_for_selector(f"#stands .{verdict}")
        assert "receipt seen" in main(page)
    assert desk.api(f"/v1/approvals/{request}")["state"] == verdict


def test_a_finding_is_dismissed_by_keyboard(desk: Desk, enter: Any) -> None:
    """Unfold, give a reason, send: and it stands among the dismissed."""
    before = len(desk.api("/v1/findings")["open"])
    with enter() as one:
        page = one.goto("/findings")
        tab_to(page, "td summary")
        page.keyboard.press("Enter")
        tab_to(page, "td details[open] input[name='reason']")
        page.keyboard.type("known to us")
        page.keyboard.press("Enter")
        page.wait_for_selector("#dismissed + ul")
        assert "known to us" in page.inner_text("#dismissed + ul")
    told = desk.api("/v1/findings")
    assert (len(told["open"]), len(told["dismissed"])) == (before - 1, 1)


CLICKS: dict[str, tuple[list[str], str]] = {
    "who delegated what to whom": (["Who delegated what to whom?"], r"Who delegated what to whom.*planner"),
    "what could an agent do": (["Agents", "writer"], r"Could use 1 tool by 1 link"),
    "which path gave authority for a call": (["Decisions", "files.read"], r"The fourteen steps.*The chain it was judged on"),
    "which caveat stopped it": (["mail.send"], r"denied at step 8: argument_refused at link 0.*refused here"),
    "how could it reach a tool": (["Agents", "mailer", "How could it reach a tool?", "mail.send"], r"It could, by 1 chain"),
    "why could it not": (["Agents", "mailer", "How could it reach a tool?", "files.read"], r"It could not\..*Why not"),
    "what did each link give up": (["Quarter close", "writer"], r"How it got this authority.*mail\.send"),
    "blast radius": (["Agents", "mailer", "Blast radius"], r"A thief could call 1 tool"),
    "granted and never used": (["Quarter close", "summariser", "What was never used?"], r"never used 1 of 3 tools"),
    "what is too broad": (["What is too broad, too long, too deep?"], r"Findings.*in \d+ links of open tasks"),
    "the riskiest link": (["Which link is the riskiest?"], r"effect x \(1 \+ sensitivity\)"),
    "what changed": (["What changed since yesterday?"], r"\d+ added, \d+ revoked"),
    "what would survive": (["Quarter close", "writer", "Revoke this and 1 below…"], r"Would end.*Would survive"),
    "what was ended": (["What was ended, and what could be?"], r"found in a paste"),
    "is the record intact": (["Is the record intact?"], r"under the newest checkpoint"),
    "what waits, and what is granted": ([re.compile(r"^Approvals \d waiting$"), "pay.refund"], r"The authority it uses.*Against the grant above it"),
}  # fmt: skip


@pytest.mark.parametrize("question", CLICKS)
def test_each_question_takes_at_most_four_clicks(desk: Desk, enter: Any, question: str) -> None:
    """From the home page, by the words on the links."""
    clicks, answer = CLICKS[question]
    assert len(clicks) <= 4
    with enter() as one:
        page = one.goto("/")
        for name in clicks:
            page.get_by_role("link", name=name, exact=True).first.click()
        assert re.search(answer, main(page)), main(page)[:600]


def test_what_is_asked_stands_in_the_address(desk: Desk, enter: Any) -> None:
    """A permalink opened elsewhere shows the same: filters, questions, instants."""
    hour = f"vs=2026-01-01T00:00:00Z&at={int(time.time())}"  # now is another second on each page
    places = [
        "/decisions?allowed=false", "/decisions?tool=mail.send", "/findings?severity=medium", "/path?from=mailer&to=mail.send", f"/compare?{hour}",
        "/approvals?state=refused", f"/links/{desk.names['writer']}/reach", f"/tasks/{desk.task}/timeline?after=10", "/revoke?kind=tool&id=mail.send",
    ]  # fmt: skip
    with enter() as first, enter() as second:
        for place in places:
            here = main(first.goto(place))
            assert main(second.goto(first.page.url.removeprefix(desk.url))) == here, place


def test_the_past_is_marked_on_every_view_that_has_one(desk: Desk, enter: Any) -> None:
    """The banner names the instant, and leads back to the same page as it is now."""
    at = "2027-01-15T08:00:00Z"
    link = desk.names["writer"]
    with enter() as one:
        for place in (
            f"/tasks/{desk.task}", f"/tasks/{desk.task}/map", f"/tasks/{desk.task}/timeline", f"/links/{link}", f"/links/{link}/reach",
            "/agents", "/agents/writer", "/path?from=writer&to=mail.send", "/map",
        ):  # fmt: skip
            page = one.goto(f"{place}{'&' if '?' in place else '?'}at={at}")
            assert "State at 2027-01-15 08:00:00 UTC" in page.inner_text(".past"), place
            assert page.input_value("#at") == at
            page.click(".past a")
            page.wait_for_function("() => !location.search.includes('at=')")
            assert page.url.removeprefix(desk.url) == place
            assert page.locator(".past").count() == 0


def test_counts_on_pages_are_the_apis(desk: Desk, enter: Any) -> None:
    """What a page counts and what the API lists is the same set."""
    with enter() as one:
        page = one.goto("/")
        big = page.locator(".needs .big").all_inner_texts()
        waiting = desk.api("/v1/approvals?state=pending")
        assert big[0] == str(len(next(iter(v for v in waiting.values() if isinstance(v, list)))))
        assert big[1] == str(len(desk.api("/v1/findings")["open"]))
        assert int(big[2]) == len(desk.api("/v1/decisions?allowed=false")["decisions"])
        agents = len(desk.api("/v1/agents")["agents"])
        assert f"{agents} registered agents" in main(one.goto("/agents"))
        pairs = len(desk.api("/v1/handovers")["handovers"])
        assert f"{pairs} pairs" in main(one.page)
        acts = {"revoke", "suspend", "resume"}
        changes = [c for c in desk.api("/v1/revocations?limit=1000")["revocations"] if c["act"] in acts]  # fmt: skip
        told = main(one.goto("/endings"))
        assert re.search(rf"\b{len(changes)} changes?, the newest first", told)
        there = desk.api(f"/v1/survivors?kind=task&id={desk.task}")
        said = main(one.goto(f"/tasks/{desk.task}/revoke"))
        assert f"and end {len(there['ends'])} links?" in said
