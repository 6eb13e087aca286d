"""Tells of a request at the port what is to be known before anybody answers it."""

from __future__ import annotations

from typing import Final

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

# Whether it lives, and what ends something: answered when every ordinary place is taken.
URGENT: Final = frozenset(
    {
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("HEAD", "/healthz"),
        ("HEAD", "/readyz"),
        ("POST", "/v1/freeze"),
        ("POST", "/v1/revocations"),
        ("POST", "/v1/suspensions"),
    }
)


def is_urgent(method: bytes, target: bytes) -> bool:
    """Return whether a request has a right to a reserved place; whose it is, its answer finds out."""
    return (method.decode("latin-1"), target.partition(b"?")[0].decode("latin-1")) in URGENT


def has_body(cycle: RequestResponseCycle) -> bool:
    """Return whether an application waits for a request's body before it works."""
    return cycle.scope["method"] not in {"GET", "HEAD"} and any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in cycle.scope["headers"]
    )


def have_ended(cycle: RequestResponseCycle) -> None:
    """Let an application know that a body has ended."""
    cycle.more_body = False
    cycle.message_event.set()
