"""Inputs of a request, and the arguments that state them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

InputPlace: TypeAlias = Literal[
    "path", "query", "header", "cookie", "member", "field", "file", "body"
]
# Where everything is text, of which the argument's type says what it states.
TEXT_PLACES: Final = frozenset({"path", "query", "header", "cookie", "field"})


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
