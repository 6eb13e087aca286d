"""Audiences in the store: one service that is spelled in two ways is denied all its calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from delegation.authority.audience import respelled
from delegation.cli.checkup.finding import Finding, ok, warn
from delegation.commands.work import ApiKey
from delegation.lineage.entry import TaskEntry

MOST: Final = 1000  # open tasks that are looked at, the newest


def judge_audiences(tasks: Sequence[TaskEntry], keys: Iterable[ApiKey]) -> Iterator[Finding]:
    """Judge whether open tasks and live keys spell each service alike.

    Args:
        tasks: Open tasks.
        keys: All API keys.
    """
    held = [(f"task {task.id}", task.ceiling.audience) for task in tasks]
    held += [(f"API key {key.name}", key.audiences) for key in keys if not key.is_revoked]
    by = {name: who for who, names in reversed(held) for name in names}
    said: set[frozenset[str]] = set()
    for who, names in held:
        others = [name for name in by if name not in names]
        for name in names:
            meant = respelled(name, others)
            if meant and frozenset({name, meant}) not in said:
                said.add(frozenset({name, meant}))
                yield warn(
                    "audience",
                    f"The {who} has the audience {name}, and the {by[meant]} has {meant}: one service "
                    "in two spellings.",
                    "Audiences are compared as text: calls of one are denied where the other is asked.",
                    "Make the key or open the task again with the spelling that the service has.",
                )
    if not said:
        yield ok("audience", f"{len(by)} audiences, each in one spelling.")
