"""What is refused under a link is refused in every child task under it: limits, words, and odd ways out."""

from __future__ import annotations

import importlib

import pytest
from below import open_below
from consent import approver, pay, rule
from flow_world import CAPABILITIES, FlowWorld
from sqlalchemy import text
from world import NOW, OWNER, World, verdict
from writing import scalar

from delegation import Access, Grant, Tool, anything, exact, may, path
from delegation.authority.flow import AfterNever, Apart
from delegation.errors import UnverifiedError
from delegation.judge.approval import MAX_OPEN_PER_TASK
from delegation.judge.creation_limits import refuse_link
from delegation.judge.limits import Limits

links_below = importlib.import_module(
    "delegation.records.schema.migrations.versions.0016_links_below"
)


def limited(world: World, **limits: int) -> None:
    """Let the world's task be one with limits."""
    ceiling = world.open().ceiling.narrow(expires_at=world.at + 900, budget={"calls": 50})
    world.task = world.tracker.open_task(
        "T", owner=OWNER, lasts=1000, ceiling=ceiling, limits=Limits(**limits)
    )


def test_fourteen_calls_were_no_more_than_two(world: World) -> None:
    """The same holder in three child tasks, and in a child task of one, is one holder of the root task."""
    limited(world, holder_calls_per_minute=6, branch_calls_per_minute=6, burst=2)
    opener = world.chain("boss", "a")
    tokens = [open_below(world, opener, "a", "a")[1] for _ in range(3)]
    tokens.append(open_below(world, tokens[0], "a", "a")[1])
    found = [verdict(world.check(token, "a")) for token in (opener, *tokens, *tokens)]
    assert found[:2] == [None, None]
    assert set(found[2:]) == {(12, "rate_holder")}
    denial = world.check(tokens[3], "a").denial
    assert denial.message.endswith(f"set on task {world.task.id}, above this task.")


def test_a_child_tasks_own_limits_hold_below_it_and_not_beside_it(world: World) -> None:
    """What an opener sets binds its child task and all below that; the parent task goes on."""
    limited(world)
    opener = world.chain("boss", "a")
    child, root = open_below(
        world, opener, "a", "b", limits=Limits(links_per_task=3, branch_calls_per_minute=6, burst=1)
    )
    _, deep = open_below(world, root, "b", "c")
    leaf = deep.delegate(by=world.key("c"), to=world.key("d").public, grant=Grant())
    assert world.check(leaf, "d")
    assert verdict(world.check(deep, "c")) == (12, "rate_branch")
    assert world.check(root, "b"), "the child's own root is no branch of it"
    more = deep.delegate(by=world.key("c"), to=world.key("e").public, grant=Grant())
    denied = world.check(more, "e")
    assert verdict(denied) == (10, "growth_task")
    assert denied.denial.message.endswith(f"set on task {child.id}, above this task.")
    other = opener.delegate(by=world.key("a"), to=world.key("e").public, grant=Grant())
    assert world.check(other, "e")
    counts = [
        scalar(world, f"SELECT links FROM task WHERE id = '{t}'") for t in (world.task.id, child.id)
    ]
    assert counts == [6, 3], "a task's count has its child tasks in it"


def test_a_task_may_open_no_more_tasks_than_any_above_it(world: World) -> None:
    """The root's limit holds for tasks that its child tasks open, too, and the denial is recorded."""
    limited(world, tasks=2)
    _, root = open_below(world, world.chain("boss", "a"), "a", "b")
    _, deep = open_below(world, root, "b", "c")
    with pytest.raises(UnverifiedError, match=f"set on task {world.task.id}") as caught:
        open_below(world, deep, "c", "d")
    assert caught.value.reason == "growth_tasks"


