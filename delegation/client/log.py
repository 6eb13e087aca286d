"""The log's methods of both clients; what comes back is believed only by `LogProof.verify`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from delegation.authority.ids import DecisionId, LinkId
from delegation.client import log_calls
from delegation.client.calls import Call
from delegation.tracker.log import LogStatus
from delegation.transparency.checkpoint import Checkpoint, read_checkpoint
from delegation.transparency.evidence import LogProof

if TYPE_CHECKING:
    import httpx2

T = TypeVar("T")


class LogClient:
    """What the synchronous client asks about the log."""

    if TYPE_CHECKING:

        def _run(self, call: Call[T]) -> T: ...

        def _send(self, call: Call[Any]) -> httpx2.Response: ...

    def log_checkpoint(self) -> Checkpoint:
        """Return the newest checkpoint; its signature is not verified here."""
        return read_checkpoint(self._send(log_calls.CHECKPOINT).text)

    def log_tile(self, path: str) -> bytes:
        """Return a tile's bytes by its path (C2SP tlog-tiles); entries are for reviewers."""
        return self._send(log_calls.tile(path)).content

    def log_inclusion(self, index: int, size: int) -> Sequence[bytes]:
        """Return the path of an entry in the tree of this size."""
        return self._run(log_calls.inclusion(index, size))

    def log_consistency(self, old: int, new: int) -> Sequence[bytes]:
        """Return what shows that the log of `old` entries is the beginning of that of `new`."""
        return self._run(log_calls.consistency(old, new))

    def log_status(self) -> LogStatus:
        """Return how far the log is."""
        return self._run(log_calls.status())

    def decision_proof(self, decision: DecisionId | str) -> LogProof:
        """Return the proof that a decision stands in the log; a second after it at the latest."""
        return self._run(log_calls.decision_proof(decision))

    def link_proof(self, link: LinkId | str) -> LogProof:
        """Return the proof that a link stands in the log."""
        return self._run(log_calls.link_proof(link))


class AsyncLogClient:
    """What the asynchronous client asks about the log."""

    if TYPE_CHECKING:

        async def _run(self, call: Call[T]) -> T: ...

        async def _send(self, call: Call[Any]) -> httpx2.Response: ...

    async def log_checkpoint(self) -> Checkpoint:
        """Return the newest checkpoint; its signature is not verified here."""
        return read_checkpoint((await self._send(log_calls.CHECKPOINT)).text)

    async def log_tile(self, path: str) -> bytes:
        """Return a tile's bytes by its path (C2SP tlog-tiles); entries are for reviewers."""
        return (await self._send(log_calls.tile(path))).content

    async def log_inclusion(self, index: int, size: int) -> Sequence[bytes]:
        """Return the path of an entry in the tree of this size."""
        return await self._run(log_calls.inclusion(index, size))

    async def log_consistency(self, old: int, new: int) -> Sequence[bytes]:
        """Return what shows that the log of `old` entries is the beginning of that of `new`."""
        return await self._run(log_calls.consistency(old, new))

    async def log_status(self) -> LogStatus:
        """Return how far the log is."""
        return await self._run(log_calls.status())

    async def decision_proof(self, decision: DecisionId | str) -> LogProof:
        """Return the proof that a decision stands in the log; a second after it at the latest."""
        return await self._run(log_calls.decision_proof(decision))

    async def link_proof(self, link: LinkId | str) -> LogProof:
        """Return the proof that a link stands in the log."""
        return await self._run(log_calls.link_proof(link))
