"""What an argument type is: the one canonical form of each value, or the reason why it has none."""

from __future__ import annotations

from typing import ClassVar, Protocol

from delegation.canonical import Json
from delegation.errors import CallerDataError


class NoCanonicalFormError(CallerDataError):
    """A value has no canonical form under its type, so nothing can be said about it: refused.

    `code` differs by cause, see docs/caveats.md. The message never repeats the value.
    """

    code: ClassVar[str] = "no_canonical_form"

    def __init__(self, code: str, message: str, *, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.code = code  # type: ignore[misc]  # the cause's own code, fixed at birth


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

    def canonicalise(self, value: Json) -> Json:
        """Return the value's canonical form.

        Idempotent: a canonical value is its own canonical form.

        Raises:
            NoCanonicalFormError: It has none.
        """

    def to_json(self) -> Json:
        """Return the type's JSON: its name, or an object of `type` and options."""


def is_canonical(text: str, of: ArgumentType) -> bool:
    """Return whether a text is its own canonical form under a type."""
    try:
        return of.canonicalise(text) == text
    except NoCanonicalFormError:
        return False


def refuse_type(value: Json, wanted: str) -> NoCanonicalFormError:
    """Return the error for a value of another JSON type; null is one of them."""
    kind = {
        str: "text", bool: "a boolean", int: "an integer", float: "a number",
        list: "a list", dict: "an object",
    }  # fmt: skip
    got = "null" if value is None else kind.get(type(value), "another type")
    return NoCanonicalFormError(
        "wrong_type", f"it is {got}, not {wanted}", remedy=f"Send {wanted}."
    )
