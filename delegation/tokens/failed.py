"""A failure of steps 1 to 6, as a value; and the types that tell how far trust has come."""

from __future__ import annotations

from dataclasses import dataclass

from delegation.authority.ids import LinkId
from delegation.authority.refusal import Refusal


@dataclass(frozen=True, slots=True)
class Failed:
    """Why bytes were not believed.

    Args:
        step: 1 to 6.
        refusal: The reason.
        link: The link concerned, once its payload was read.
        depth: Its place in the chain, 0 for the root.
    """

    step: int
    refusal: Refusal
    link: LinkId | None = None
    depth: int | None = None


def fail(step: int, code: str, message: str, remedy: str, *, depth: int | None = None) -> Failed:
    """Return a failure without a caveat of its own."""
    return Failed(step, Refusal(code, message, "token", remedy=remedy), None, depth)
