"""Remembers answers inside one snapshot, in which the same question has the same answer."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Final, TypeVar

from sqlalchemy import Connection

ASKED: Final = "delegation_asked"  # the option under which a snapshot has the answers that it gave
_T = TypeVar("_T")


def remembered(connection: Connection, what: Hashable, ask: Callable[[], _T]) -> _T:
    """Return what is asked; inside a `Database.snapshot` it is asked once.

    Args:
        connection: A snapshot, or a transaction that writes, of which nothing is remembered.
        what: Names the question.
        ask: Asks it.
    """
    asked: dict[Hashable, Any] | None = connection.get_execution_options().get(ASKED)
    if asked is None:
        return ask()
    if what not in asked:
        asked[what] = ask()
    found: _T = asked[what]
    return found
