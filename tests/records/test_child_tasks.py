"""Child tasks: opened by agents, within their grant, ledger, history and standing."""

from __future__ import annotations

import pytest
from below import open_below
from flow_world import CAPABILITIES, PII, FlowWorld
from sqlalchemy import text
from world import NOW, OWNER, World, verdict

from delegation import Access, Grant, Token, Tool, anything, may
from delegation.commands.open_child import Opening, opening_request
from delegation.commands.revoke import revocation_request
from delegation.errors import ConflictError, MalformedError, UnverifiedError
from delegation.judge.limits import Limits


def refused(world: World, token: Token, by: str, **fields: object) -> str:
    """Return why a child task is refused; nothing but the denial is recorded."""
    with world.tracker._store._database.reading() as connection:
        before = connection.execute(text("SELECT count(*) FROM task")).scalar_one()
    with pytest.raises(UnverifiedError) as caught:
        open_below(world, token, by, "x", **fields)
    with world.tracker._store._database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM task")).scalar_one() == before
    last = world.tracker.decisions(limit=1000)[-1]
    assert (last.tool, last.code) == ("delegation.open_task", caught.value.reason)
    return caught.value.reason


def test_an_agent_opens_a_task_within_its_grant(world: World) -> None:
    """Its root is the issuer's, under the opener's link; owner and root are the parent's."""
    opener = world.chain("boss", "a", budget={"calls": 5}, effects=["read"])
    task, root = open_below(world, opener, "a", "sub")
    assert (task.parent, task.under, task.owner) == (world.task.id, opener.id, OWNER)
    assert (root.chain.origin.under, root.chain.origin.task) == (opener.id, task.id)
    assert (task.state, task.deadline, root.grant.expires_at) == ("open", NOW + 100, NOW + 100)
    assert root.grant.effects == ("read",)
    child = root.delegate(by=world.key("sub"), to=world.key("leaf").public, grant=Grant())
    assert world.check(child, "leaf")
    assert world.tracker.task(task.id).state == "active"
    entry = world.tracker.link(child.id)
    assert (entry.standing, entry.task) == ("active", task.id)


def test_what_the_opener_does_not_hold_is_refused(world: World) -> None:
    """Wider, longer, deeper, over, revoked, replayed, proven for something else: each has its code."""
    opener = world.chain("boss", "a", budget={"calls": 5}, effects=["read"])
    wide = Grant([may("pay.refund", order=anything(), amount=anything())])
    assert refused(world, opener, "a", ceiling=wide) == "argument_widened"
    assert refused(world, opener, "a", ceiling=Grant(effects=["write"])) == "effects_widened"
    assert refused(world, opener, "a", ceiling=Grant(budget={"calls": 6})) == "budget_widened"
    assert refused(world, opener, "a", lasts=5000) == "expiry_widened"
    late = Grant(expires_at=NOW + 500)
    assert refused(world, opener, "a", ceiling=late) == "expiry_widened"
    last = world.chain("boss", "b", delegations_left=0)
    assert refused(world, last, "b") == "delegations_exhausted"
    assert refused(world, opener, "boss") == "proof_signature"
    opening = Opening("Part", Grant(), world.key("x").public)
    other = Opening("Part", Grant(), world.key("x").public, lasts=50)
    proof = world.key("a").prove(opener, opening_request(world.tracker.issuer, opening), at=NOW)
    with pytest.raises(UnverifiedError) as caught:
        world.tracker.open_child_task(opener, proof, other)
    assert caught.value.reason == "proof_other_access"
    ok = Opening("Part", Grant(), world.key("x").public, lasts=50)
    proof = world.key("a").prove(opener, opening_request(world.tracker.issuer, ok), at=NOW)
    world.tracker.open_child_task(opener, proof, ok)
    with pytest.raises(UnverifiedError) as caught:
        world.tracker.open_child_task(opener, proof, ok)
    assert caught.value.reason == "replayed"
    world.tracker.revoke("link", opener.chain.links[0].id, by="t")
    assert refused(world, opener, "a") == "link_revoked"
    world.at = NOW + 1000
    assert refused(world, opener, "a") == "expired"


def test_the_openers_end_is_the_end_of_all_below(world: World) -> None:
    """Revoking any link, key or agent on the opener's chain, or the opener's task, ends the child's tokens."""
    ends = {
        "link_revoked": lambda opener: world.tracker.revoke("link", opener.id, by="t"),
        "key_revoked": lambda _: world.tracker.revoke(
            "key", world.key("a").public.text.removeprefix("ed25519:"), by="t"
        ),
        "task_revoked": lambda _: world.tracker.revoke("task", world.task.id, by="t"),
    }
    for code, end in ends.items():
        world.task = world.open()
        world.keys.clear()
        opener = world.chain("boss", "a")
        _, root = open_below(world, opener, "a", "sub")
        _, deep = open_below(world, root, "sub", "deeper")
        assert world.check(deep, "deeper")
        end(opener)
        assert verdict(world.check(deep, "deeper")) == (10, code)
        assert world.tracker.link(deep.id).standing == "revoked"


