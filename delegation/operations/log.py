"""Declares the tamper-evident log: checkpoint, proofs and tiles, as C2SP tlog-tiles under /v1/log/.

Checkpoint, proofs and hash tiles are public by design: they hold hashes and nothing else, and whoever
keeps them makes rewriting visible. Entries hold what was decided, so they are for reviewers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from delegation.authority.ids import DecisionId, LinkId
from delegation.commands.log import LogStatus
from delegation.errors import NotFoundError
from delegation.identity.roles import EVERYONE, PUBLIC, READERS
from delegation.operations.operation import get
from delegation.operations.parameters import MAX_NUMBER, Sent, Told
from delegation.transparency.checkpoint import Checkpoint, LogProof, read_checkpoint
from delegation.transparency.tile import parse_path

Size = Annotated[int, Told(ge=0, le=MAX_NUMBER)]
# Only a path of C2SP tlog-tiles is sent; its slashes are those of the address.
TilePath = Annotated[
    str, Told(is_path=True, sent=Sent(str, lambda path, _: parse_path(path).path, lambda p, _: p))
]


class Log:
    """Operations on the log."""

    @get(
        "/v1/log/checkpoint",
        PUBLIC,
        read=lambda answer: read_checkpoint(answer.text),
        media=("text/plain",),
        refuses=(NotFoundError,),
        does=lambda log, _: log.head(),
        of_log=True,
    )
    def log_checkpoint(self) -> Checkpoint:
        """Return the newest signed checkpoint, a C2SP signed note; a client does not verify it.

        Raises:
            NotFoundError: There is none yet.
        """

    @get(
        "/v1/log/{path:path}",
        PUBLIC,
        of="tile",
        read=lambda answer: answer.content,
        media=("application/octet-stream",),
        does=lambda log, _, path: log.tile(parse_path(path), size=log.head().size),
        of_log=True,
    )
    def log_tile(self, path: TilePath) -> bytes:
        """Return a tile's bytes by its path (C2SP tlog-tiles); entries are for reviewers.

        Raises:
            MalformedError: The path names no tile.
            NotFoundError: The log is not that far.
        """

    @get(
        "/v1/log/proof/inclusion",
        PUBLIC,
        member="path",
        also={"index": int, "size": int},
        refuses=(NotFoundError,),
        does=lambda log, _, index, size: log.inclusion(index, size=size),
        of_log=True,
    )
    def log_inclusion(self, index: Size, size: Size) -> Sequence[bytes]:
        """Return the path of an entry in the tree of this size. Public by design.

        Raises:
            NotFoundError: There is no such entry under the newest checkpoint.
        """

    @get(
        "/v1/log/proof/consistency",
        PUBLIC,
        member="path",
        also={"old": int, "new": int},
        refuses=(NotFoundError,),
        does=lambda log, _, old, new: log.consistency(old, new),
        of_log=True,
    )
    def log_consistency(self, old: Size, new: Size) -> Sequence[bytes]:
        """Return what shows that the log of `old` entries is the beginning of that of `new`.

        Raises:
            NotFoundError: There is no such pair of trees under the newest checkpoint.
        """

    @get("/v1/log/status", READERS)
    def log_status(self) -> LogStatus:
        """Return how far the log is, why it stopped if it did, and its public keys."""

    @get(
        "/v1/decisions/{decision}/proof",
        EVERYONE,
        does=lambda log, _, decision: log.proof("decision", decision),
        of_log=True,
    )
    def decision_proof(self, decision: DecisionId | str) -> LogProof:
        """Return the proof that a decision stands in the log; a service gets those it asked for.

        Raises:
            NotFoundError: There is no such decision, or no checkpoint covers it yet.
        """

    @get(
        "/v1/links/{link}/proof",
        READERS,
        does=lambda log, _, link: log.proof("link", link),
        of_log=True,
    )
    def link_proof(self, link: LinkId | str) -> LogProof:
        """Return the proof that a link stands in the log.

        Raises:
            NotFoundError: There is no such link, or no checkpoint covers it yet.
        """
