"""Routes the tamper-evident log: checkpoint, proofs and tiles, as C2SP tlog-tiles under /v1/log/.

Checkpoint, proofs and hash tiles are public by design: they hold hashes and nothing else, and whoever
keeps them makes rewriting visible. Entries hold what was decided, so they are for reviewers.
"""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Depends, Response

from delegation.canonical import b64u
from delegation.errors import NotFoundError
from delegation.identity.roles import READERS
from delegation.operations.log import Log
from delegation.transparency.leaf import DecisionLeaf, read_leaf
from delegation.transparency.tile import WIDTH, parse_path
from delegation_api.auth import TrackerDep, needs
from delegation_api.mounting import Asked, mount_all
from delegation_api.openapi import file_of, published

router = APIRouter(tags=["log"])
_BYTES: Final = "application/octet-stream"
TILE: Final = file_of(_BYTES)
_LASTING: Final = "max-age=31536000, immutable"  # a full tile never changes
_NOTE: Final = "text/plain; charset=utf-8"


def _checkpoint(asked: Asked) -> Response:
    text = asked.tracker.log_checkpoint().text
    return Response(text, media_type=_NOTE, headers={"Cache-Control": "no-cache"})


def _inclusion(asked: Asked) -> dict[str, Any]:
    return {**asked.given, "path": list(map(b64u, asked.tracker.log_inclusion(**asked.given)))}


def _consistency(asked: Asked) -> dict[str, Any]:
    return {**asked.given, "path": list(map(b64u, asked.tracker.log_consistency(**asked.given)))}


def _decision_proof(asked: Asked) -> Any:
    decision, caller = asked.given["decision"], asked.caller
    proof = asked.tracker.decision_proof(decision)
    leaf = read_leaf(proof.entry)
    is_its_own = isinstance(leaf, DecisionLeaf) and leaf.client == caller.name
    if caller.role == "service" and not is_its_own:
        # Another service's decision is as unknown to this one as none at all.
        raise NotFoundError("log entry of", decision)
    return proof.to_json()


@router.get(
    "/v1/log/tile/entries/{place:path}",
    operation_id="log_entries",
    dependencies=[Depends(needs(READERS))],
    **published(READERS, TILE, NotFoundError),
)
def entries(place: str, tracker: TrackerDep) -> Response:
    """Return a bundle of entries: 256 at most, each after its length in 16 bits."""
    return _tile(tracker, f"tile/entries/{place}", "private, ")


@router.get(
    "/v1/log/tile/{level}/{place:path}",
    operation_id="log_hashes",
    dependencies=[Depends(needs(()))],
    **published((), TILE, NotFoundError),
)
def hashes(level: int, place: str, tracker: TrackerDep) -> Response:
    """Return a tile of hashes. Public by design; `level` is a number, so never entries."""
    return _tile(tracker, f"tile/{level}/{place}", "public, ")


def _tile(tracker: TrackerDep, path: str, whose: str) -> Response:
    kept = whose + _LASTING if parse_path(path).width == WIDTH else "no-cache"
    data = tracker.log_tile(path)
    return Response(data, media_type=_BYTES, headers={"Cache-Control": kept})


mount_all(
    router,
    Log,
    log_checkpoint=_checkpoint,
    log_inclusion=_inclusion,
    log_consistency=_consistency,
    decision_proof=_decision_proof,
)
