"""Defines one argument of a tool, as a definition states it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from delegation.authority.arguments import (
    ArgumentType,
    NoCanonicalFormError,
    SpecialHostError,
    parse_type,
)
from delegation.authority.arguments.composite import with_special
from delegation.authority.arguments.member import place_of
from delegation.authority.arguments.nullable import is_nullable
from delegation.authority.arguments.number import refuse_wide
from delegation.authority.arguments.text import refuse_surrogates
from delegation.authority.fields import ARGUMENT_NAME, ARGUMENT_WANTED, matching_text
from delegation.authority.refusal import Refusal
from delegation.canonical import Json
from delegation.json_number import WideNumber
from delegation.sent_json import MAX_DEPTH, portable

MAX_WORDS: Final = 600  # characters of one sentence of a refusal
_Place: TypeAlias = "tuple[_Place, str | int] | None"  # what stands around it, and where there


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a tool.

    Args:
        type: How its value is read and put into canonical form.
        required: Whether a call without it is refused. Whether it may be null is its type's.
    """

    type: ArgumentType
    required: bool = True

    @property
    def is_nullable(self) -> bool:
        """Whether null is a value of it; of all others, null is absence."""
        return is_nullable(self.type)

    def read(self, name: str, value: Json, special: dict[str, str] | None) -> Json:
        """Return a value's canonical form.

        Args:
            name: The argument's name.
            value: As sent.
            special: Where given, a special host is read too, and its refusal's code put here.

        Raises:
            NoCanonicalFormError: It has none.
        """
        try:
            refuse_unsayable(value)
            return self._read(name, value, special)
        except NoCanonicalFormError as error:
            raise error.within("", value).advised(self.type)  # noqa: B904  # the same error, completed

    def _read(self, name: str, value: Json, special: dict[str, str] | None) -> Json:
        try:
            return self.type.canonicalise(value)
        except SpecialHostError as error:
            wider = with_special(self.type)
            if (
                special is None or wider == self.type
            ):  # no constraint reaches into an e-mail address
                raise
            special[name] = error.code
            return wider.canonicalise(value)


def refuse_value(
    name: str, argument: Argument, value: Json, error: NoCanonicalFormError
) -> Refusal:
    """Return the refusal of a value that has no canonical form, with the place of the part concerned.

    Args:
        name: The argument's name.
        argument: What the tool says of it.
        value: What was sent.
        error: What its type said.
    """
    said = cut(f"{name}{error.place}")
    return Refusal(
        error.code,
        cut(f'The argument "{said}" has no canonical form: {error}.'),
        cut(f"arguments{place_of(name)}{error.place}"),
        portable(error.part_of(value)),
        argument.type.to_json(),
        cut(f'For "{said}", {error.remedy[:1].lower()}{error.remedy[1:]}'),
        cut(argument.type.wanted),
    )


def cut(text: str, most: int = MAX_WORDS) -> str:
    """Return a text, its end left out where it is longer than a sentence should be."""
    return text if len(text) <= most else text[: most - 1] + "…"


def read_argument(key: str, value: Json | ArgumentType | Argument) -> tuple[str, Argument]:
    """Return an argument's name and what it is; a name that ends in `?` may be left out.

    Raises:
        MalformedError: The name or the type has another form.
    """
    required = not (isinstance(key, str) and key.endswith("?"))
    name = matching_text(
        "An argument's name", key if required else key[:-1], ARGUMENT_NAME, ARGUMENT_WANTED
    )
    if isinstance(value, Argument):
        return name, value
    if hasattr(value, "canonicalise"):
        return name, Argument(cast("ArgumentType", value), required)
    return name, Argument(parse_type(value), required)


def refuse_unsayable(value: Json) -> None:
    """Refuse a value that some reader of JSON rounds, replaces or does not read.

    Asked once of each argument, so that no type has to ask it of what is inside.

    Raises:
        NoCanonicalFormError: A number that no double holds, half of a surrogate pair, or nesting
            deeper than any type has.
    """
    if type(value) is str and value.isascii():  # most are
        return
    waiting: list[tuple[object, int, _Place]] = [(value, MAX_DEPTH, None)]
    while waiting:
        one, depth, place = waiting.pop()
        try:
            if isinstance(one, str):
                _refuse_text(one)
            elif isinstance(one, WideNumber):
                raise refuse_wide(one)
            elif isinstance(one, dict | list):
                waiting += _parts(one, depth, place)
        except NoCanonicalFormError as error:
            raise error.within(_said(place), one)  # noqa: B904  # the same error, with its place


def _parts(
    value: dict[str, object] | list[object], depth: int, place: _Place
) -> Iterator[tuple[object, int, _Place]]:
    if depth == 0:
        raise NoCanonicalFormError(
            "value_too_deep",
            "it stands too deep",
            remedy=f"Send a value that is nested at most {MAX_DEPTH} deep.",
        )
    if isinstance(value, dict):
        for name in value:
            _refuse_text(name)
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    return ((part, depth - 1, (place, key)) for key, part in inner)


def _said(place: _Place) -> str:
    said = ""
    while place is not None:
        place, key = place
        said = (place_of(key) if isinstance(key, str) else f"[{key}]") + said
    return said


def _refuse_text(text: str) -> None:
    if not text.isascii():
        refuse_surrogates(text)
