"""Reads argument vectors: the list of texts that a program is started with, each as it is.

Judged is each item and its place; nothing here knows what a program makes of them. A vector is
never a shell's source: whoever executes it passes the list on (`execve`), and joins nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from delegation.authority.arguments.character import counted
from delegation.authority.arguments.composite import ListType
from delegation.authority.arguments.text import TextType
from delegation.authority.fields import integer
from delegation.canonical import Json

MAX_ARGV: Final = 256
_ITEM: Final = TextType()


@dataclass(frozen=True, slots=True)
class ArgvType(ListType):
    """A list of texts in their order, empty ones among them; none holds U+0000.

    Args:
        max: Most items, at most 256.
    """

    name: ClassVar[str] = "argv"

    def __init__(self, max: int = MAX_ARGV) -> None:  # noqa: A002  # as the option is called
        ListType.__init__(self, _ITEM, integer("argv max", max, 0, MAX_ARGV))

    @property
    def wanted(self) -> str:
        """What it admits, in words."""
        return f"a list of at most {counted(self.max, 'text')}"

    def to_json(self) -> Json:
        """Return the type's JSON."""
        return self.name if self == ArgvType() else {"type": self.name, "max": self.max}
