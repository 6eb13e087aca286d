"""Where an argument's value goes, and what it may not hold so that it does not leave that place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["path", "query", "header", "cookie", "body"]


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
OF_COOKIES: Final = ' ",;\\'  # RFC 6265 section 4.1.1: what no cookie value holds
OF_RAW_QUERIES: Final = "#&+%"  # where reserved characters are sent as they are
