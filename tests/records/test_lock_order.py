"""Batches of two processes never wait for each other in a circle, whatever they meet for the first time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from logs import reopened
from processes import announce
from sqlalchemy import event
from world import DESK, OWNER, READ, World

from delegation import Grant, Token
from delegation.judge.decision import Decision
from delegation.judge.limits import Limits

PATIENCE = 3  # seconds for which one lets the other come as far; without the other it just goes on


@pytest.fixture
def engine() -> str:
    """Only PostgreSQL has more than one writer."""
    return "postgres"


def together(world: World, *tokens: Token) -> list[Decision]:
    """Make one call with each token, all settled in one batch."""
    access, pending = world.access(), []
    with world.tracker._store.writer._wake:  # the writer takes them when this lets go
        for token in tokens:
            holder = world.key(token.chain.leaf.holder_name)
            proof = holder.prove(token, access, at=world.at)
            pending.append(world.tracker.begin_check(token.text, proof, access.to_json()))
    return [one.result(60) for one in pending]


def once_at(
    world: World, words: str, before: Callable[[], object], after: Callable[[], object]
) -> None:
    """Call functions around the next statement of one process that begins with these words."""
    met: list[str] = []

    def begins(_connection, _cursor, statement, *_args) -> None:
        if not met and statement.startswith(words):
            met.append("before")
            before()

    def ends(_connection, _cursor, statement, *_args) -> None:
        if met == ["before"] and statement.startswith(words):
            met.append("after")
            after()

    database = world.tracker._store._database.engine
    event.listen(database, "before_cursor_execute", begins)
    event.listen(database, "after_cursor_execute", ends)


@pytest.mark.parametrize("table", ["counter", "pace"])
def test_rows_that_two_processes_meet_first_are_made_in_one_order(
    filed: World, url: str, table: str
) -> None:
    """One holds an old row and makes a new one, while the other made the new one and wants the old."""
    paced = Limits(holder_calls_per_minute=60, burst=50) if table == "pace" else None
    ceiling = Grant([READ], audience=[DESK], purpose="desk", delegations_left=3)
    filed.task = filed.tracker.open_task("T", owner=OWNER, lasts=900, ceiling=ceiling, limits=paced)
    budget = {"calls": 9} if table == "counter" else {}
    root = filed.root()
    old, new = (
        root.delegate(by=filed.key("boss"), to=filed.key(name).public, grant=Grant(budget=budget))
        for name in "ab"
    )
    announce(filed, old, "a")
    announce(filed, new, "b")
    second, makes = reopened(filed, url), f"INSERT INTO {table} "
    stands, made = threading.Event(), threading.Event()
    pending: list[Future[list[Decision]]] = []
    with ThreadPoolExecutor(1) as pool:

        def meanwhile() -> None:
            """Make the old row, and let a batch that holds it stop before it makes the new one."""
            assert filed.check(old, "a")
            once_at(filed, makes, lambda: (stands.set(), made.wait(PATIENCE)), lambda: None)
            pending.append(pool.submit(together, filed, old, new))
            stands.wait(PATIENCE)

        once_at(second, makes, meanwhile, made.set)
        found = together(second, old, new)
        found += pending[0].result(60)
    second.tracker.close()
    assert all(found)
    with filed.tracker._store._database.reading() as connection:
        asked = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        assert connection.exec_driver_sql(asked).scalar_one() == 0
