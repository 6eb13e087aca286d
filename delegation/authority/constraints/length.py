"""Bounds the length of texts and lists, and the count of a value's parts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final, Self
from unicodedata import normalize

from delegation.authority.arguments import ArgumentType
from delegation.authority.arguments.character import counted
from delegation.authority.arguments.families import FREE_TEXTS
from delegation.authority.constraints.constraint import Constraint, Value
from delegation.authority.constraints.wording import Wording, item_of, span
from delegation.authority.fields import closed_object, integer
from delegation.canonical import Json
from delegation.errors import MalformedError

MAX_LENGTH: Final = 32_768
_LONG: Final = FREE_TEXTS | {"relative_path", "list", "argv"}
_COUNTED: Final = frozenset({"list", "argv", "json", "map"})


@dataclass(frozen=True, slots=True)
class _Sized(Constraint):
    """What both kinds share.

    Args:
        min: Least size.
        max: Greatest size, at most 32,768.
    """

    min: int = 0
    max: int = MAX_LENGTH

    def __post_init__(self) -> None:
        integer(f"{self.kind} max", self.max, 0, MAX_LENGTH)
        integer(f"{self.kind} min", self.min, 0, MAX_LENGTH)
        if self.min > self.max:
            raise MalformedError(self.kind, wanted="one whose min is not above its max")

    def lies_within(self, parent: Constraint) -> bool:
        """Return whether the parent is of this kind, and its bounds are no tighter."""
        return (
            isinstance(parent, _Sized)
            and parent.kind == self.kind
            and self.min >= parent.min
            and self.max <= parent.max
        )

    def body(self) -> Json:
        """Return the bounds."""
        return {"min": self.min, "max": self.max}

    @classmethod
    def parse(cls, body: Json) -> Self:
        """Return the constraint that this body states.

        Raises:
            MalformedError: A field is missing, unknown or of another form.
        """
        fields = closed_object(cls.kind, body, frozenset({"min", "max"}))
        return cls(
            integer(f"{cls.kind} min", fields["min"], 0, MAX_LENGTH),
            integer(f"{cls.kind} max", fields["max"], 0, MAX_LENGTH),
        )


@dataclass(frozen=True, slots=True)
class Length(_Sized):
    """A text or list of `min` to `max` characters or items.

    Args:
        min: Least length.
        max: Greatest length, at most 32,768.
    """

    kind: ClassVar[str] = "length"

    def admits(self, value: Value) -> bool:
        """Return whether it is a text or list of such a length."""
        if isinstance(value, str):
            # Whoever writes it in normal form C has another count.
            counts = {len(value)} if value.isascii() else {len(value), len(normalize("NFC", value))}
            return all(self.min <= count <= self.max for count in counts)
        return isinstance(value, list) and self.min <= len(value) <= self.max

    def fits(self, of: ArgumentType) -> bool:
        """Return whether the type has a length that people mean."""
        return of.name in _LONG

    def probes(self) -> Iterable[Value]:
        """Return texts and lists at the bounds and one beyond."""
        for size in (self.min, self.min - 1, self.max, self.max + 1):
            if size >= 0:
                yield "x" * size
            if 0 <= size <= 64:  # noqa: PLR2004  # long lists make no better witness
                yield ["x"] * size

    def _wording(self, of: ArgumentType | None) -> Wording:
        unit = "" if of is None else " item" if item_of(of) else " character"
        many = "s" if unit and self.max != 1 else ""
        said = span(self.min, self.max)
        return Wording(f"{said}{unit}{many} long", f"{said} long")


@dataclass(frozen=True, slots=True)
class Count(_Sized):
    """A list of `min` to `max` items, or an object of so many members.

    Args:
        min: Fewest.
        max: Most, at most 32,768.
    """

    kind: ClassVar[str] = "count"
    since: ClassVar[int] = 2

    def admits(self, value: Value) -> bool:
        """Return whether it is made of so many; a text or number is made of none."""
        return isinstance(value, list | dict) and self.min <= len(value) <= self.max

    def fits(self, of: ArgumentType) -> bool:
        """Return whether the type is made of parts that people count."""
        return of.name in _COUNTED

    def probes(self) -> Iterable[Value]:
        """Return lists and objects at the bounds and one beyond."""
        for size in (self.min, self.min - 1, self.max, self.max + 1):
            if 0 <= size <= 64:  # noqa: PLR2004  # long lists make no better witness
                yield ["x"] * size
                yield {f"x{number}": 0 for number in range(size)}

    def _wording(self, _: ArgumentType | None) -> Wording:
        must = span(self.min, self.max, counted(self.max, "item"))
        return Wording(f"a list of {must}", f"{span(self.min, self.max)} of them")
