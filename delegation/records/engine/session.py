"""Refuses a pooler that gives each transaction another session of PostgreSQL, by what it does.

Locks that belong to a session, LISTEN, settings and prepared statements would be somebody else's by the
next transaction: two replicas would both hold the one lock of the log. No name and no setting is asked
for; what is looked at is the number by which the server calls the session that answers.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any, ClassVar, Final

from sqlalchemy import Connection, Engine

from delegation.errors import StoreUnavailableError

_ROUNDS: Final = 12
_ASKED: Final = "SELECT pg_backend_pid()"
_SESSION: Final = "delegation.session"  # where a connection of the pool keeps its number
_STATEMENT_MODE: Final = "08P01"  # a protocol violation: no transaction is begun there


class PoolerError(StoreUnavailableError):
    """Something before PostgreSQL gives each transaction another session; nothing is done through it."""

    code: ClassVar[str] = "pooler_shares_sessions"

    def __init__(self) -> None:
        super().__init__(
            "A pooler before PostgreSQL gives each transaction or statement another session: locks that "
            "belong to a session would be held by nobody.",
            remedy="Set it to session mode (PgBouncer: pool_mode = session), or name the server itself.",
        )


class Sessions:
    """Looks whether each connection of an engine is one session.

    Args:
        engine: Whose connections.
        options: What the driver is told beside the URL.
    """

    def __init__(self, engine: Engine, options: dict[str, Any]) -> None:
        """Know nothing of what is in between."""
        self._engine = engine
        self._options = options
        self._is_known = False

    def meet(self, connection: Any, record: Any) -> None:
        """Note the session of a new connection of the driver, which is in autocommit.

        A server tells its own number at log-in. Whoever stands between and shares out sessions has to
        tell another, since at log-in it has none yet: then two connections are compared.

        Raises:
            PoolerError: They share sessions.
        """
        number = _number(connection)
        if number != connection.info.backend_pid and not self._is_known:
            names, options = self._engine.dialect.create_connect_args(self._engine.url)
            other = self._engine.dialect.connect(*names, **{**options, **self._options})
            with closing(other):
                other.autocommit = True
                try:
                    _refuse_shared(connection, other)
                except PoolerError:
                    connection.close()
                    raise
            self._is_known = True
            number = _number(connection)
        record.info[_SESSION] = number


def meet_session(connection: Connection, number: int) -> None:
    """Compare the session that answers inside a transaction with that of its connection.

    Raises:
        PoolerError: It is another one.
    """
    if number != connection.info.get(_SESSION):
        connection.invalidate()
        raise PoolerError


def _number(connection: Any) -> int:
    return int(connection.execute(_ASKED, prepare=False).fetchone()[0])


def _refuse_shared(one: Any, other: Any) -> None:
    """Ask on two connections in turn, in an order that no rule of sharing out follows by chance.

    Raises:
        PoolerError: One of them meets two sessions, or both meet the same.
    """
    first, second = _number(one), _number(other)
    is_own = first != second
    for number in range(_ROUNDS):
        is_own = is_own and all(_number(other) == second for _ in range(number % 3))
        is_own = is_own and _number(one) == first and _number(other) == second
    if not is_own:
        raise PoolerError
    try:
        one.execute("BEGIN")
        one.execute("ROLLBACK")
    except Exception as error:
        if getattr(error, "sqlstate", None) == _STATEMENT_MODE:
            raise PoolerError from error
        raise
