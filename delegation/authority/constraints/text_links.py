"""Restricts links in text to given hosts, as whoever reads the text may find them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final

from delegation.authority.arguments import ArgumentType
from delegation.authority.constraints.constraint import Constraint, Value
from delegation.authority.constraints.network import name_matches, name_within, refuse_odd_name
from delegation.authority.constraints.place import entries
from delegation.authority.constraints.wording import Wording, names, one_of_texts
from delegation.authority.link_finder import leads_only_to
from delegation.canonical import Json

_TEXTS: Final = frozenset({"text", "line"})


@dataclass(frozen=True, slots=True)
class Links(Constraint):
    """A text in which no link leads elsewhere than to these hosts.

    Args:
        hosts: Canonical names or addresses; `*.acme.example` is one or more labels below it. None
            admits only texts without any link.
    """

    kind: ClassVar[str] = "links"
    since: ClassVar[int] = 2
    hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "hosts", entries("links", self.hosts) if self.hosts else ())
        for name in self.hosts:
            refuse_odd_name("links hosts", name)

    def admits(self, value: Value) -> bool:
        """Return whether it is a text in which all links that may be found lead to these hosts."""
        if not isinstance(value, str):
            return False
        return leads_only_to(value, self.is_given)

    def is_given(self, host: str) -> bool:
        """Return whether a canonical host is one of these."""
        return any(name_matches(name, host) for name in self.hosts)

    def fits(self, of: ArgumentType) -> bool:
        """Return whether the type is that of texts for people."""
        return of.name in _TEXTS

    def lies_within(self, parent: Constraint) -> bool:
        """Return whether every host is one of the parent's: what is found does not depend on them."""
        return isinstance(parent, Links) and all(
            any(name_within(mine, theirs) for theirs in parent.hosts) for mine in self.hosts
        )

    def body(self) -> Json:
        """Return the hosts."""
        return {"hosts": [*self.hosts]}

    def probes(self) -> Iterable[Value]:
        """Return texts without a link, and with one to each host, below it and beside it."""
        yield from ("", "x", "see evil.com")
        for name in self.hosts:
            bare = name.removeprefix("*.")
            yield from (f"see https://{bare}/x", f"https://x.{bare}", f"see x{bare}", bare)

    def _wording(self, _: ArgumentType | None) -> Wording:
        if not self.hosts:
            return Wording("text without links", "no links")
        must = f"text with no links but to {one_of_texts(self.hosts)}"
        return Wording(must, f"no links but to {names(self.hosts)}")


def foreign_link(text: str, links: Links) -> str:
    """Return a word of a text that holds a link which is not admitted, or nothing if none is so alone.

    It halves the text, so that finding it costs little more than refusing it did.
    """
    words = text.split()
    while len(words) > 1:
        middle = len(words) // 2
        halves = (words[:middle], words[middle:])
        words = next((half for half in halves if not links.admits(" ".join(half))), [])
    return words[0] if words and not links.admits(words[0]) else ""
