"""Constrains the members of an object: each named one by its own, the others as the type has them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

from delegation.authority.arguments import ArgumentType, ObjectType
from delegation.authority.arguments.nullable import inner
from delegation.authority.constraints.constraint import (
    ABSENT,
    MAX_MEMBERS,
    MAX_PROBES,
    Constraint,
    Value,
)
from delegation.authority.constraints.presence import Anything
from delegation.authority.constraints.wording import MOST, Wording, first_of, members_of, names
from delegation.authority.fields import ARGUMENT_NAME, matching_text
from delegation.canonical import Json
from delegation.errors import MalformedError

_WANTED = "1 to 200 printable ASCII characters, no space or ? at the end"


@dataclass(frozen=True, slots=True)
class Members(Constraint):
    """An object whose named members are each admitted; what is not named may be what its type allows.

    A member that is missing is admitted only by what admits absence, and null only by what admits null.

    Args:
        parts: 1 to 64 members, by name; sorted.

    Raises:
        MalformedError: None or too many, a name twice or in another form.
    """

    kind: ClassVar[str] = "members"
    since: ClassVar[int] = 2
    parts: tuple[tuple[str, Constraint], ...]

    def __post_init__(self) -> None:
        if not 0 < len(self.parts) <= MAX_MEMBERS or len(dict(self.parts)) != len(self.parts):
            raise MalformedError("members", wanted=f"1 to {MAX_MEMBERS} members, each once")
        for name, part in self.parts:
            matching_text("A member's name", name, ARGUMENT_NAME, _WANTED)
            if not isinstance(part, Constraint):
                raise MalformedError(
                    "members", wanted="constraints by name, such as size=between(1, 5)"
                )
        ordered = sorted(self.parts, key=lambda one: one[0])
        object.__setattr__(self, "parts", tuple(ordered))

    def admits(self, value: Value) -> bool:
        """Return whether it is an object of which each named member is admitted."""
        return isinstance(value, dict) and all(
            part.admits(value.get(name, ABSENT)) for name, part in self.parts
        )

    def fits(self, of: ArgumentType) -> bool:
        """Return whether the type is an object that declares each member, of what its constraint fits."""
        whole = inner(of)
        known = whole.members if isinstance(whole, ObjectType) else {}
        return all(name in known and part.suits(known[name]) for name, part in self.parts)

    def lies_within(self, parent: Constraint) -> bool:
        """Return whether each member that the parent names is within; what is not named may be anything."""
        if not isinstance(parent, Members):
            return False
        mine = dict(self.parts)
        return all(mine.get(name, Anything()).is_within(part) for name, part in parent.parts)

    def members(self) -> tuple[Constraint, ...]:
        """Return the members' constraints."""
        return tuple(part for _, part in self.parts)

    def opened(self, at: int) -> Constraint:
        """Return it with the relative bounds of its members fixed."""
        return Members(tuple((name, part.opened(at)) for name, part in self.parts))

    def body(self) -> Json:
        """Return the constraint of each member by its name."""
        return {name: part.to_json() for name, part in self.parts}

    def probes(self) -> Iterable[Value]:
        """Return objects of admitted members, each member in turn left out, null or another."""
        whole: dict[str, Json] = {}
        for name, part in self.parts:
            admitted = [p for p in islice(part.probes(), MAX_PROBES) if part.admits(p)]
            first = next((p for p in admitted if p is not ABSENT), ABSENT)
            if first is not ABSENT:
                whole[name] = first
        yield whole
        yield {**whole, "x": "x"}
        for name, part in self.parts:
            yield {other: one for other, one in whole.items() if other != name}
            yield {**whole, name: None}
            for probe in islice(part.probes(), MAX_PROBES // len(self.parts)):
                if probe is not ABSENT:
                    yield {**whole, name: probe}

    def _wording(self, of: ArgumentType | None) -> Wording:
        types = members_of(of)
        parts = [(name, part.wording(types.get(name))) for name, part in self.parts]
        must = first_of([f"{name} {said.must}" for name, said in parts[:MOST]], len(parts))
        short = " and ".join(f"{names([name])} is ({said.short})" for name, said in parts)
        return Wording(f"an object with {'; '.join(must)}", f"where {short}")