def test_closing_the_parent_closes_the_children(world: World) -> None:
    """All below is over with it, whatever its own row said; closing a child leaves the parent open."""
    opener = world.chain("boss", "a")
    first, root = open_below(world, opener, "a", "sub")
    second, deep = open_below(world, root, "sub", "deeper")
    world.tracker.close_task(second, "failed")
    assert verdict(world.check(deep, "deeper")) == (10, "task_closed")
    assert world.check(root, "sub")
    world.tracker.close_task(world.task)
    assert verdict(world.check(root, "sub")) == (10, "task_closed")
    states = [world.tracker.task(t.id).state for t in (world.task, first, second)]
    assert states == ["completed", "aborted", "failed"]
    assert world.tracker.link(root.id).standing == "task_closed"
    with pytest.raises(ConflictError):
        world.tracker.issue(first, to=world.key("x").public)


def test_an_opener_cuts_what_is_below_in_its_child_task(world: World) -> None:
    """Any holder above may, also through the task that it opened; a stranger and the child itself may not."""
    opener = world.chain("boss", "a")
    _, root = open_below(world, opener, "a", "sub")
    leaf = root.delegate(by=world.key("sub"), to=world.key("leaf").public, grant=Grant())
    assert world.check(leaf, "leaf")
    request = revocation_request(world.tracker.issuer, leaf.id)
    for token, name in ((world.chain("boss", "b"), "b"), (leaf, "leaf")):
        with pytest.raises(UnverifiedError) as caught:
            world.tracker.revoke_below(
                token, world.key(name).prove(token, request, at=NOW), leaf.id
            )
        assert caught.value.reason == "not_below_own_link"
    world.tracker.revoke_below(opener, world.key("a").prove(opener, request, at=NOW), leaf.id)
    assert verdict(world.check(leaf, "leaf")) == (10, "link_revoked")
    assert world.check(root, "sub")


def test_a_child_spends_what_its_opener_has(world: World) -> None:
    """Its calls are charged to its ledger, to the opener's links and to the parent's ledger."""
    opener = world.chain("boss", "a", budget={"calls": 3})
    sibling = opener.delegate(by=world.key("a"), to=world.key("b").public, grant=Grant())
    task, root = open_below(world, opener, "a", "sub", ceiling=Grant(budget={"calls": 2}))
    assert world.check(root, "sub")
    assert world.check(root, "sub")
    assert verdict(world.check(root, "sub")) == (12, "budget_spent")
    assert world.check(sibling, "b")
    assert verdict(world.check(sibling, "b")) == (12, "budget_spent")
    assert dict(world.tracker.task(task.id).spent)["calls"] == 2
    assert dict(world.tracker.task(world.task.id).spent)["calls"] == 3
    _, other = open_below(world, opener, "a", "sub")
    assert verdict(world.check(other, "sub")) == (12, "budget_spent"), "the opener has nothing left"


def test_a_child_names_no_money_of_its_own(world: World) -> None:
    """A ceiling budgets only what the ledgers above name: else an agent would print money."""
    world.task = world.open(budget={"calls": 9})
    opener = world.chain("boss", "a")
    _, root = open_below(world, opener, "a", "sub", ceiling=Grant(budget={"usd_cents": 500}))
    pay = world.access("pay.refund", order="o1", amount=5)
    assert verdict(world.check(root, "sub", pay)) == (12, "budget_not_named")


def test_a_child_speaks_of_the_tools_that_its_opener_speaks_of(world: World) -> None:
    """A tool that was redefined since does not come back through a root that is pinned anew."""
    opener = world.chain("boss", "a")
    world.tracker.add_tool(Tool("files.read", effect="read", arguments={"path": "text"}))
    task, root = open_below(world, opener, "a", "sub")
    assert verdict(world.check(root, "sub")) == (8, "tool_redefined")
    again = world.tracker.issue(task, to=world.key("y").public)
    assert again.chain.origin.catalogue == root.chain.origin.catalogue
    assert verdict(world.check(again, "y")) == (8, "tool_redefined")


@pytest.fixture
def flow(url) -> FlowWorld:
    """Return a world with a history."""
    world = FlowWorld(url=url)
    yield world
    world.tracker.close()


