"""Text: NFC characters that people write, without control characters."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import ClassVar, Final

from delegation.authority.arguments.argument_type import NoCanonicalFormError, refuse_type
from delegation.authority.arguments.shape import Shape, refuse_misshapen, shape_option
from delegation.authority.fields import integer
from delegation.canonical import Json, refuse_odd_text
from delegation.errors import MalformedError

MAX_TEXT: Final = 32_768  # characters; more belongs behind a reference
# Directional overrides and isolates reorder what a reviewer reads; invisible ones hide in names.
_HIDDEN: Final = frozenset(
    map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C, 0xFEFF))
)


@dataclass(frozen=True, slots=True)
class TextType:
    """Text of at most so many characters.

    Args:
        max: Most characters (code points).
        multiline: Whether line feeds and tabs may occur. Carriage returns never do.
        shape: The shape of the whole text.
    """

    name: ClassVar[str] = "text"
    max: int = MAX_TEXT
    multiline: bool = True
    shape: Shape | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", shape_option(self.shape))
        integer("text max", self.max, 0, MAX_TEXT)
        if type(self.multiline) is not bool:
            raise MalformedError("text multiline", wanted="a boolean")

    def canonicalise(self, value: Json) -> Json:
        """Return the text itself: what is not canonical already is refused, not repaired."""
        if type(value) is not str:
            raise refuse_type(value, "text")
        if len(value) > self.max:
            raise NoCanonicalFormError("text_too_long", f"it has more than {self.max} characters")
        refuse_misshapen(self.shape, value)
        if value.isascii() and value.isprintable():
            return value
        try:
            refuse_odd_text(value, "The text")
        except MalformedError as error:
            raise NoCanonicalFormError("text_not_normal", "it is not assigned NFC text") from error
        for character in value:
            if character in "\n\t" and self.multiline:
                continue
            if character in _HIDDEN or unicodedata.category(character) in {"Cc", "Zl", "Zp"}:
                raise NoCanonicalFormError(
                    "text_control_character", "it holds control or direction characters"
                )
        return value

    def to_json(self) -> Json:
        """Return the type's JSON."""
        if self == TextType():
            return self.name
        body: dict[str, Json] = {
            "type": self.name, "max": self.max, "multiline": self.multiline,
        }  # fmt: skip
        return body if self.shape is None else {**body, "shape": self.shape.to_json()}
