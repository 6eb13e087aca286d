"""Describes one finding of doctor: what it found, why that matters, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from delegation.canonical import Json

Level: TypeAlias = Literal["ok", "warn", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact about a deployment. Holds no secret and no password.

    Args:
        check: Stable name of what was looked at.
        level: `ok`, `warn` (works, and somebody should look) or `wrong`.
        what: What was found, one sentence.
        why: Why it matters; empty when ok.
        remedy: What to do; empty when ok.
    """

    check: str
    level: Level
    what: str
    why: str = ""
    remedy: str = ""

    def to_json(self) -> dict[str, Json]:
        """Return its JSON."""
        return {
            "check": self.check,
            "level": self.level,
            "what": self.what,
            "why": self.why,
            "remedy": self.remedy,
        }


def ok(check: str, what: str) -> Finding:
    """Return that something is as it should be."""
    return Finding(check, "ok", what)


def warn(check: str, what: str, why: str, remedy: str) -> Finding:
    """Return that something works and should be looked at."""
    return Finding(check, "warn", what, why, remedy)


def wrong(check: str, what: str, why: str, remedy: str) -> Finding:
    """Return that something is wrong."""
    return Finding(check, "wrong", what, why, remedy)
