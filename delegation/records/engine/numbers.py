"""Gives out numbers that only grow, one row each, under a lock that is held to COMMIT.

So they are dense and in commit order: a reader that asks for "everything above n" misses nothing,
which a database's own sequences do not promise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from sqlalchemy import Connection, bindparam, select, update

from delegation.records.engine.remembered import remembered
from delegation.records.tables.records import NUMBERS

Name: TypeAlias = Literal[
    "epoch", "catalogue", "link", "decision", "nonces_before", "approval", "ending"
]

_READ: Final = select(NUMBERS.c.name, NUMBERS.c.n)
_TAKE: Final = (
    update(NUMBERS)
    .where(NUMBERS.c.name == bindparam("wanted"))
    .values(n=NUMBERS.c.n + bindparam("count"))
    .returning(NUMBERS.c.n)
)
_RAISE: Final = (
    update(NUMBERS)
    .where(NUMBERS.c.name == bindparam("wanted"), NUMBERS.c.n < bindparam("least"))
    .values(n=bindparam("least"))
)


def read_numbers(connection: Connection) -> Mapping[str, int]:
    """Return all numbers as this transaction sees them."""

    def ask() -> Mapping[str, int]:
        return {row.name: row.n for row in connection.execute(_READ)}

    return remembered(connection, "numbers", ask)


def take_number(connection: Connection, name: Name, count: int = 1) -> int:
    """Take the next numbers and return the first of them; their row stays locked to COMMIT."""
    last: int = connection.execute(_TAKE, {"wanted": name, "count": count}).scalar_one()
    return last - count + 1


def raise_number(connection: Connection, name: Name, least: int) -> None:
    """Bring a number to at least this value."""
    connection.execute(_RAISE, {"wanted": name, "least": least})
