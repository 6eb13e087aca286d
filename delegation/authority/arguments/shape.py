"""States the shape of a text: runs of character classes, literal texts and short choices, in order.

A shape is what a reviewer can read of a regular expression. Matching it takes time that grows with
the text and with the shape, never faster: nothing is tried again (`Shape.matches`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from delegation.authority.arguments.argument_type import NoCanonicalFormError
from delegation.authority.arguments.character_class import CharacterClass
from delegation.authority.arguments.shape_parts import Choice, Literal, Part, Run, after
from delegation.authority.arguments.shape_pattern import parts_of
from delegation.authority.fields import list_of
from delegation.canonical import Json
from delegation.errors import MalformedError

MAX_WEIGHT: Final = 256  # parts, each as often as a choice around it repeats
# Parts times characters: a third of a second for the worst of both.
MAX_WORK: Final = 1_000_000
MAX_DEPTH: Final = 4  # choices within choices


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape that the whole of a text has.

    Args:
        parts: What comes after what; nothing is the empty text.
    """

    parts: tuple[Part, ...]
    _plain: re.Pattern[str] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if _weight(self.parts, MAX_DEPTH) > MAX_WEIGHT:
            raise MalformedError("A shape", wanted=f"at most {MAX_WEIGHT} parts")
        object.__setattr__(self, "_plain", _plain(self.parts))

    def matches(self, text: str) -> bool:
        """Return whether the whole text has this shape.

        Places where a part can end are kept as intervals, so that the time is bounded by the
        length of the text and the number of parts, whatever they hold.
        """
        if self._plain is not None:
            return self._plain.fullmatch(text) is not None
        ends = after(self.parts, text, ((0, 0),))
        return bool(ends) and ends[-1][1] == len(text)

    def is_quick(self, longest: int) -> bool:
        """Return whether no text of so many characters takes long to match.

        A shape whose parts are told apart as they come takes one step for each character.
        """
        return self._plain is not None or _weight(self.parts, MAX_DEPTH) * longest <= MAX_WORK

    def to_json(self) -> Json:
        """Return the shape's JSON: a list of parts."""
        return [part.to_json() for part in self.parts]

    def __str__(self) -> str:
        """Return the shape in words."""
        return ", then ".join(map(str, self.parts)) or "nothing"

    @classmethod
    def parse(cls, value: object) -> Shape:
        """Return the shape that this JSON states.

        Raises:
            MalformedError: A part is of another form, or there are too many.
        """
        parts = list(value) if isinstance(value, tuple) else value
        return cls(tuple(_part(part, MAX_DEPTH) for part in list_of("A shape", parts, MAX_WEIGHT)))


def shape_of(pattern: str) -> Shape | None:
    """Return the shape that a plain regular expression states, or None where it states none.

    Expressions are read as JSON Schema has them: ECMA-262 with the `u` flag, characters are code
    points, and one that is not anchored at an end has anything there. What a shape cannot state
    (look-around, back references, word boundaries, repetitions without end of more than one class)
    gives None, as does what is no such expression.
    """
    try:
        return Shape(parts_of(pattern))
    except MalformedError:
        return None


def shape_option(value: object, longest: int) -> Shape | None:
    """Return what an argument type's option `shape` says.

    Args:
        value: A shape, its JSON, or None.
        longest: Most characters that the type admits.

    Raises:
        MalformedError: It is no shape, or would take long to match.
    """
    shape = value if value is None or isinstance(value, Shape) else Shape.parse(value)
    if shape is not None and not shape.is_quick(longest):
        raise MalformedError(
            "A shape", wanted=f"few parts or a small max: parts times max are at most {MAX_WORK}"
        )
    return shape


def refuse_misshapen(shape: Shape | None, text: str) -> None:
    """Refuse a text of another shape.

    Raises:
        NoCanonicalFormError: It has another.
    """
    if shape is not None and not shape.matches(text):
        raise NoCanonicalFormError(
            "text_shape",
            "it does not have the shape that its type asks for",
            remedy=f"Send text that is {shape_words(shape)}.",
        )


def shape_words(shape: Shape) -> str:
    """Return a shape in words, cut to a line."""
    said = str(shape)
    return said if len(said) <= 200 else said[:199] + "…"  # noqa: PLR2004  # a remedy is a line


def _part(value: Json, depth: int) -> Part:
    if isinstance(value, dict) and depth:
        body: dict[str, Json] = {"min": 1, "max": 1, **value}
        if value.keys() == {"text"}:
            return Literal(cast("str", value["text"]))
        if {"of", "min"} <= value.keys() <= {"of", "min", "max"}:
            of = CharacterClass(cast("str", value["of"]))
            return Run(of, cast("int", value["min"]), cast("int | None", value.get("max")))
        if "any_of" in value and value.keys() <= {"any_of", "min", "max"}:
            sequences = list_of("shape any_of", value["any_of"], MAX_WEIGHT)
            any_of = tuple(
                tuple(_part(part, depth - 1) for part in list_of("shape any_of", one, MAX_WEIGHT))
                for one in sequences
            )
            return Choice(any_of, cast("int", body["min"]), cast("int", body["max"]))
    raise MalformedError("A shape's part", wanted="of with min and max, text, or any_of")


def _weight(parts: Iterable[Part], depth: int) -> int:
    if depth == 0:
        raise MalformedError("A shape", wanted=f"nested at most {MAX_DEPTH} deep")
    return sum(
        part.max * sum(1 + _weight(one, depth - 1) for one in part.any_of)
        if isinstance(part, Choice)
        else 1
        for part in parts
    )


def _plain(parts: Sequence[Part]) -> re.Pattern[str] | None:
    """Return a pattern that never goes back, where taking as much as there is takes the right part.

    It is the right part where its length is fixed, or where what may follow begins otherwise.
    """
    spelled = ""
    for number, part in enumerate(parts):
        if isinstance(part, Literal):
            spelled += re.escape(part.text)
        elif isinstance(part, Run) and _is_told_apart(part, parts[number + 1 :]):
            spelled += f"{part.of.brackets}{{{part.min},{'' if part.max is None else part.max}}}+"
        else:
            return None
    return re.compile(spelled, re.DOTALL)


def _is_told_apart(run: Run, rest: Sequence[Part]) -> bool:
    if run.min == run.max:
        return True
    for part in rest:
        if isinstance(part, Choice):
            return False
        other = CharacterClass.of(part.text[0]) if isinstance(part, Literal) else part.of
        if run.of.meets(other):
            return False
        if isinstance(part, Literal) or part.min:
            return True
    return True
