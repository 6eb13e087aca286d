"""Describes one exchange as values: the request sent, and the answer received. No I/O here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


class Answer(Protocol):
    """What came back over HTTP."""

    @property
    def content(self) -> bytes:
        """Its body."""

    @property
    def text(self) -> str:
        """Its body as text."""

    @property
    def headers(self) -> Any:
        """Its headers, a mapping of texts."""

    def json(self) -> Any:
        """Return its JSON."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, as both clients send it.

    Args:
        method: HTTP method.
        path: Path under the service's URL.
        query: Query parameters.
        body: JSON body, None for none.
        is_repeatable: Whether sending it twice does what sending it once does.
        waits: Seconds for which the service may hold the answer back.
    """

    method: str
    path: str
    query: Mapping[str, Any]
    body: Mapping[str, Any] | None
    is_repeatable: bool
    waits: float
