"""Requests as they were before an application saw them."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from delegation.integrations.route import SOCKET


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request, as it was before an application saw it.

    Args:
        method: HTTP method, or `WEBSOCKET`.
        headers: As sent, names in lower case.
        scope: A copy of the connection's.
    """

    method: str
    headers: tuple[tuple[str, str], ...]
    scope: Mapping[str, Any]

    @classmethod
    def of(cls, scope: MutableMapping[str, Any]) -> SeenRequest:
        """Return the request of a connection; applications write into the scope itself."""
        headers = tuple(
            (name.decode("latin-1").lower(), value.decode("latin-1"))
            for name, value in scope["headers"]
        )
        method = SOCKET if scope["type"] == "websocket" else scope["method"]
        return cls(method, headers, dict(scope))

    @property
    def has_body(self) -> bool:
        """Whether a body was announced."""
        return any(
            name == "transfer-encoding" or (name == "content-length" and value.strip() != "0")
            for name, value in self.headers
        )
