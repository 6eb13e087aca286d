"""A clock that jumps ahead for a while and is set right again loses nothing for good."""

from __future__ import annotations

import pytest
from clocks import passing
from world import DESK, ISSUER, NOW, OWNER, READ, World, verdict
from writing import scalar

from delegation import Grant
from delegation.authority.ids import TaskId
from delegation.commands.announce import announcement
from delegation.commands.steady_clock import HOUR, SteadyClock
from delegation.judge.creation_limits import BREAK_SECONDS, WINDOW
from delegation.judge.limits import Limits
from delegation.judge.rate import MICRO, believed
from delegation.records.settling.claims import REQUEST_SECONDS
from delegation.tracker import Tracker

LONG = 60 * 24 * 3600
FRESH = 66  # seconds after which no proof of before is fresh, so that calls are decided again


def lasting(world: World, **fields: object) -> World:
    """Give a world a task that outlives every jump."""
    ceiling = Grant(
        [READ], audience=[DESK], purpose="desk", delegations_left=3, budget={"calls": 50}
    )
    world.task = world.tracker.open_task(
        "Jumps", owner=OWNER, ceiling=ceiling, lasts=90 * 24 * 3600, **fields
    )  # fmt: skip
    return world


def forget(world: World, token) -> None:
    """Have the writer forget what it takes for old, and be done with it."""
    assert world.check(token, "a")
    world.tracker._store._caches.forgotten_at = 0
    assert world.check(token, "a")
    assert world.check(token, "a"), "the round before this call is over"


def test_an_idempotency_key_and_an_announced_token_are_still_known(filed: World) -> None:
    """Else whoever repeats a request after that is decided, and charged, twice."""
    lasting(filed)
    token, access = filed.chain("boss", "a"), filed.access()
    proof = filed.key("a").prove(token, access, at=NOW)
    told = filed.key("a").prove(token, announcement(ISSUER), at=NOW)
    filed.tracker.announce(token, told)
    first = filed.tracker.check(token, proof, access, client="svc", idempotency_key="k")
    filed.at = NOW + LONG
    forget(filed, token)
    filed.at = NOW + FRESH
    assert scalar(filed, "SELECT count(*) FROM request") == 1
    assert scalar(filed, "SELECT count(*) FROM announced") == 1
    assert first
    assert filed.check(token, "a")


def test_what_is_really_old_is_forgotten(filed: World) -> None:
    """A day that passed is a day: keys of before it go."""
    lasting(filed)
    passing(filed)
    token, access = filed.chain("boss", "a"), filed.access()
    proof = filed.key("a").prove(token, access, at=NOW)
    assert filed.tracker.check(token, proof, access, client="svc", idempotency_key="k")
    forget(filed, token)  # nothing yet; from here on the clock moves between two rounds
    filed.at = NOW + REQUEST_SECONDS + 1
    forget(filed, token)
    assert scalar(filed, "SELECT count(*) FROM request") == 0


def test_logins_exports_and_replicas_are_still_there(filed: World) -> None:
    """Who logs in, exports or registers at the wrong time takes nobody else's away."""
    tracker: Tracker = filed.tracker
    tracker.create_api_key("ana", "reviewer")
    session = tracker.log_in(tracker.create_login_link("ana", "https://a").rpartition("=")[2])
    tracker.ask_export("tasks", "csv", by="ana")
    replica = tracker.register_replica(by="svc")
    filed.at = NOW + LONG
    assert tracker.session_key(session) is None
    tracker.create_login_link("ana", "https://a")
    tracker.ask_export("agents", "csv", by="ana")
    tracker.register_replica(by="svc")
    filed.at = NOW + 1
    key = tracker.session_key(session)
    assert key is not None
    assert key.name == "ana"
    assert len(tracker.export_jobs(by="ana")) == 2
    assert replica.name in {one.name for one in tracker.replicas()}


def test_a_pace_and_a_breaker_do_not_wait_for_the_wrong_time(filed: World) -> None:
    """What a moment two months ahead has set is waited for no longer than it could have been set."""
    lasting(filed, limits=Limits(calls_per_minute=2, burst=2, denials_per_minute=2))
    token = filed.chain("boss", "a")
    filed.at = NOW + LONG
    assert filed.check(token, "a")
    assert filed.check(token, "a")
    for _ in range(3):
        assert not filed.check(token, "a")
    assert verdict(filed.check(token, "a")) == (10, "circuit_open")
    filed.at = NOW + 1
    assert filed.check(token, "a"), "one call of the burst is left"
    assert verdict(filed.check(token, "a")) == (12, "rate_task")
    filed.at += 31
    assert filed.check(token, "a")
    # The breaker counts again, too: minutes of the wrong time are not later ones.
    for _ in range(3):
        filed.check(token, "a")
    assert verdict(filed.check(token, "a")) == (10, "circuit_open")
    filed.at += WINDOW + BREAK_SECONDS
    assert filed.check(token, "a")


def test_an_idle_task_is_not_awake_until_the_wrong_time(filed: World) -> None:
    """The first call at the right time says again when the task was last called."""
    lasting(filed, idle=600)
    token = filed.chain("boss", "a")
    assert filed.check(token, "a")
    filed.at = NOW + 300
    with filed.tracker._store._database.writing() as connection:
        connection.exec_driver_sql(f"UPDATE task SET last_call_at = {NOW + LONG}")
    assert filed.check(token, "a")
    filed.at += 601
    assert verdict(filed.check(token, "a")) == (10, "task_idle")
    assert filed.tracker.task(TaskId(filed.task.id)).state


@pytest.mark.parametrize("ahead", [0, 3600, 24 * 3600])
def test_turns_within_a_day_are_believed(ahead: int) -> None:
    """Replicas whose clocks differ keep one pace; beyond a day it goes on as after a full burst."""
    now, furthest = NOW * MICRO, 10 * MICRO
    turn = now + furthest + ahead * MICRO
    assert believed(turn, now, furthest) == turn
    assert believed(now + furthest + 24 * 3600 * MICRO + 1, now, furthest) == now + furthest


def test_the_steady_clock_is_the_earliest_that_was_seen() -> None:
    """Nothing is sure before it was watched; a jump is not believed for an hour; one back is at once."""
    now = [1000.0]
    clock = SteadyClock(lambda: now[0])
    assert clock.sure(NOW) is None
    now[0] += HOUR - 1
    assert clock.sure(NOW + 3599) is None
    assert clock.sure(NOW + 3599, 60) == NOW + 3599
    now[0] += 1
    assert clock.sure(NOW + 3600) == NOW + 3600
    now[0] += 100
    assert clock.sure(NOW + LONG) == NOW + 3700  # ahead
    assert clock.sure(NOW + 10) == NOW + 10  # and behind
    now[0] += 10 * HOUR
    assert clock.sure(NOW + LONG) <= NOW + 3700 + 10 * HOUR  # nobody looked meanwhile
    for _ in range(int(HOUR) // 60 + 1):
        now[0] += 60
        last = clock.sure(int(NOW + LONG + now[0]))
    assert last == int(NOW + LONG + now[0])  # for an hour now: who says that it is wrong?
