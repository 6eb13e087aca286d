"""Reads texts of people and models: prose, one line of it, and identifiers.

`text` is as it was sent: in any plane and any normal form, with CRLF, marks of direction, joiners. What
cannot be seen in it is shown to reviewers (`delegation.hidden`). What a second reader makes of it is
for each constraint to know: `glob`, `length` and `not_one_of` ask it of more than one reading.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import ClassVar, Final

from delegation.assigned import UNASSIGNED
from delegation.authority.arguments.argument_type import (
    NoCanonicalFormError,
    PlainType,
    text_in,
)
from delegation.authority.arguments.character import (
    character_at,
    character_found,
    counted,
    first_refused,
    holding,
)
from delegation.authority.arguments.shape import (
    Shape,
    refuse_misshapen,
    shape_option,
    shape_words,
)
from delegation.authority.fields import integer
from delegation.canonical import Json
from delegation.lookalikes import readings

MAX_TEXT: Final = 32_768  # characters; more belongs behind a reference
MAX_IDENTIFIER: Final = 256
# Neither stores nor terminals keep them: U+0000, and all controls but tab, LF and CR.
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_LINE_BREAK: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NO_IDENTIFIER: Final = re.compile(r"[^A-Za-z0-9._~:@+-]|^[^A-Za-z0-9]", re.ASCII)
_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~:@+-]*", re.ASCII)
# Directional overrides and isolates reorder what a reviewer reads; invisible ones hide in names.
_DIRECTIONS: Final = "\u2028\u2029\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c\ufeff"
_ODD: Final = re.compile(f"[\x00-\x1f\x7f-\x9f{_DIRECTIONS}]")
_ODD_IN_LINES: Final = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_DIRECTIONS}]")


@dataclass(frozen=True, slots=True)
class BoundedText(PlainType):
    """What types of text are bounded by.

    Args:
        max: Most characters (code points).
        min: Fewest characters.
        shape: The shape of the whole text.
    """

    least: ClassVar[int] = 0  # characters that each has
    most: ClassVar[int] = MAX_TEXT  # and that none has more of
    max: int = MAX_TEXT
    min: int = 0
    shape: Shape | None = None

    def __post_init__(self) -> None:
        integer(f"{self.name} max", self.max, self.least, self.most)
        integer(f"{self.name} min", self.min, self.least, self.max)
        object.__setattr__(self, "shape", shape_option(self.shape, self.max))


def _refuse_length(value: str, least: int, most: int) -> None:
    if len(value) > most:
        raise NoCanonicalFormError(
            "text_too_long",
            f"it has {counted(len(value), 'character')}",
            remedy=f"Send at most {counted(most, 'character')}.",
        )
    if len(value) < least:
        raise NoCanonicalFormError(
            "text_too_short",
            f"it has {counted(len(value), 'character')}",
            remedy=f"Send at least {counted(least, 'character')}.",
        )


def bounded_words(what: str, of: BoundedText) -> str:
    """Return what a text is, with its bounds where they say something."""
    said = (
        f"{what} of {of.min} to {counted(of.max, 'character')}"
        if of.min or of.max != of.most
        else what
    )
    return said if of.shape is None else f"{said} that is {shape_words(of.shape)}"


@dataclass(frozen=True, slots=True)
class TextType(BoundedText):
    """Text of `min` to `max` characters, in lines.

    Args:
        max: Most characters (code points).
        min: Fewest characters.
        shape: The shape of the whole text.
    """

    name: ClassVar[str] = "text"

    @property
    def wanted(self) -> str:
        """What it admits, in words."""
        return bounded_words("text", self)

    def canonicalise(self, value: Json) -> Json:
        """Return the text itself, to the last code point."""
        value = text_in(value, "text")
        _refuse_length(value, self.min, self.max)
        refuse_misshapen(self.shape, value)
        if not value.isprintable():
            if (found := _CONTROL.search(value)) is not None:
                raise NoCanonicalFormError(
                    "text_control_character",
                    f"it holds {character_found(value, found)}",
                    remedy="Leave control characters out; tab, line feed and carriage return may stay.",
                )
            refuse_surrogates(value)
        return value


@dataclass(frozen=True, slots=True)
class LineType(BoundedText):
    """One line of text, for subjects, headers and names.

    Args:
        max: Most characters (code points).
        min: Fewest characters.
        shape: The shape of the whole text.
    """

    name: ClassVar[str] = "line"

    @property
    def wanted(self) -> str:
        """What it admits, in words."""
        return bounded_words("one line of text", self)

    def canonicalise(self, value: Json) -> Json:
        """Return the text itself, if every reader sees one line."""
        value = text_in(value, "one line of text")
        _refuse_length(value, self.min, self.max)
        refuse_misshapen(self.shape, value)
        if value.isascii() and value.isprintable():
            return value
        refuse_surrogates(value)
        if any(map(_LINE_BREAK.search, readings(value))):
            what = first_refused(value, lambda c: any(map(_LINE_BREAK.search, readings(c))))
            raise NoCanonicalFormError(
                "text_control_character",
                holding(what, "it holds what some readers take for a line break"),
                remedy="Send one line, without line breaks, tabs and control characters.",
            )
        return value


@dataclass(frozen=True, slots=True)
class IdentifierType(BoundedText):
    """An identifier: an ASCII letter or digit, then letters, digits and `._~:@+-`.

    Args:
        max: Most characters, 1 to 256.
        min: Fewest characters, at least 1.
        shape: The shape of the whole identifier.
    """

    name: ClassVar[str] = "identifier"
    least: ClassVar[int] = 1
    most: ClassVar[int] = MAX_IDENTIFIER
    max: int = MAX_IDENTIFIER
    min: int = 1

    @property
    def wanted(self) -> str:
        """What it admits, in words."""
        return bounded_words(
            "an identifier: a letter or digit, then letters, digits and . _ ~ : @ + -",
            self,
        )

    def canonicalise(self, value: Json) -> Json:
        """Return the identifier as it is."""
        value = text_in(value, "an identifier")
        _refuse_length(value, self.min, self.max)
        refuse_misshapen(self.shape, value)
        if _IDENTIFIER.fullmatch(value) is None:
            odd = _NO_IDENTIFIER.search(value)
            held = f": it holds {character_found(value, odd)}" if odd else ""
            raise NoCanonicalFormError("identifier_form", f"it is no identifier{held}")
        return value


def refuse_surrogates(text: str) -> None:
    """Refuse text with a surrogate that stands alone, which no store and no other text can hold.

    Raises:
        NoCanonicalFormError: It has one.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise NoCanonicalFormError(
            "text_surrogate",
            f"it holds {character_at(text, error.start)}, which is no character",
            remedy="Send whole characters: both halves of each pair, or U+FFFD.",
        ) from error


