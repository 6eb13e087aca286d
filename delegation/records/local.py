"""What a verifier outside the store is told about a root, so that it can apply step 10 itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, bindparam, exists, select

from delegation.authority.ids import LinkId
from delegation.judge.outside import Holder, RootStanding
from delegation.records.facts import read_agents, read_tasks, task_chain
from delegation.records.numbers import read_numbers
from delegation.records.tables import COUNTERS, LINKS

_ROOT: Final = select(LINKS.c.task).where(LINKS.c.id == bindparam("root"), LINKS.c.depth == 0)
_LEDGER: Final = select(
    exists().where(
        COUNTERS.c.scope == "task", COUNTERS.c.id.in_(bindparam("tasks", expanding=True))
    )
)


def root_standing(
    connection: Connection, root: LinkId, holders: Sequence[Holder]
) -> RootStanding | None:
    """Return what step 10 asks about a root and holders below it; None if it is unknown.

    Reads the number of the newest change first: where a later statement sees more than that change,
    the answer is only stricter than its number says.
    """
    epoch = read_numbers(connection)["epoch"]
    task = connection.execute(_ROOT, {"root": root}).scalar_one_or_none()
    if task is None:
        return None
    tasks = task_chain(read_tasks(connection, [task]), task)
    by_key, by_name = read_agents(
        connection, (holder.key for holder in holders), (holder.name for holder in holders)
    )
    ledger = connection.execute(_LEDGER, {"tasks": [found.id for found in tasks] or [task]})
    needs = ("ledger",) if ledger.scalar_one() else ()
    return RootStanding(root, tasks, by_key, by_name, needs, epoch)
