"""Constrains presence: `any` admits every canonical value and absence, `absent` admits absence alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from delegation.authority.arguments import ArgumentType
from delegation.authority.constraints.constraint import ABSENT, Constraint, Value
from delegation.authority.constraints.wording import Wording
from delegation.canonical import Json


@dataclass(frozen=True, slots=True)
class Anything(Constraint):
    """Whatever the argument's type allows."""

    kind: ClassVar[str] = "any"

    def admits(self, value: Value) -> bool:
        """Return true."""
        return True

    def fits(self, of: ArgumentType) -> bool:
        """Return true: every type."""
        return True

    def body(self) -> Json:
        """Return `true`."""
        return True

    def probes(self) -> Iterable[Value]:
        """Return one value of each JSON type."""
        return (
            ABSENT,
            0,
            1,
            -1,
            "",
            "x",
            "0",
            True,
            False,
            [],
            ["x"],
            [0],
            {},
            "/x",
            "a.b",
            "x@a.b",
        )

    def _wording(self, _: ArgumentType | None) -> Wording:
        return Wording("anything that the tool takes", "anything")


@dataclass(frozen=True, slots=True)
class Missing(Constraint):
    """The argument must not be given."""

    kind: ClassVar[str] = "absent"

    def admits(self, value: Value) -> bool:
        """Return whether there is no value."""
        return value is ABSENT

    def fits(self, of: ArgumentType) -> bool:
        """Return true: every type."""
        return True

    def body(self) -> Json:
        """Return `true`."""
        return True

    def probes(self) -> Iterable[Value]:
        """Return absence."""
        return (ABSENT,)

    def _wording(self, _: ArgumentType | None) -> Wording:
        return Wording("left out", "absent")