def test_an_opening_that_would_grow_too_far_is_a_recorded_denial(world: World) -> None:
    """Links that the opener's own chain brings are counted first."""
    for limits, code in (
        ({"links_per_parent": 1}, "growth_parent"),
        ({"links_per_task": 3}, "growth_task"),
        ({"links_per_minute": 3}, "growth_rate"),
        ({"depth": 2}, "growth_depth"),
    ):
        world.at = (
            NOW + 60 * (world.at // 60 - NOW // 60 + 1)
            if limits.get("links_per_minute")
            else world.at
        )
        limited(world, **limits)
        opener = world.chain("boss", "a")
        if "links_per_parent" in limits:
            open_below(world, opener, "a", "b")
        elif "depth" not in limits:
            assert world.check(
                opener.delegate(by=world.key("a"), to=world.key("c").public, grant=Grant()), "c"
            )
        with pytest.raises(UnverifiedError) as caught:
            open_below(world, opener, "a", "b")
        assert caught.value.reason == code
        last = world.tracker.decisions(limit=1000)[-1]
        assert (last.tool, last.code) == ("delegation.open_task", code)


def test_a_line_is_no_longer_than_a_chain_may_be(world: World) -> None:
    """Sixteen links from the top task's root down, also where no limit of depth is set."""
    limited(world)
    _, root = open_below(world, world.chain("boss", "a", "b"), "b", "c")
    assert root.grant.delegations_left == 1, "a ceiling counts down through child tasks"
    counted = {"siblings": 0, "in_task": 0, "in_minute": 0}
    assert refuse_link(Limits(), depth=15, **counted) is None
    assert refuse_link(Limits(), depth=16, **counted).code == "growth_depth"
    assert refuse_link(Limits(depth=99), depth=16, **counted).code == "growth_depth"


def test_as_many_requests_wait_under_a_root_as_may_wait_in_a_task(world: World) -> None:
    """Sixty-four, however many child tasks ask."""
    world.task = world.open(needs_approval=[rule()], budget={"calls": 900, "usd_cents": 90000})
    opener = world.chain("boss", "a")
    codes: list[str] = []
    for task in range(5):
        _, root = open_below(world, opener, "a", f"t{task}")
        codes += [world.check(root, f"t{task}", pay(world, 100 + n)).denial.code for n in range(16)]
    assert codes == ["approval_needed"] * MAX_OPEN_PER_TASK + ["approval_requests_full"] * 16
    assert verdict(world.check(opener, "a", pay(world))) == (13, "approval_requests_full")


def test_a_call_that_was_refused_above_is_not_asked_about_again_below(world: World) -> None:
    """By no link below, in no child task; another branch may ask."""
    world.task = world.open(needs_approval=[rule()])
    top = world.chain("boss", "a")
    request = world.check(top, "a", pay(world)).approval
    _, root = open_below(world, top, "a", "b")
    _, deep = open_below(world, root, "b", "c")
    link = top.delegate(by=world.key("a"), to=world.key("d").public, grant=Grant())
    world.tracker.refuse_approval(
        request, by=approver(world, "cy@acme.example", "finance"), reason="no"
    )
    for token, name in ((root, "b"), (deep, "c"), (link, "d"), (top, "a")):
        denied = world.check(token, name, pay(world))
        assert verdict(denied) == (13, "approval_refused")
        assert denied.approval == request
    assert verdict(world.check(world.chain("boss", "e"), "e", pay(world))) == (
        13,
        "approval_needed",
    )
    assert verdict(world.check(deep, "c", pay(world, 299))) == (13, "approval_needed")


def test_a_constraint_that_does_not_fit_above_denies_below(world: World) -> None:
    """A path constraint on plain text was never the restriction that was meant, whatever a child makes of it."""
    world.tracker.add_tool(Tool("notes.read", effect="read", arguments={"note": "text"}))
    wide = Grant([may("notes.read", note=anything())], audience=world.task.ceiling.audience,
                 purpose="desk", delegations_left=5)  # fmt: skip
    world.task = world.tracker.open_task("T", owner=OWNER, ceiling=wide, lasts=1000)
    opener = world.chain("boss", "a", capabilities=[may("notes.read", note=path("/data"))])
    fine = Grant([may("notes.read", note=exact("/data/x"))])
    _, root = open_below(world, opener, "a", "b", ceiling=fine)
    link = opener.delegate(by=world.key("a"), to=world.key("b").public, grant=fine)
    call = Access("notes.read", {"note": "/data/x"}, world.access().audience, purpose="desk")
    assert verdict(world.check(link, "b", call)) == (8, "constraint_unfit")
    denied = world.check(root, "b", call)
    assert verdict(denied) == (8, "constraint_unfit")
    assert (denied.denial.link, denied.denial.depth) == (opener.chain.leaf.id, None)
    assert world.task.id in denied.denial.message


@pytest.fixture
def flow(url) -> FlowWorld:
    """Return a world with a history."""
    world = FlowWorld(url=url)
    yield world
    world.tracker.close()


def test_a_slip_in_a_rule_above_denies_below(flow: FlowWorld) -> None:
    """A rule about a tool that never was refuses, also where the child task's own rule covers it."""
    slip = AfterNever(("tool:pay.reqest",), ("external",))
    wide = AfterNever(("tool:pay.*",), ("external",))
    opener = flow.chain("boss", "a", flow=[slip])
    _, root = open_below(flow, opener, "a", "b", ceiling=Grant(CAPABILITIES, flow=[wide]))
    link = opener.delegate(
        by=flow.key("a"), to=flow.key("b").public, grant=Grant(flow=[slip, wide])
    )
    assert verdict(flow.ask(link, "b", "web.post")) == (11, "flow_term_unknown")
    assert verdict(flow.ask(root, "b", "web.post")) == (11, "flow_term_unknown")


def test_duties_are_apart_by_owner_through_child_tasks_either_way(flow: FlowWorld) -> None:
    """An unregistered key in a child task is its opener's owner, whichever of both calls first."""
    flow.tracker.add_agent("b", owner="bo@acme.example", keys=[flow.key("b").public])
    apart = Apart((("tool:pay.request",), ("tool:pay.approve",)), by="owner")
    for first, second in (("opener", "child"), ("child", "opener")):
        flow.task = flow.flow_task(flow=[apart])
        opener = flow.chain("boss", "b")
        _, root = open_below(flow, opener, "b", "nobody")
        who = {"opener": (opener, "b"), "child": (root, "nobody")}
        assert flow.ask(*who[first], "pay.request")
        denied = flow.ask(*who[second], "pay.approve")
        assert verdict(denied) == (11, "flow_not_apart")
        assert denied.denial.link == opener.chain.root.id
    plan = flow.tracker.plan(root, access=flow.call("pay.approve"))
    assert verdict(plan.outcome) == (11, "flow_not_apart"), "a dry run walks the same line"


def test_denials_name_the_link_above_whose_budget_is_spent(world: World) -> None:
    """Link and task, in the denial and in its words."""
    opener = world.chain("boss", "a", budget={"calls": 1})
    child, root = open_below(world, opener, "a", "b")
    assert world.check(opener, "a")
    denial = world.check(root, "b").denial
    assert (denial.code, denial.link, denial.depth) == ("budget_spent", opener.id, None)
    words = f"set on link {opener.id} of task {world.task.id}, above this task."
    assert denial.message.endswith(words)
    world.tracker.close_task(world.task)
    denial = world.check(root, "b").denial
    assert (denial.code, denial.offered) == ("task_closed", child.id)


def test_counts_of_an_older_release_are_added_up(filed: World) -> None:
    """A store in which each task counted its own links alone counts the whole line after migrating."""
    limited(filed)
    opener = filed.chain("boss", "a")
    first, root = open_below(filed, opener, "a", "b")
    second, _ = open_below(filed, root, "b", "c")
    tasks = [second.id, first.id, filed.task.id]
    database = filed.tracker._store._database

    def counts() -> list[int]:
        with database.reading() as connection:
            found = connection.execute(text("SELECT id, links FROM task")).all()
        return [dict(found)[task] for task in tasks]

    assert counts() == [1, 2, 4]
    with database.writing() as connection:
        links_below._add(connection, -1)
    assert counts() == [1, 1, 2], "each its own"
    with database.writing() as connection:
        links_below._add(connection, 1)
    assert counts() == [1, 2, 4]
