"""How much of what was asked about was looked at: no answer leaves something out without saying so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeVar

_Row = TypeVar("_Row")
MOST_COUNTED: Final = 100_000  # links that are counted; of more it is said that there are more


@dataclass(frozen=True, slots=True)
class Extent:
    """How many links an answer rests on.

    Args:
        looked: Links that were looked at, the newest of all; those above them are not counted.
        total: Links that the question is about; `MOST_COUNTED` + 1 stands for more than that.
    """

    looked: int = 0
    total: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether nothing was left out for its number."""
        return self.looked >= self.total

    def __str__(self) -> str:
        """Return both numbers in words."""
        if self.total > MOST_COUNTED:
            return f"the newest {self.looked:,} of more than {MOST_COUNTED:,} links"
        return f"the newest {self.looked:,} of {self.total:,} links"


UNSAID: Final = Extent()


class Counted(tuple[_Row, ...]):  # noqa: SLOT001  # a tuple's subclass has room for no slot
    """Rows of an answer, with how many links they rest on.

    Args:
        rows: The rows.
        extent: How much was looked at.
    """

    extent: Extent

    def __new__(cls, rows: Iterable[_Row], extent: Extent) -> Counted[_Row]:
        """Keep both."""
        made = super().__new__(cls, rows)
        made.extent = extent
        return made
