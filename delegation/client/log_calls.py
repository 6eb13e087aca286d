"""Calls about the log: checkpoint, proofs, tiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from delegation.authority.ids import DecisionId, LinkId
from delegation.canonical import unb64u
from delegation.client.calls import Call, nothing, part
from delegation.tracker.log import LogStatus
from delegation.transparency.checkpoint import LogKey
from delegation.transparency.evidence import LogProof
from delegation.transparency.tile import parse_path

CHECKPOINT = Call("GET", "/v1/log/checkpoint", nothing, is_repeatable=True)


def tile(path: str) -> Call[None]:
    """Return a tile's bytes; the path is one of C2SP tlog-tiles, and no other is sent.

    Raises:
        MalformedError: It names no tile.
    """
    return Call("GET", f"/v1/log/{parse_path(path).path}", nothing, is_repeatable=True)


def inclusion(index: int, size: int) -> Call[Sequence[bytes]]:
    """Return the path of an entry in the tree of this size."""
    asked = {"index": index, "size": size}
    return Call("GET", "/v1/log/proof/inclusion", _path, query=asked, is_repeatable=True)


def consistency(old: int, new: int) -> Call[Sequence[bytes]]:
    """Return what shows that one tree begins another."""
    asked = {"old": old, "new": new}
    return Call("GET", "/v1/log/proof/consistency", _path, query=asked, is_repeatable=True)


def status() -> Call[LogStatus]:
    """Return how far the log is."""
    return Call("GET", "/v1/log/status", _status, is_repeatable=True)


def decision_proof(decision: DecisionId | str) -> Call[LogProof]:
    """Return the proof that a decision stands in the log."""
    path = f"/v1/decisions/{part(decision)}/proof"
    return Call("GET", path, LogProof.from_json, is_repeatable=True)


def link_proof(link: LinkId | str) -> Call[LogProof]:
    """Return the proof that a link stands in the log."""
    return Call("GET", f"/v1/links/{part(link)}/proof", LogProof.from_json, is_repeatable=True)


def _path(answer: dict[str, Any]) -> list[bytes]:
    return [unb64u(one) for one in answer["path"]]


def _status(answer: dict[str, Any]) -> LogStatus:
    keys = tuple(LogKey.from_text(key) for key in answer["keys"])
    return LogStatus(**{**answer, "keys": keys})
