"""Records verifiers outside the store; each poll writes a row, so that its COMMIT proves something.

A deposed primary still answers reads. A poll that only read could renew a lease there for ever; one
that writes waits, under synchronous replication, for a standby that a deposed primary has no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from delegation.errors import ConflictError
from delegation.judge.lease import REAP_SECONDS, ReplicaEntry
from delegation.records.tables.records import REPLICAS

MOST: Final = 256  # replicas of one API key: each that falls silent costs every waiter 1.2 D
_TOUCH: Final = (
    update(REPLICAS)
    .where(REPLICAS.c.name == bindparam("named"), REPLICAS.c.by == bindparam("key"))
    .values(epoch=bindparam("applied"), at=bindparam("now"))
)


def add(connection: Connection, replica: ReplicaEntry, *, sure: int | None) -> None:
    """Register a replica, and forget those that are gone.

    Args:
        connection: A transaction that writes.
        replica: The new one.
        sure: The time that it surely is: one that is forgotten too early still relies on its lease,
            and a revocation would be called confirmed without it. None forgets nobody.

    Raises:
        ConflictError: The API key has too many already.
    """
    if sure is not None:
        connection.execute(delete(REPLICAS).where(REPLICAS.c.at < sure - REAP_SECONDS))
    held = select(func.count()).select_from(REPLICAS).where(REPLICAS.c.by == replica.by)
    if connection.execute(held).scalar_one() >= MOST:
        raise ConflictError("The API key has too many verifiers registered.")
    connection.execute(
        insert(REPLICAS),
        {"name": replica.name, "by": replica.by, "epoch": replica.epoch, "at": replica.at},
    )


def touch(connection: Connection, name: str, *, by: str, applied: int, at: int) -> bool:
    """Note that a replica polls and what it has applied; False if it is not registered."""
    values = {"named": name, "key": by, "applied": applied, "now": at}
    return connection.execute(_TOUCH, values).rowcount == 1


def remove(connection: Connection, name: str, *, by: str) -> bool:
    """Forget a replica; False if it was not registered."""
    gone = delete(REPLICAS).where(REPLICAS.c.name == name, REPLICAS.c.by == by)
    return connection.execute(gone).rowcount == 1


def all_of(connection: Connection) -> Sequence[ReplicaEntry]:
    """Return all registered replicas by name."""
    found = connection.execute(select(REPLICAS).order_by(REPLICAS.c.name))
    return [ReplicaEntry(row.name, row.by, row.epoch, row.at) for row in found]
