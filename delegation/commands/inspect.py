"""Inspecting: what a token says and how each of its links stands, without using it."""

from __future__ import annotations

from dataclasses import dataclass

from delegation.authority.chain import Link
from delegation.commands.check import CheckContext
from delegation.judge.decision import Denial
from delegation.lineage.entry import LinkEntry
from delegation.tokens.failed import Failed
from delegation.tokens.verifier import verify_token


@dataclass(frozen=True, slots=True)
class Inspection:
    """What steps 1 to 5 found, and what the store knows of each link.

    Args:
        token_format: `biscuit` or `macaroon`; empty when the token did not verify.
        links: Root first; empty when the token did not verify.
        entries: The recorded entry of each link, None where it is not recorded.
        denial: Why it did not verify, or None.
    """

    token_format: str
    links: tuple[Link, ...]
    entries: tuple[LinkEntry | None, ...]
    denial: Denial | None


def inspect(context: CheckContext, token: str, *, at: int) -> Inspection:
    """Return what a token holds. Records nothing, spends nothing, asks for no proof.

    Not checked here: proof, time, standing of the call; the entries show the links' standing.

    Args:
        context: Store, keys and cache.
        token: Token text, as it came.
        at: Unix seconds.

    Raises:
        StoreUnavailableError: The store does not answer.
    """
    verified = verify_token(token, context.ring, context.cache, at=at)
    if isinstance(verified, Failed):
        denial = Denial.at(
            verified.step, verified.refusal, link=verified.link, depth=verified.depth
        )
        return Inspection("", (), (), denial)
    links = verified.chain.links
    with context.store.read() as reader:
        entries = tuple(reader.link(link.id, at=at) for link in links)
    return Inspection(verified.format, links, entries, None)