@pytest.mark.parametrize("reads", ["the child", "the parent", "a child of the child"])
def test_a_history_is_one_with_its_child_tasks(flow: FlowWorld, reads: str) -> None:
    """A read labelled pii in one task and a send in another of the same root are one chain of calls."""
    for is_early in (True, False):
        flow.task = flow.flow_task(flow=[PII] if is_early else [])
        opener = flow.chain("boss", "a")
        _, child = open_below(flow, opener, "a", "sub", ceiling=Grant(CAPABILITIES, flow=[PII]))
        _, deep = open_below(flow, child, "sub", "deep")
        readers = {"the child": (child, "sub"), "the parent": (opener, "a")}
        reader = readers.get(reads, (deep, "deep"))
        sender = (opener, "a") if reads != "the parent" else (deep, "deep")
        ruled = sender if is_early or reads == "the parent" else (deep, "deep")
        assert flow.ask(*ruled, "web.post"), "the reverse order is allowed"
        read = flow.ask(*reader, "crm.read")
        assert read
        denied = flow.ask(*ruled, "web.post")
        assert verdict(denied) == (11, "flow_forbidden")
        assert denied.denial.offered["decision"] == read.id


def test_idle_tasks_are_over(world: World) -> None:
    """So many seconds without an allowed call; a denied call, or a listing, does not keep a task awake."""
    world.task = world.tracker.open_task(
        "T",
        owner=OWNER,
        lasts=1000,
        idle=30,
        ceiling=world.task.ceiling.narrow(expires_at=NOW + 900),
    )
    token = world.chain("boss", "a")
    world.at = NOW + 29
    assert world.check(token, "a")
    world.at = NOW + 58
    other = Access("files.read", {"path": "relative"}, world.access().audience, purpose="desk")
    assert verdict(world.check(token, "a", other)) == (8, "path_not_absolute")
    assert world.tracker.task(world.task.id).state == "active"
    world.at = NOW + 59
    assert world.tracker.task(world.task.id).state == "idle"
    assert world.tracker.link(token.id).standing == "expired"
    assert verdict(world.check(token, "a")) == (10, "task_idle")
    with pytest.raises(ConflictError):
        world.tracker.issue(world.task, to=world.key("x").public)


def test_a_childs_calls_keep_its_parent_awake(world: World) -> None:
    """Whoever waits for its child task is not idle; a child's own time runs by its own calls."""
    ceiling = world.task.ceiling.narrow(expires_at=NOW + 900)
    world.task = world.tracker.open_task("T", owner=OWNER, lasts=1000, idle=30, ceiling=ceiling)
    opener = world.chain("boss", "a")
    _, child = open_below(world, opener, "a", "sub", idle=20)
    for second in (19, 38):
        world.at = NOW + second
        assert world.check(child, "sub")
    assert world.check(opener, "a")
    world.at = NOW + 58
    assert verdict(world.check(child, "sub")) == (10, "task_idle")
    assert world.check(opener, "a")


def test_deadlines_end_tasks_in_their_shown_state_too(world: World) -> None:
    """Expired from that second on, with no cron: state, listing and standing are computed."""
    world.at = NOW + 1000
    assert world.tracker.task(world.task.id).state == "expired"
    assert world.tracker.tasks(is_open=True) == []
    assert [t.id for t in world.tracker.tasks(is_open=False)] == [world.task.id]


def test_nesting_and_number_of_tasks_are_bounded(world: World) -> None:
    """Eight below one another, and as many at a time as the limit says: what is closed makes room."""
    world.task = world.open(delegations_left=15)
    token, name = world.chain("boss"), "boss"
    for n in range(8):
        task, token = open_below(world, token, name, f"n{n}")
        name = f"n{n}"
    assert refused(world, token, name) == "tasks_too_deep"
    ceiling = world.task.ceiling.narrow(expires_at=NOW + 900)
    world.task = world.tracker.open_task(
        "T", owner=OWNER, lasts=1000, ceiling=ceiling, limits=Limits(tasks=2)
    )
    opener = world.chain("boss")
    first, _ = open_below(world, opener, "boss", "x")
    open_below(world, opener, "boss", "x")
    assert refused(world, opener, "boss") == "growth_tasks"
    world.tracker.close_task(first)
    open_below(world, opener, "boss", "x")
    assert refused(world, opener, "boss") == "growth_tasks"
    assert task.limits.tasks == 100


def test_odd_openings_are_malformed(world: World) -> None:
    """What has another form is refused before anything is recorded."""
    good = Opening("Part", Grant(), world.key("x").public).to_json()
    for change in (
        {"title": ""}, {"lasts": 0}, {"idle": 0}, {"lasts": True}, {"limits": {"x": 1}}, {"to": {}}, {"limits": {"depth": 0}},
        {"to": {"key": 1, "name": "x"}}, {"ceiling": {"x": 1}}, {"more": 1}, {"limits": {"depth": None}}, {"to": None},
    ):  # fmt: skip
        with pytest.raises(MalformedError):
            Opening.from_json({**good, **change})
    assert Opening.from_json(good).to_json() == good
