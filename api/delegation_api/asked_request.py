"""Names the request that is being answered: what joins its answer, its log lines and its trace."""

from __future__ import annotations

import os
import re
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from delegation.judge.decision import Decision

_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
# W3C Trace Context, section 3.2: version, trace id, parent id, flags. Later versions may add more.
_TRACEPARENT: Final = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?"
)


@dataclass(slots=True)
class AskedRequest:
    """One request, as it is told of in problems, logs and spans.

    Args:
        id: `X-Request-Id`, the caller's or ours.
        trace: Trace id, 32 hexadecimal digits; empty where the caller sent none and none was begun.
        decision: Id of the decision that was made on it; empty without one.
        code: Of its problem or denial; empty without one.
    """

    id: str
    trace: str = ""
    decision: str = ""
    code: str = ""

    @classmethod
    def of(cls, headers: list[tuple[bytes, bytes]]) -> AskedRequest:
        """Return the request that has these headers."""
        given = sent = b""
        for name, value in headers:
            if name == b"x-request-id":
                given = given or value
            elif name == b"traceparent":
                sent = sent or value
        trace = _TRACEPARENT.fullmatch(sent) if sent else None
        return cls(
            given.decode() if _ID.fullmatch(given) else new_id(),
            trace[1].decode() if trace else "",
        )

    def names(self) -> dict[str, str]:
        """Return what joins it to its log lines and its trace."""
        return {"request": self.id, "trace": self.trace} if self.trace else {"request": self.id}


ASKED: Final[ContextVar[AskedRequest | None]] = ContextVar("asked_request", default=None)


def new_id() -> str:
    """Return a new request's id."""
    return os.urandom(12).hex()


def decided(decision: Decision) -> None:
    """Say of the request that is being answered which decision was made on it."""
    asked = ASKED.get()
    if asked is not None:
        asked.decision = decision.id
        asked.code = "" if decision.denial is None else decision.denial.code
