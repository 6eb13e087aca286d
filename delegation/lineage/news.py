"""What was recorded since somebody looked: for pages that stay open."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

from delegation.authority.ids import LinkId
from delegation.errors import MalformedError
from delegation.lineage.entry import DecisionEntry

_FORM: Final = re.compile(r"[0-9]{1,16}-[0-9]{1,16}-[0-9]{1,16}")


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far somebody has seen: numbers that only grow, in commit order.

    Args:
        link: Number of the newest link of the store.
        decision: Of the newest decision.
        epoch: Of the newest change of what stands.
    """

    link: int
    decision: int
    epoch: int

    def __str__(self) -> str:
        """Return the text that `read` reads."""
        return f"{self.link}-{self.decision}-{self.epoch}"

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the cursor of a text.

        Raises:
            MalformedError: It spells none.
        """
        if not _FORM.fullmatch(text):
            raise MalformedError("The cursor", wanted="three numbers, as an event's id gives them")
        return cls(*map(int, text.split("-")))


@dataclass(frozen=True, slots=True)
class News:
    """What was recorded of one task after a cursor.

    Args:
        cursor: Where to go on from.
        links: New links of the task, in recorded order.
        decisions: New decisions of the task, in commit order.
        revoked: Whether anything at all was revoked, suspended or closed: it may end links here.
    """

    cursor: Cursor
    links: tuple[LinkId, ...] = ()
    decisions: tuple[DecisionEntry, ...] = ()
    revoked: bool = False

    def __bool__(self) -> bool:
        """Return whether a page of the task may look different now."""
        return bool(self.links or self.decisions or self.revoked)
