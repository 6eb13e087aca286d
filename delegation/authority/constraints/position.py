"""Constrains command lines by position: the first words each by its own, the rest by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

from delegation.authority.arguments import ArgumentType
from delegation.authority.constraints.collection import Each, item_type
from delegation.authority.constraints.constraint import (
    ABSENT,
    MAX_MEMBERS,
    MAX_PROBES,
    Constraint,
    Value,
)
from delegation.authority.constraints.wording import Wording
from delegation.canonical import Json
from delegation.errors import MalformedError


@dataclass(frozen=True, slots=True)
class Argv(Constraint):
    """A command line that begins with admitted words, followed by none but admitted ones.

    Args:
        head: The constraint on each of the first words; all of them must be there.
        rest: The constraint on each word after them; None admits no more.
    """

    kind: ClassVar[str] = "argv"
    since: ClassVar[int] = 2
    head: tuple[Constraint, ...]
    rest: Constraint | None = None

    def __post_init__(self) -> None:
        if len(self.head) > MAX_MEMBERS:
            raise MalformedError("argv", wanted=f"at most {MAX_MEMBERS} constraints")

    def admits(self, value: Value) -> bool:
        """Return whether each word is admitted at its place."""
        if type(value) is not list or len(value) < len(self.head):
            return False
        more = value[len(self.head) :]
        return all(
            one.admits(word) for one, word in zip(self.head, value, strict=False)
        ) and not any(self.rest is None or not self.rest.admits(word) for word in more)

    def fits(self, of: ArgumentType) -> bool:
        """Return whether the type is a command line's, and every part fits its words."""
        item = item_type(of) if of.name == "argv" else None
        return item is not None and all(part.suits(item) for part in self.members())

    def lies_within(self, parent: Constraint) -> bool:
        """Return whether at every place the parent admits no less."""
        if isinstance(parent, Each):
            return all(part.is_within(parent.item) for part in self.members())
        if not isinstance(parent, Argv) or len(self.head) < len(parent.head):
            return False
        held = [*parent.head, *[parent.rest] * (len(self.head) - len(parent.head)), parent.rest]
        return all(
            mine is None or (theirs is not None and mine.is_within(theirs))
            for mine, theirs in zip([*self.head, self.rest], held, strict=True)
        )

    def members(self) -> tuple[Constraint, ...]:
        """Return the constraints on the first words and on the rest."""
        return self.head if self.rest is None else (*self.head, self.rest)

    def opened(self, at: int) -> Constraint:
        """Return it with the relative bounds of its parts fixed."""
        rest = None if self.rest is None else self.rest.opened(at)
        return Argv(tuple(one.opened(at) for one in self.head), rest)

    def body(self) -> Json:
        """Return the parts as JSON."""
        return {
            "head": [one.to_json() for one in self.head],
            "rest": None if self.rest is None else self.rest.to_json(),
        }

    def probes(self) -> Iterable[Value]:
        """Return lines whose words are admitted, one with another word at each place, and longer ones."""
        first: list[Json] = [next(_words(one), "x") for one in self.head]
        yield first
        yield first[:-1]
        yield [*first, "x"]
        for place, one in enumerate(self.head):
            for word in islice(_words(one), MAX_PROBES // (len(self.head) or 1)):
                yield [*first[:place], word, *first[place + 1 :]]
            yield [*first[:place], "-x", *first[place + 1 :]]
        if self.rest is not None:
            yield from ([*first, word] for word in islice(_words(self.rest), 16))

    def _wording(self, _: ArgumentType | None) -> Wording:
        words = [one.wording() for one in self.head]
        rest = Wording("no more", "no more")
        if self.rest is not None:
            last = self.rest.wording()
            rest = Wording(f"each {last.must}", f"each ({last.short})")
        heads = "; ".join(f"word {number} {one.must}" for number, one in enumerate(words, 1))
        return Wording(
            f"a command line: {heads}; then {rest.must}" if heads else f"words, {rest.must}",
            " ".join(["command", *(f"({one.short})" for one in words), "then", rest.short]),
        )


def _words(one: Constraint) -> Iterator[Json]:
    admitted = [p for p in islice(one.probes(), MAX_PROBES) if p is not ABSENT]
    return iter(sorted(admitted, key=lambda word: not one.admits(word)))
