"""Describes the effect of a revocation or suspension: last allowed call, refusals since, followers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from delegation.authority.catalogue import Catalogue, Tool
from delegation.judge.subject import definition_subjects, named_by, tool_subjects
from delegation.lineage.entry import DecisionEntry
from delegation.lineage.feed import Revocation


@dataclass(frozen=True, slots=True)
class RevocationEffect:
    """One change of standing, with what is known of its effect now.

    Args:
        change: The change; its barrier says which verifiers outside the store have applied it.
        last_allowance: The last recorded call that was allowed under the subject before. Calls that
            verifiers outside the store allowed and have not reported yet are not known.
        refused_since: Calls under the subject that step 10 has denied since then.
        holds: Whether it is this change that ends the subject now.
        is_complete: Whether all links under the subject were looked at for the two before.
        newest: The newest change of the store.
        receipt: For a freeze, all of this signed by the service; None without such a key.
    """

    change: Revocation
    last_allowance: DecisionEntry | None
    refused_since: int
    holds: bool
    is_complete: bool
    newest: int
    receipt: str | None = None


def holding(changes: Sequence[Revocation], *, at: int) -> Revocation | None:
    """Return the change that ends a subject, None if it stands.

    Args:
        changes: All that was ever recorded of the subject, oldest first.
        at: Unix seconds.
    """
    held: Revocation | None = None
    for change in changes:
        if change.effective_at > at:
            continue
        if change.act == "revoke":
            return change
        held = change if change.act == "suspend" else None
    return held


def ended_of(
    catalogue: Catalogue, tool: Tool, ended: Iterable[Revocation]
) -> tuple[Revocation, ...]:
    """Return what is ended of a definition: the tool, and every system that it names or ever named.

    Args:
        catalogue: What is recorded; the definition may be among it or not.
        tool: The definition.
        ended: The changes that end tools and systems.
    """
    named = {*definition_subjects(named_by(tool)), *tool_subjects(catalogue, tool.name)}
    return tuple(change for change in ended if change.subject in named)
