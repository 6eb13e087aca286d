"""Defines an argument type: the one canonical form of each value, or the reason why it has none.

A type is a module of this package and one line in its `_PLAIN`; `families` lists its name by what its
values share with others.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar, Final, Protocol

from delegation.canonical import Json
from delegation.errors import CallerDataError

_WHOLE: Final = object()


class NoCanonicalFormError(CallerDataError):
    """A value has no canonical form under its type, so nothing can be said about it: refused.

    `code` differs by cause, see docs/reference/caveats.md. Neither message nor remedy repeats the value: both
    are kept for good, and the value may be erased.

    Args:
        code: The cause's own code.
        message: What is the matter with "it", the part at `place`.
        remedy: What to do, one sentence; `advised` fills it in from the type where it is empty.
        place: Where inside the value the part stands, such as `.zip` or `[3].price`.
        part: What stands there; the whole value where none is given.
    """

    code: ClassVar[str] = "no_canonical_form"

    def __init__(
        self, code: str, message: str, *, remedy: str = "", place: str = "", part: object = _WHOLE
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.code = code  # type: ignore[misc]  # the cause's own code, fixed at birth
        self.place = place
        self._part = part

    def part_of(self, value: Json) -> Json:
        """Return the part of a value that has no canonical form: itself where none was named."""
        return value if self._part is _WHOLE else self._part  # type: ignore[return-value]  # JSON

    def within(self, place: str, value: object) -> NoCanonicalFormError:
        """Return the error with its place in what is around the refused value.

        Args:
            place: Where the value stands there.
            value: What was refused.
        """
        self.place = place + self.place
        if self._part is _WHOLE:
            self._part = value
        return self

    def advised(self, of: ArgumentType) -> NoCanonicalFormError:
        """Return the error with a remedy: where nothing better is known, to send what the type wants."""
        is_null = self._part is None and self.code == "wrong_type"
        self.remedy = (
            self.remedy or f"{'Leave it out, or send' if is_null else 'Send'} {of.wanted}."
        )
        return self


class SpecialHostError(NoCanonicalFormError):
    """A value names a host that only the inside of a network, cloud, cluster or machine answers."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(
            code, message, remedy="Ask for a grant that names it exactly, with host or url."
        )


class ArgumentType(Protocol):
    """How one argument is read."""

    @property
    def name(self) -> str:
        """The type's name; that of a nullable type is its inner type's."""

    @property
    def wanted(self) -> str:
        """What it admits, in a few words that follow "Send"; what stands behind "such as" it admits."""

    def canonicalise(self, value: Json) -> Json:
        """Return the value's canonical form.

        Idempotent: a canonical value is its own canonical form.

        Raises:
            NoCanonicalFormError: It has none.
        """

    def to_json(self) -> Json:
        """Return the type's JSON: its name, or an object of `type` and options."""


@dataclass(frozen=True, slots=True)
class PlainType:
    """What types of plain values have in common: their options are their fields."""

    name: ClassVar[str]

    def to_json(self) -> Json:
        """Return the type's JSON: its name, with the options that are not as they are by default."""
        said: dict[str, Json] = {}
        for one in fields(self):
            if (value := getattr(self, one.name)) != one.default:
                said[one.name] = value.to_json() if hasattr(value, "to_json") else value
        return {"type": self.name, **said} if said else self.name


def read_part(of: ArgumentType, value: Json, place: str) -> Json:
    """Return the canonical form of a part of a value.

    Args:
        of: The part's type.
        value: The part.
        place: Where it stands in the value, such as `.zip` or `[3]`.

    Raises:
        NoCanonicalFormError: It has none; the error says where it stands.
    """
    try:
        return of.canonicalise(value)
    except NoCanonicalFormError as error:
        raise error.within(place, value).advised(of)  # noqa: B904  # the same error, with its place


def admits(of: ArgumentType, value: Json) -> bool:
    """Return whether a type reads a value."""
    try:
        of.canonicalise(value)
    except NoCanonicalFormError:
        return False
    return True


def is_canonical(text: str, of: ArgumentType) -> bool:
    """Return whether a text is its own canonical form under a type."""
    try:
        return of.canonicalise(text) == text
    except NoCanonicalFormError:
        return False


def text_in(value: Json, wanted: str) -> str:
    """Return a value that is text.

    Raises:
        NoCanonicalFormError: It is of another JSON type.
    """
    if type(value) is not str:
        raise refuse_type(value, wanted)
    return value


def refuse_type(value: Json, wanted: str) -> NoCanonicalFormError:
    """Return the error for a value of another JSON type; null is one of them."""
    if value is None:
        return NoCanonicalFormError("wrong_type", "it may not be null")
    kind = {
        str: "text", bool: "a boolean", int: "an integer", float: "a number",
        list: "a list", dict: "an object",
    }  # fmt: skip
    return NoCanonicalFormError(
        "wrong_type", f"it is {kind.get(type(value), 'another type')}, not {wanted}"
    )
