"""Reports news to open pages: records since the last look, and expiries."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

from delegation.authority.ids import LinkId
from delegation.errors import MalformedError
from delegation.lineage.entry import DecisionEntry

_FORM: Final = re.compile(r"[0-9]{1,16}(-[0-9]{1,16}){4}")


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far somebody has seen: numbers that only grow, in commit order.

    Args:
        link: Number of the newest link of the store.
        decision: Of the newest decision.
        epoch: Of the newest change of standing.
        approval: How many requests for approval were opened, and answers given, together.
        at: Up to which instant what time ends was told, Unix seconds.
    """

    link: int
    decision: int
    epoch: int
    approval: int = 0
    at: int = 0

    def __str__(self) -> str:
        """Return the text that `read` reads."""
        return f"{self.link}-{self.decision}-{self.epoch}-{self.approval}-{self.at}"

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the cursor of a text.

        Raises:
            MalformedError: It spells none.
        """
        if not _FORM.fullmatch(text):
            raise MalformedError("The cursor", wanted="five numbers, as an event's id gives them")
        return cls(*map(int, text.split("-")))


@dataclass(frozen=True, slots=True)
class News:
    """What is new after a cursor, of one task or of the store.

    Args:
        cursor: Where to go on from.
        links: New links of the task, in recorded order; of the store they are only counted.
        decisions: New decisions of the task, in commit order.
        revoked: Whether anything at all was revoked, suspended or closed: it may end links here.
        approvals: Whether anywhere a call was made to wait for approval, or a request was answered.
        expired: How many links, tasks and requests came to their end by time.
        more_links: Of the store: how many links are new.
        more_decisions: Of the store: how many decisions are new.
    """

    cursor: Cursor
    links: tuple[LinkId, ...] = ()
    decisions: tuple[DecisionEntry, ...] = ()
    revoked: bool = False
    approvals: bool = False
    expired: int = 0
    more_links: int = 0
    more_decisions: int = 0

    def __bool__(self) -> bool:
        """Return whether a page may look different now."""
        return bool(
            self.links
            or self.decisions
            or self.revoked
            or self.approvals
            or self.expired
            or self.more_links
            or self.more_decisions
        )
