"""Describes why something is not within an authority; the part of a denial that a rule knows."""

from __future__ import annotations

from dataclasses import dataclass

from delegation.canonical import Json


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a rule refuses.

    Args:
        code: Stable name, one heading in docs/reference/errors.md.
        message: One sentence for a human, without values that nobody verified.
        field: Dotted path of the caveat concerned, such as `capabilities[0].arguments.to`.
        offered: What was asked for, where it helps; JSON.
        allowed: What would have been within, where it helps; JSON.
        remedy: What to do about it, one sentence.
        allowed_in_words: The same as `allowed`, as one would say it; empty where it says nothing.
    """

    code: str
    message: str
    field: str = ""
    offered: Json = None
    allowed: Json = None
    remedy: str = ""
    allowed_in_words: str = ""
