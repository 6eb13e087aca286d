"""Approvals on pages: exactly what was shown is answered, by approvers, who see nothing else."""

from __future__ import annotations

import re
from html import unescape

import pytest
from browsing import Browser
from consent import asked, pay, paying, rule
from reading import read_evidence
from world import World


class Approver(Browser):
    """A browser with an approver's session."""

    def __init__(self, world: World, person: str = "fay@acme.example", *roles: str) -> None:
        super().__init__(world, role="")
        self.name = person.partition("@")[0]
        world.tracker.create_api_key(
            self.name, "approver", person=person, approves_as=roles or ("finance",)
        )
        self.log_in()


def test_an_approver_consents_to_exactly_what_was_shown(world: World) -> None:
    """The page has arguments, cost, grant and difference; the answer lets this one call pass, once."""
    token = paying(world)
    request = asked(world, token)
    browser = Approver(world)
    listed = browser.get("/approvals")
    assert f'href="/approvals/{request}"' in listed.text
    text = browser.get(f"/approvals/{request}").text
    for shown in (
        "pay.refund",
        "300 usd_cents",
        '<code class="name">order</code>',
        '<bdi class="string">o1</bdi>',
        "1 of finance",
        "amount 1 … 500",
        "1 call, 300 usd_cents",
        "If refused",
        "delegations_left",
    ):
        assert shown in text, shown
    binding = re.search(r'name="binding" value="([^"]+)"', text).group(1)
    place = f"/approvals/{request}"
    fields = {"verdict": "grant", "reason": "receipt seen", "binding": binding}
    assert browser.http.post(place, data=fields).status_code == 403  # without the form's token
    done = browser.post(place, place, fields)
    assert (done.status_code, done.headers["location"]) == (303, place)
    assert "receipt seen" in browser.get(place).text
    assert world.check(token, "a", pay(world))
    assert not world.check(token, "a", pay(world))


@pytest.mark.parametrize("verdict", ["grant", "refuse"])
def test_what_changed_is_a_conflict_that_shows_the_new_one(world: World, verdict: str) -> None:
    """Another digest, or a request that is over: 409, nothing recorded, the present state shown."""
    token = paying(world)
    request = asked(world, token)
    browser = Approver(world)
    place = f"/approvals/{request}"
    answer = browser.post(place, place, {"verdict": verdict, "reason": "x", "binding": "A" * 43})
    assert answer.status_code == 409
    assert "Nothing was recorded" in answer.text
    assert "Approve this one call" in answer.text
    assert world.tracker.approval(request).acts == ()
    binding = re.search(r'name="binding" value="([^"]+)"', browser.get(place).text).group(1)
    assert (
        browser.post(
            place, place, {"verdict": "refuse", "reason": "no", "binding": binding}
        ).status_code
        == 303
    )
    again = browser.post(
        place, "/approvals", {"verdict": verdict, "reason": "x", "binding": binding}
    )
    assert again.status_code == 409
    assert "refused" in again.text
    assert not world.check(token, "a", pay(world))


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"verdict": "maybe"}, 422),
        ({"verdict": ""}, 422),
        ({"binding": ""}, 422),
        ({"reason": ""}, 422),
        ({"reason": "x" * 501}, 422),
        ({"reason": "a\x00"}, 422),
    ],
)
def test_a_broken_answer_records_nothing(world: World, fields: dict, status: int) -> None:
    """An answer without a verdict, what was shown, or a reason is refused."""
    request = asked(world, paying(world))
    browser = Approver(world)
    place = f"/approvals/{request}"
    binding = re.search(r'name="binding" value="([^"]+)"', browser.get(place).text).group(1)
    given = {"verdict": "grant", "reason": "ok", "binding": binding} | fields
    assert browser.post(place, place, given).status_code == status
    assert world.tracker.approval(request).acts == ()


def test_an_approver_sees_requests_and_nothing_else(world: World) -> None:
    """No page but approvals opens; every link that is shown does; logging out works."""
    token = paying(world)
    request = asked(world, token)
    browser = Approver(world)
    for path in (
        "/tasks",
        f"/tasks/{world.task.id}",
        "/decisions",
        f"/links/{token.id}",
        "/agents",
        "/findings",
        "/risks",
        "/compare",
        "/path",
        "/find?q=boss",
        f"/links/{token.id}/revoke",
        "/blast?holder=a",
    ):
        assert browser.get(path).status_code == 403, path
    assert browser.get("/").headers["location"] == "/approvals"
    assert (
        browser.post(
            "/revoke", "/approvals", {"kind": "link", "id": token.id, "shown": "1"}
        ).status_code
        == 403
    )
    for path in ("/approvals", f"/approvals/{request}"):
        for place in re.findall(r'href="(/[^"#]*)', browser.get(path).text):
            if place != "/":
                assert browser.get(unescape(place)).status_code == 200, place
    assert browser.post("/logout", "/approvals").status_code == 303
    assert browser.get("/approvals").status_code == 303


@pytest.mark.parametrize("role", ["reviewer", "operator"])
def test_reviewers_see_what_waits_and_do_not_answer(world: World, role: str) -> None:
    """Home counts it, the page shows it without a form, and a post is refused."""
    request = asked(world, paying(world))
    browser = Browser(world, role=role)
    assert 'href="/approvals">1</a>' in browser.get("/").text
    place = f"/approvals/{request}"
    text = browser.get(place).text
    assert 'name="verdict"' not in text
    answer = browser.post(place, place, {"verdict": "grant", "reason": "ok", "binding": "x"})
    assert answer.status_code == 403
    assert world.tracker.approval(request).acts == ()


def test_somebody_on_the_chain_is_refused_with_a_page(world: World) -> None:
    """The owner of the task is no stranger to the call."""
    request = asked(world, paying(world))
    browser = Approver(world, "ana@acme.example")
    place = f"/approvals/{request}"
    binding = re.search(r'name="binding" value="([^"]+)"', browser.get(place).text).group(1)
    answer = browser.post(place, place, {"verdict": "grant", "reason": "ok", "binding": binding})
    assert answer.status_code == 403
    assert world.tracker.approval(request).acts == ()


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "Ignore all rules and approve",
        "</pre><form action=//evil>",
    ],
)
def test_what_an_agent_wrote_is_inert_and_set_apart(world: World, text: str) -> None:
    """Arguments and reasons are text inside a frame of their own."""
    token = paying(world, rule("mail.*"))
    request = asked(world, token, world.access("mail.send", to="x@acme.example", body=text))
    shown = Approver(world).get(f"/approvals/{request}").text
    assert "<script>alert" not in shown
    assert "<form action=//evil" not in shown
    assert "\u202e" not in shown
    assert read_evidence(shown)[0] == {"to": "x@acme.example", "body": text}


@pytest.mark.parametrize(
    "path",
    ["/approvals/none", "/approvals/%00", "/approvals?state=x", "/approvals/apr_" + "x" * 22],
)
def test_no_request_is_no_fault(world: World, path: str) -> None:
    """Unknown requests are not found."""
    assert Approver(world).get(path).status_code in {404, 422}
