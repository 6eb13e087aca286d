"""Describes filters of a listing, as values that records answer. A field left out filters nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeAlias, TypedDict

from delegation.authority.ids import LinkId, TaskId


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks.

    Args:
        owner: Their accountable owner.
        is_open: Whether they were never closed; one past its deadline still counts as open here.
    """

    owner: str | None = None
    is_open: bool | None = None


@dataclass(frozen=True, slots=True)
class LinkFilter:
    """Which links.

    Args:
        task: Their task.
        parent: The link right above.
        holder: What the delegator called the holder; a claim unless (name, key) is registered.
        key: The holder's key, 32 bytes.
    """

    task: TaskId | None = None
    parent: LinkId | None = None
    holder: str | None = None
    key: bytes | None = None


# With the bounds that a request is held to.
Instant: TypeAlias = Annotated[int | None, range(2**53 + 1)]


class DecisionFilter(TypedDict, total=False):
    """Which decisions: what questions about them take by these names, everywhere.

    One that is called like a column asks for its value, unless `records.lineage.decisions` says otherwise.

    Args:
        task: Their task.
        link: The leaf that was presented.
        tool: The tool that was called.
        allowed: Whether they allow.
        code: The denial's code.
        since: Made at this instant or later, Unix seconds.
        until: Made before this instant, Unix seconds.
    """

    task: TaskId | str | None
    link: LinkId | str | None
    tool: str | None
    allowed: bool | None
    code: str | None
    since: Instant
    until: Instant