def refuse_unplain(value: Json, most: int, before: int = 0) -> None:
    """Refuse what is no plain text: for types whose values name something, such as paths.

    Plain is one line of assigned NFC characters, without controls and marks of direction.

    Args:
        value: What was sent.
        most: Most characters.
        before: How many characters at the beginning are not of the value, for the places in messages.

    Raises:
        NoCanonicalFormError: It is not plain.
    """
    value = text_in(value, "text")
    _refuse_length(value, 0, most)
    if value.isascii() and value.isprintable():
        return
    if (found := UNASSIGNED.search(value)) is not None:
        raise NoCanonicalFormError(
            "text_not_normal",
            f"it holds {character_found(value, found, before)}, which Unicode 14.0 does not assign",
            remedy="Leave that character out, or send one that Unicode 14.0 assigns.",
        )
    if not unicodedata.is_normalized("NFC", value):
        normal = unicodedata.normalize("NFC", value)
        # Where both differ first: of a letter and its mark, the mark as often as the letter.
        index = next((n for n, (a, b) in enumerate(zip(value, normal, strict=False)) if a != b), 0)
        raise NoCanonicalFormError(
            "text_not_normal",
            f"it is not in NFC, Unicode normal form C: see {character_at(value, index, before)}",
            remedy="Send it in NFC: normalise the whole text to Unicode normal form C.",
        )
    if (found := _ODD.search(value)) is not None:
        raise NoCanonicalFormError(
            "text_control_character",
            f"it holds {character_found(value, found, before)}",
            remedy="Leave out line breaks, control characters and marks of direction.",
        )


def reads_one_way(value: object) -> bool:
    """Return whether no text in a value is another one to who normalises it, or drops marks of direction.

    What is excluded, labelled or counted by its text needs this; what is admitted by its text does not.
    """
    if isinstance(value, str):
        if value.isascii() and value.isprintable():
            return True
        return (
            UNASSIGNED.search(value) is None
            and unicodedata.is_normalized("NFC", value)
            and _ODD_IN_LINES.search(value) is None
        )
    if isinstance(value, dict):
        return all(reads_one_way(name) and reads_one_way(part) for name, part in value.items())
    return not isinstance(value, list) or all(map(reads_one_way, value))
