"""Describes an export made in the background: asked for, made with progress, fetched, forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from delegation.lineage.selection import Selection

JobState: TypeAlias = Literal["waiting", "running", "done", "failed", "cancelled"]
ACTIVE: Final[tuple[JobState, ...]] = ("waiting", "running")


@dataclass(frozen=True, slots=True)
class ExportJob:
    """One job. What it made is kept for some minutes.

    Args:
        id: `exp_...`.
        caller: Name of the API key that asked; nobody else sees it.
        selection: What is exported.
        state: Where it stands; one whose worker fell silent has failed.
        done: Links, rows or events that were read.
        total: Of how many, as far as it is known; 0 before.
        asked_at: Unix seconds.
        seen_at: When its worker last told of it, Unix seconds.
        expires_at: Unix seconds from which it is forgotten.
        ended_at: Unix seconds; None while it is made.
        code: Why it failed: a code of docs/reference/errors.md.
        message: The same as a sentence.
        manifest: What the file states of itself, as JSON; empty before it is done.
        digest: SHA-256 of the file; empty before.
        size: Bytes of the file.
    """

    id: str
    caller: str
    selection: Selection
    state: JobState
    done: int
    total: int
    asked_at: int
    seen_at: int
    expires_at: int
    ended_at: int | None = None
    code: str = field(default="")
    message: str = ""
    manifest: Mapping[str, Any] | None = None
    digest: bytes = b""
    size: int = 0

    @property
    def is_active(self) -> bool:
        """Whether it is still to be made."""
        return self.state in ACTIVE
