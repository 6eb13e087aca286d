"""Money is shown with its currency wherever a call's arguments, or what a grant says of them, are shown."""

from __future__ import annotations

import re
from html import unescape

import pytest
from browsing import Browser
from consent import approver, rule
from world import DESK, OWNER, World

from delegation import Access, Grant, Tool, anything, between, canonical, may
from delegation.commands.work import DecisionDetail
from delegation.lineage.approval import ApprovalEntry
from delegation.messages.answers import answer_json, read_answer

PAY = Tool(
    "shop.pay",
    effect="write",
    arguments={
        "total": {"type": "money", "currency": "USD"},
        "parts?": {
            "type": "list",
            "of": {"type": "object", "fields": {"fee": {"type": "money", "currency": "JPY"}}},
        },
    },
    cost={"usd_cents": "total"},
)


def seen(answer) -> str:
    """Return what a page says, without its markup."""
    return unescape(re.sub(r"<[^>]+>", "", answer.text))


@pytest.fixture
def paying() -> World:
    """Return a world in which payments of a shop need consent."""
    world = World()
    world.tracker.add_tool(PAY)
    ceiling = Grant(
        [may("shop.pay", total=between(100, 5000), parts=anything())],
        audience=[DESK], purpose="desk", delegations_left=6, budget={"calls": 50, "usd_cents": 9000},
        needs_approval=[rule("shop.*")],
    )  # fmt: skip
    world.task = world.tracker.open_task("Pay", owner=OWNER, ceiling=ceiling, lasts=1000)
    return world


def pay(world: World, total: int, **more: object):
    """Try to pay."""
    access = Access(
        "shop.pay", {"total": total, **more}, DESK, purpose="desk", max_cost={"usd_cents": 5000}
    )
    return world.check(world.chain("boss", "a"), "a", access)


def test_the_approver_sees_the_amount_with_its_currency(paying: World) -> None:
    """On the page and in the answer of the service; nested amounts by their place."""
    asked = pay(paying, 1250, parts=[{"fee": 300}])
    assert asked.approval, asked
    entry = paying.tracker.approval(asked.approval)
    assert entry.amounts == {"total": "12.50 USD", "parts[0].fee": "300 JPY"}
    assert read_answer(ApprovalEntry, answer_json(entry)).amounts == entry.amounts
    assert paying.tracker.approvals()[0].amounts == entry.amounts
    key = approver(paying, "Fay@acme.example", "finance")
    browser = Browser(paying, role="")
    browser.name = key.name
    browser.log_in()
    page = seen(browser.get(f"/approvals/{asked.approval}"))
    assert "number, 12.50 USD" in page
    assert "list of 1, [0].fee 300 JPY" in page
    granted = paying.tracker.grant_approval(asked.approval, by=key, reason="ok")
    assert granted.amounts == entry.amounts


def test_a_call_shows_its_amounts_whether_it_was_allowed_or_not(paying: World) -> None:
    """The page of a decision, what was sent and what is canonical, and its JSON."""
    reviewer = Browser(paying)
    for total, said in ((1250, "12.50 USD"), (700_000, "7000.00 USD")):
        made = pay(paying, total)
        detail = paying.tracker.decision(made.id)
        assert detail.amounts == {"total": said}
        body = answer_json(detail)
        assert read_answer(DecisionDetail, body).amounts == detail.amounts
        assert canonical.parse(canonical.encode(body)) == body
        assert said in seen(reviewer.get(f"/decisions/{made.id}"))


def test_a_link_says_what_it_may_pay_in_its_currency(paying: World) -> None:
    """The page of a link, in the words of the grant."""
    root = paying.root("boss")
    shown = seen(Browser(paying).get(f"/links/{root.id}"))
    assert "total 1.00 USD … 50.00 USD" in shown


def test_the_currency_is_that_of_the_definition_in_force(paying: World) -> None:
    """A tool that is redefined later changes nothing of what a call meant."""
    made = pay(paying, 1250)
    other = Tool("shop.pay", effect="write", arguments={"total": {"type": "money", "currency": "JPY"}})  # fmt: skip
    paying.tracker.add_tool(other)
    assert paying.tracker.decision(made.id).amounts == {"total": "12.50 USD"}
