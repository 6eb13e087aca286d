"""Reads one of a fixed set of plain values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar, Final, TypeAlias, cast

from delegation import sent_json
from delegation.authority.arguments.argument_type import NoCanonicalFormError, refuse_type
from delegation.authority.arguments.member import most_alike
from delegation.authority.arguments.number import json_number
from delegation.canonical import Json
from delegation.errors import MalformedError
from delegation.shown import shown

MAX_ENUM: Final = 2048
_SHOWN: Final = 200  # characters of a remedy
_Plain: TypeAlias = "str | int | float"
_Known: TypeAlias = dict[tuple[type, _Plain], Json]


@dataclass(frozen=True, slots=True)
class EnumType:
    """One of a fixed set of texts, integers, numbers and booleans.

    Args:
        values: 1 to 2048, compared exactly and with JSON's type: `1` is neither `true` nor `"1"`, but
            `1.0` is `1`.
    """

    name: ClassVar[str] = "enum"
    values: tuple[_Plain, ...]
    _known: _Known = field(init=False, repr=False, compare=False)
    _shown: str = field(init=False, repr=False)  # tells `1` and `true` apart, which are equal

    def __post_init__(self) -> None:
        wanted = f"1 to {MAX_ENUM} different texts, numbers or booleans"
        if isinstance(self.values, str) or not all(
            type(value) in {str, int, float, bool} for value in self.values
        ):
            raise MalformedError("enum values", wanted=wanted)
        try:
            values = tuple(map(_plain, self.values))
        except NoCanonicalFormError as error:
            raise MalformedError("enum values", wanted=wanted) from error
        shown = sent_json.text_of([*values], what="enum values")
        known: _Known = {(type(value), value): cast("Json", value) for value in values}
        if not 0 < len(values) <= MAX_ENUM or len(known) != len(values):
            raise MalformedError("enum values", wanted=wanted)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "_known", known)
        object.__setattr__(self, "_shown", shown)

    @property
    def wanted(self) -> str:
        """What it admits, in words."""
        if len(self._shown) <= _SHOWN:
            return f"one of {self._shown[1:-1].replace(',', ', ')}"
        said = ""
        for number, value in enumerate(self._known.values()):
            more = f"{', ' if said else ''}{shown(value)}"
            if len(said) + len(more) > _SHOWN:
                left = len(self._known) - number
                return f"one of {said} and {left} more" if said else f"one of {left} values"
            said += more
        return f"one of {said}"

    def _texts(self) -> Iterable[str]:
        return (value for value in self.values if isinstance(value, str))

    def canonicalise(self, value: Json) -> Json:
        """Return the value if it is one of the set."""
        if type(value) not in {str, int, float, bool}:
            raise refuse_type(value, "one of a set of values")
        plain = _plain(cast("_Plain", value))
        if (type(plain), plain) not in self._known:
            near = most_alike(plain, self._texts()) if isinstance(plain, str) else ""
            alike = f" {shown(near)} is most like what was sent." if near else ""
            raise NoCanonicalFormError(
                "enum_unknown",
                "it is none of the type's values",
                remedy=f"Send {self.wanted}.{alike}",
            )
        return self._known[type(plain), plain]

    def to_json(self) -> Json:
        """Return the type's JSON."""
        return {"type": self.name, "values": [*self._known.values()]}


def _plain(value: _Plain) -> _Plain:
    """Return a number in its one form: an integer where it is one."""
    return json_number(value) if type(value) in {int, float} else value
