"""Growth and pace are bounded: each limit has its code, and is exact where calls come together."""

from __future__ import annotations

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text
from world import NOW, OWNER, World, verdict
from writing import begin, held_back, scalar

from delegation import Access, Grant
from delegation.authority.ids import DecisionId
from delegation.commands.announce import announcement
from delegation.commands.check import draft_of, prepare, settled
from delegation.errors import ConflictError, MalformedError, UnverifiedError
from delegation.judge.limits import DEFAULTS, Limits
from delegation.tracker import Tracker


def limited(world: World, **limits: int) -> None:
    """Let the world's task be one with limits."""
    ceiling = world.task.ceiling.narrow(expires_at=NOW + 900, budget={"calls": 50})
    world.task = world.tracker.open_task(
        "T", owner=OWNER, lasts=1000, ceiling=ceiling, limits=Limits(**limits)
    )


def children(world: World, parent, by: str, count: int) -> list:
    """Hand a link on so many times."""
    return [
        parent.delegate(by=world.key(by), to=world.key(f"c{n}").public, grant=Grant())
        for n in range(count)
    ]


def verdicts(world: World, tokens) -> list:
    """Let the holder of each token call once."""
    return [verdict(world.check(token, f"c{n}")) for n, token in enumerate(tokens)]


def test_links_of_one_parent_are_bounded(world: World) -> None:
    """The fourth child of a link is refused, is not recorded, and neither is anything below it."""
    limited(world, links_per_parent=3)
    top = world.chain("boss", "a")
    tokens = children(world, top, "a", 4)
    assert verdicts(world, tokens) == [None, None, None, (10, "growth_parent")]
    assert scalar(world, f"SELECT count(*) FROM link WHERE id = '{tokens[3].id}'") == 0
    below = tokens[3].delegate(by=world.key("c3"), to=world.key("x").public, grant=Grant())
    denied = world.check(below, "x")
    assert (verdict(denied), denied.denial.depth) == ((10, "growth_parent"), 2)
    assert verdicts(world, tokens[:3]) == [None] * 3, "those that are recorded go on"
    access = announcement(world.tracker.issuer)
    with pytest.raises(UnverifiedError) as caught:
        world.tracker.announce(tokens[3], world.key("c3").prove(tokens[3], access, at=NOW))
    assert caught.value.reason == "growth_parent"
    assert len(world.tracker.lineage(world.task).entry.links) == 5


def test_links_of_one_task_are_bounded(world: World) -> None:
    """Roots count too, and an operator is told."""
    limited(world, links_per_task=4)
    tokens = children(world, world.chain("boss", "a"), "a", 3)
    assert verdicts(world, tokens) == [None, None, (10, "growth_task")]
    with pytest.raises(ConflictError):
        world.root("another")


def test_depth_is_bounded_below_what_the_format_admits(world: World) -> None:
    """A chain of three links where the task admits two."""
    limited(world, depth=2)
    assert world.check(world.chain("boss", "a"), "a")
    assert verdict(world.check(world.chain("boss", "a", "b"), "b")) == (10, "growth_depth")


def test_new_links_a_minute_are_bounded(world: World) -> None:
    """The next minute of the clock has its own."""
    limited(world, links_per_minute=3)
    tokens = children(world, world.chain("boss", "a"), "a", 3)
    assert verdicts(world, tokens) == [None, (10, "growth_rate"), (10, "growth_rate")]
    world.at = NOW + 60
    assert verdicts(world, tokens) == [None] * 3


