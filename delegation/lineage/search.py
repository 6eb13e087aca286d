"""Lists what a search found: places, each with the word that leads there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Found: TypeAlias = Literal["agent", "key", "task", "link", "decision"]
MAX_TEXT: Final = 2048  # characters; names of agents are as long
MIN_TEXT: Final = 2


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing that a search found.

    Args:
        kind: What it is.
        id: Its id: an agent's name, a key as base64url, or an id.
        label: What it is called: hostile text.
        detail: What tells it from others: an owner, a fingerprint, a state.
    """

    kind: Found
    id: str
    label: str
    detail: str
