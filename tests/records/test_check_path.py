"""The path of a check: how many statements reach the database, and that none is said again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from threading import current_thread

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from world import DESK, OWNER, READ, World
from writing import scalar

from delegation import Grant
from delegation.errors import StoreUnavailableError
from delegation.judge.limits import Limits
from delegation.records.settling import batch

SQLITE, POSTGRES = 9, 13  # statements of a warm check, BEGIN and COMMIT among them
OF_THE_DRIVER = 2  # on PostgreSQL: BEGIN and COMMIT, which the driver sends by itself
MAKES = ("INSERT INTO counter", "INSERT INTO pace")

Heard = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture
def heard(filed: World) -> Heard:
    """Return what hears every statement that the writer sends while a block runs.

    SQLite tells each one that it runs, so what the driver sends by itself and each row of an
    `executemany` are counted too. On PostgreSQL what SQLAlchemy sends is heard.
    """
    database, told = filed.tracker._store._database, list[str]()

    def hear(statement: str) -> None:
        if current_thread().name == "delegation-writer":
            told.append(" ".join(statement.split()))

    if database.is_sqlite:
        event.listen(
            database.engine, "checkout", lambda driver, *_: driver.set_trace_callback(hear)
        )
    else:
        event.listen(database.engine, "before_cursor_execute", lambda *it: hear(it[2]))

    @contextmanager
    def block():
        told.clear()
        yield told

    return block


def test_a_warm_check_sends_few_statements(filed: World, engine: str, heard: Heard) -> None:
    """Two read (the revision, what every call needs), five write: nonce, charges, number, decision, leaf."""
    token = filed.chain("boss", "aide", "hand", budget={"calls": 20})
    filed.tracker.add_agent("hand", owner=OWNER, keys=[filed.key("hand").public])
    for _ in range(3):
        assert filed.check(token, "hand")
    with heard() as told:
        assert filed.check(token, "hand")
    most = SQLITE if engine == "sqlite" else POSTGRES - OF_THE_DRIVER
    assert len(told) <= most, told


@pytest.mark.parametrize("limits", [None, Limits(holder_calls_per_minute=600, burst=500)])
def test_rows_that_are_there_are_not_made_again(
    filed: World, heard: Heard, limits: Limits | None
) -> None:
    """The first check makes the counters and paces that it needs, the second none."""
    ceiling = Grant([READ], audience=[DESK], purpose="desk", delegations_left=3)
    filed.task = filed.tracker.open_task(
        "T", owner=OWNER, ceiling=ceiling, lasts=900, limits=limits
    )
    token = filed.chain("boss", "hand", budget={"calls": 20})
    with heard() as told:
        assert filed.check(token, "hand")
    assert any(one.startswith(MAKES) for one in told)
    with heard() as told:
        assert filed.check(token, "hand")
    assert not any(one.startswith(MAKES) for one in told)


def test_rows_of_a_batch_that_was_undone_are_made_by_the_next(
    filed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an undone transaction made is not there, and nobody believes that it is."""
    token = filed.chain("boss", "hand", budget={"calls": 2})
    with monkeypatch.context() as patched:
        patched.setattr(batch, "log_decisions", _fails)
        with pytest.raises(StoreUnavailableError):
            filed.check(token, "hand")
    assert scalar(filed, "SELECT count(*) FROM counter WHERE scope = 'link'") == 0
    assert [bool(filed.check(token, "hand")) for _ in range(3)] == [True, True, False]
    assert scalar(filed, "SELECT max(used) FROM counter WHERE scope = 'link'") == 2


def test_rows_that_a_restored_database_has_not_are_made_again(filed: World) -> None:
    """An older database under a running process: its counters begin where that one's ended."""
    token = filed.chain("boss", "hand", budget={"calls": 2})
    assert filed.check(token, "hand")
    with filed.tracker._store._database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM counter WHERE scope = 'link'")
    assert [bool(filed.check(token, "hand")) for _ in range(3)] == [True, True, False]


def _fails(*_: object) -> None:
    raise OperationalError("INSERT", None, Exception("disk I/O error"))
