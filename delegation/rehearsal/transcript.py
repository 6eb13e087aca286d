"""A recorded run as hand-offs and actions; and what is safe to take from hostile text."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Literal, TypeAlias

from delegation.assigned import UNASSIGNED
from delegation.canonical import Json

Kind: TypeAlias = Literal["orchestrated", "group chat"]
MAX_TEXT = 300  # characters of a scraped text that a rehearsal keeps


@dataclass(frozen=True, slots=True)
class HandOff:
    """One delegation that the record shows or implies.

    Args:
        index: Place of the message in the record: its logical clock.
        holder: The role that is handed the work.
    """

    index: int
    holder: str


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a role did.

    Args:
        index: Place of the message in the record.
        role: Who did it.
        tool: The tool that stands for it.
        arguments: What the record tells of it, cleaned and cut.
    """

    index: int
    role: str
    tool: str
    arguments: dict[str, Json]


@dataclass(frozen=True, slots=True)
class Transcript:
    """One recorded run. Question and answer of the record are not part of it, on purpose.

    Args:
        name: The file's folder and name: the only title.
        kind: Whether an orchestrator handed the work out, or speakers took turns.
        root: Who holds the root: the orchestrator, or a made-up chat manager.
        hand_offs: In the record's order.
        actions: In the record's order.
        mistake_agent: The role that the record's label blames.
        mistake_step: Place of the blamed message, None if the label is no number.
    """

    name: str
    kind: Kind
    root: str
    hand_offs: tuple[HandOff, ...]
    actions: tuple[Action, ...]
    mistake_agent: str
    mistake_step: int | None


def inert(text: str, limit: int = MAX_TEXT) -> str:
    """Return scraped text as one plain line: NFC, no control or direction characters, cut."""
    text = UNASSIGNED.sub("\ufffd", text[: 4 * limit])
    shown = "".join(
        " " if unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp", "Co"} else c for c in text
    )
    return unicodedata.normalize("NFC", " ".join(shown.split()))[:limit]
