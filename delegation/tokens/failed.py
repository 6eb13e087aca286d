"""Describes a failure of steps 1 to 6 as a value, and in types how far trust has come."""

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


def unknown_key() -> Failed:
    """Return the failure of a token under a key that the ring does not believe."""
    return fail(
        2, "key_unknown", "The token names a key that this service does not believe.",
        "Ask the issuer for a token under its present key.",
    )  # fmt: skip


def container_signature() -> Failed:
    """Return the failure of a container that was not signed so, or not whole."""
    return fail(
        3, "container_signature", "A signature of the container does not verify.",
        "Send the token exactly as received.",
    )  # fmt: skip


def discharge_expired() -> Failed:
    """Return the failure of a token one of whose discharges ended."""
    return fail(3, "discharge_expired", "A discharge no longer serves.", "Fetch a fresh discharge.")
