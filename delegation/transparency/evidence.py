"""A record's proof: its leaf, the path to a signed root, verified by whoever holds the log's key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from delegation.canonical import Json, b64u, unb64u
from delegation.errors import MalformedError, UnverifiedError
from delegation.transparency.checkpoint import LogKey, read_checkpoint
from delegation.transparency.leaf import Leaf, read_leaf
from delegation.transparency.merkle import MAX_PROOF, leaf_hash, verify_inclusion


@dataclass(frozen=True, slots=True)
class LogProof:
    """That a decision or a link stands in the log, for whoever keeps it.

    Nothing of it is believed before `verify`.

    Args:
        index: The leaf's place.
        entry: The leaf's bytes.
        path: Hashes from the leaf to the root.
        checkpoint: The signed head that it leads to.
    """

    index: int
    entry: bytes
    path: tuple[bytes, ...]
    checkpoint: str

    def verify(self, keys: Sequence[LogKey]) -> Leaf:
        """Return the leaf, once the path leads to a root that one of the log's keys signed.

        Not checked here: that the same log is shown to everybody; compare checkpoints for that.

        Raises:
            MalformedError: Checkpoint or leaf cannot be read.
            UnverifiedError: No such key signed, or the path leads elsewhere.
        """
        head = read_checkpoint(self.checkpoint)
        if not head.is_signed_by(keys):
            raise UnverifiedError("log_signature", "The checkpoint is not signed by the log's key.")
        leaf = leaf_hash(self.entry)
        if not verify_inclusion(leaf, self.index, head.size, self.path, head.root):
            raise UnverifiedError("log_inclusion", "The path does not lead to the signed root.")
        return read_leaf(self.entry)

    def to_json(self) -> dict[str, Json]:
        """Return the proof's JSON; the entry is canonical JSON and stands in it as text."""
        return {
            "index": self.index,
            "entry": self.entry.decode(),
            "path": [b64u(one) for one in self.path],
            "checkpoint": self.checkpoint,
        }

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> LogProof:
        """Return the proof that an answer carries.

        Raises:
            MalformedError: It carries none.
        """
        index, entry, path, text = (
            body.get(name) for name in ("index", "entry", "path", "checkpoint")
        )
        if type(index) is not int or type(entry) is not str or type(text) is not str:
            raise MalformedError("A proof", wanted="as the service writes it")
        if not isinstance(path, list) or len(path) > MAX_PROOF:
            raise MalformedError("A proof", wanted="as the service writes it")
        return cls(index, entry.encode(), tuple(unb64u(str(one)) for one in path), text)