def test_limits_hold_in_one_batch(filed: World, monkeypatch) -> None:
    """Ten new links that wait together are admitted in order until the limit."""
    limited(filed, links_per_parent=4)
    top = filed.chain("boss", "a")
    gate = held_back(filed, monkeypatch)
    waiting = [begin(filed, t, f"c{n}") for n, t in enumerate(children(filed, top, "a", 10))]
    gate.set()
    found = [verdict(settled(one)) for one in waiting]
    assert found == [None] * 4 + [(10, "growth_parent")] * 6
    assert scalar(filed, f"SELECT links FROM task WHERE id = '{filed.task.id}'") == 6


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ({"calls_per_minute": 6, "burst": 2}, "rate_task"),
        ({"holder_calls_per_minute": 6, "burst": 2}, "rate_holder"),
        ({"branch_calls_per_minute": 6, "burst": 2}, "rate_branch"),
    ],
)
def test_calls_keep_their_pace(filed: World, monkeypatch, limit, code) -> None:
    """Two at once, then one every ten seconds; exact in one batch and after it."""
    limited(filed, **limit)
    token = filed.chain("boss", "a")
    gate = held_back(filed, monkeypatch)
    waiting = [begin(filed, token, "a") for _ in range(5)]
    gate.set()
    assert [verdict(settled(one)) for one in waiting] == [None, None, *[(12, code)] * 3]
    filed.at = NOW + 9
    assert verdict(filed.check(token, "a")) == (12, code)
    filed.at = NOW + 10
    assert filed.check(token, "a")
    assert verdict(filed.check(token, "a")) == (12, code)
    filed.at = NOW + 60
    assert [bool(filed.check(token, "a")) for _ in range(3)] == [True, True, False]
    assert dict(filed.tracker.task(filed.task.id).spent)["calls"] == 5, "early calls cost nothing"


def test_a_pace_is_of_whom_it_says(world: World) -> None:
    """A holder's pace binds that key on all its links, a branch's all keys below one link."""
    limited(world, holder_calls_per_minute=1, branch_calls_per_minute=2)
    top = world.chain("boss", "a")
    one, two, three = children(world, top, "a", 3)
    assert world.check(one, "c0")
    again = top.delegate(by=world.key("a"), to=world.key("c0").public, grant=Grant())
    assert verdict(world.check(again, "c0")) == (12, "rate_holder")
    assert world.check(two, "c1")
    assert verdict(world.check(three, "c2")) == (12, "rate_branch")
    other = world.chain("boss", "b")
    assert world.check(other, "b"), "another branch of the same task"


def test_nothing_is_kept_where_no_pace_is_set(filed: World) -> None:
    """Without a limit no row is written and none is read."""
    assert filed.check(filed.chain("boss", "a"), "a")
    assert scalar(filed, "SELECT count(*) FROM pace") == 0


def test_a_breaker_opens_after_so_many_denials(filed: World, monkeypatch) -> None:
    """The third denial in a minute stops the whole task for a while; that is shown, and passes."""
    limited(filed, denials_per_minute=3)
    token, other = filed.chain("boss", "a"), filed.chain("boss", "b")
    bad = Access("ops.restart", {"host": "h.acme.example"}, filed.access().audience)
    gate = held_back(filed, monkeypatch)
    waiting = [begin(filed, token, "a", access=bad) for _ in range(3)]
    waiting.append(begin(filed, other, "b"))
    gate.set()
    found = [verdict(settled(one)) for one in waiting]
    assert found[3] == (10, "circuit_open"), "also in the same batch"
    assert verdict(filed.check(other, "b")) == (10, "circuit_open")
    until = filed.tracker.task(filed.task.id).broken_until
    assert until > NOW + 300
    codes = [d.code for d in filed.tracker.decisions(limit=100)]
    assert codes.count("circuit_open") == 2, "countable, for findings"
    filed.at = until - 1
    assert verdict(filed.check(other, "b")) == (10, "circuit_open")


def test_a_breaker_closes_by_itself_and_forgets_old_minutes(world: World) -> None:
    """Two denials in one minute and one in the next are not three in one."""
    limited(world, denials_per_minute=3)
    token = world.chain("boss", "a")
    bad = Access("ops.restart", {"host": "h.acme.example"}, world.access().audience)
    for second in (0, 0, 60):
        world.at = NOW + second
        assert not world.check(token, "a", bad)
    assert world.check(token, "a")
    for _ in range(2):
        world.check(token, "a", bad)
    assert verdict(world.check(token, "a")) == (10, "circuit_open")
    world.at = world.tracker.task(world.task.id).broken_until
    assert world.check(token, "a")


