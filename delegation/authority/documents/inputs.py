"""Imports inputs of a request: where a value goes, and the argument that states it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

InputPlace: TypeAlias = Literal[
    "path", "query", "header", "cookie", "member", "field", "file", "body"
]
# Where everything is text, of which the argument's type says what it states.
TEXT_PLACES: Final = frozenset({"path", "query", "header", "cookie", "field"})
Kind: TypeAlias = Literal["path", "query", "header", "cookie", "body"]
OF_COOKIES: Final = ' ",;\\'  # RFC 6265 section 4.1.1: what no cookie value holds
OF_RAW_QUERIES: Final = "#&+%"  # where reserved characters are sent as they are


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a request.

    Args:
        argument: The tool's argument that states it.
        place: `path`, `query`, `header`, `cookie`; `member` of a JSON object; `field` or `file` of a
            form; `body` for the whole body.
        name: As it stands in the request; of the whole body empty. Headers in lower case.
        kind: How its text is read: `text`, `integer`, `number` or `boolean`. JSON has its own types.
        many: Whether it may come any number of times and is a list: of `query`, `header`,
            `field` and `file`.
    """

    argument: str
    place: InputPlace
    name: str
    kind: str = "text"
    many: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """A place of a request.

    Args:
        kind: The part of the request. A text in a path fills one segment, in a query, header or
            cookie it is one line; whoever builds the request percent-encodes it.
        avoid: Characters that would end a value there.
        between: Characters that stand between the items of a list, which none of them may hold.
        files: Whether a binary value is a file, which the call names by its digest.
    """

    kind: Kind
    avoid: str = ""
    between: str = ""
    files: bool = False

    @property
    def inner(self) -> Place:
        """The place of an item or member of a value that stands here."""
        return replace(self, avoid=self.avoid + self.between, between="") if self.between else self


BODY: Final = Place("body")