def test_replays_and_garbage_open_no_breaker(world: World) -> None:
    """Whoever cannot prove anything new stops nobody's task."""
    limited(world, denials_per_minute=2)
    token, access = world.chain("boss", "a"), world.access()
    proof = world.key("a").prove(token, access, at=NOW)
    for _ in range(5):
        world.tracker.check(token, proof, access)
        world.tracker.check(token, "garbage", access)
    assert world.check(token, "a")


def test_openers_only_lower_the_services_limits(url) -> None:
    """A task with a higher limit than the service's keeps the service's."""
    world = World(url=url)
    tracker = Tracker.open(
        url,
        ring=world.tracker._desk.ring,
        clock=lambda: NOW,
        limits=Limits(links_per_parent=2, links_per_task=9),
    )
    world.tracker.close()
    world.tracker = tracker
    limited(world, links_per_parent=100, links_per_task=3)
    assert tracker.task(world.task.id).limits == Limits(links_per_parent=2, links_per_task=3)
    tokens = children(world, world.chain("boss", "a"), "a", 3)
    assert verdicts(world, tokens) == [None, (10, "growth_task"), (10, "growth_task")]
    tracker.close()


def test_a_store_knows_how_many_links_its_older_tasks_have(filed: World) -> None:
    """The migration counts what is there, so that limits hold for tasks from before."""
    assert filed.check(filed.chain("boss", "a", "b"), "b")
    from delegation.records.schema import migrate

    database = filed.tracker._store._database
    filed.tracker._store.writer.close()
    before = ScriptDirectory(str(migrate._FOLDER)).get_revision("0004").down_revision
    migrate.downgrade(database, before)
    migrate.upgrade(database)
    with database.reading() as connection:
        found = connection.execute(text("SELECT max(links) FROM task")).scalar_one()
    assert found == 3


def test_limits_are_read_strictly() -> None:
    """Unknown, zero, negative, too high, of another type: refused."""
    for bad in ({"x": 1}, {"depth": 0}, {"depth": True}, {"depth": None}, {"depth": "1"}, [], {"burst": 10**7}):  # fmt: skip
        with pytest.raises(MalformedError):
            Limits.from_json(bad)
    assert Limits.from_json(DEFAULTS.to_json()) == DEFAULTS
    assert DEFAULTS.changed("") == DEFAULTS
    assert Limits(depth=3, tasks=9).changed(" depth = 4 , tasks=0,burst=2") == Limits(
        depth=4, burst=2
    )
    for text_ in ("x=1", "x=0", "depth", "depth=-1", "depth=1e3", "depth=٣", "depth=9999999999"):
        with pytest.raises(MalformedError):
            DEFAULTS.changed(text_)
    assert Limits(depth=3).within(Limits(depth=5, tasks=2)) == Limits(depth=3, tasks=2)


def test_a_pace_waits_for_a_call_that_is_not_committed_yet(filed: World, url) -> None:
    """While one process writes the only call of this second, another's is not decided past it."""
    ceiling = filed.task.ceiling.narrow(expires_at=NOW + 900, budget={})  # no ledger to wait for
    filed.task = filed.tracker.open_task(
        "T", owner=OWNER, lasts=1000, ceiling=ceiling, limits=Limits(calls_per_minute=1)
    )
    token, access, now = filed.chain("boss", "a"), filed.access(), NOW + 60
    assert filed.check(token, "a"), "its turn has a row from now on"
    filed.at = now
    other = Tracker.open(url, ring=filed.tracker._desk.ring, clock=lambda: now)
    proof = filed.key("a").prove(token, access, at=now)
    desk = filed.tracker._desk
    with filed.tracker._store.write() as work:
        catalogue = work.catalogue()
        prepared = prepare(desk, token.text, proof, access, catalogue=catalogue, at=now)
        decision, revision = DecisionId("dec_" + "r" * 22), catalogue.revision
        draft = draft_of(
            prepared, decision, catalogue=revision, at=now, client="", repeat=None, ring=desk.ring
        )
        assert work.decide(draft)
        again = filed.key("a").prove(token, access, at=now)
        pending = other.begin_check(token, again, access)
        with pytest.raises(TimeoutError):
            pending.result(timeout=0.5)
    assert verdict(settled(pending)) == (12, "rate_task")
    other.close()
