"""The tamper-evident log: checkpoint, proofs and tiles, as C2SP tlog-tiles names them under /v1/log/.

Checkpoint, proofs and hash tiles are public by design: they hold hashes and nothing else, and whoever
keeps them makes rewriting visible. Entries hold what was decided, so they are for reviewers.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Response

from delegation.canonical import b64u
from delegation.errors import NotFoundError
from delegation.tracker.work import ApiKey
from delegation.transparency.leaf import DecisionLeaf, read_leaf
from delegation.transparency.tile import WIDTH, parse_path
from delegation_api.auth import EVERYONE, READERS, TrackerDep, needs

router = APIRouter(prefix="/v1", tags=["log"])
Size = Annotated[int, Query(ge=0, le=2**53)]
Caller = Annotated[ApiKey, Depends(needs(EVERYONE))]
PUBLIC: Final = [Depends(needs(()))]
_LASTING: Final = "max-age=31536000, immutable"  # a full tile never changes
_NOTE: Final = "text/plain; charset=utf-8"


@router.get("/log/checkpoint", dependencies=PUBLIC)
def checkpoint(tracker: TrackerDep) -> Response:
    """Return the newest signed checkpoint, a C2SP signed note. Public by design."""
    text = tracker.log_checkpoint().text
    return Response(text, media_type=_NOTE, headers={"Cache-Control": "no-cache"})


@router.get("/log/proof/inclusion", dependencies=PUBLIC)
def inclusion(tracker: TrackerDep, index: Size, size: Size) -> dict[str, Any]:
    """Return the path of an entry in the tree of this size. Public by design."""
    path = tracker.log_inclusion(index, size)
    return {"index": index, "size": size, "path": [b64u(one) for one in path]}


@router.get("/log/proof/consistency", dependencies=PUBLIC)
def consistency(tracker: TrackerDep, old: Size, new: Size) -> dict[str, Any]:
    """Return what shows that one tree begins another. Public by design."""
    path = tracker.log_consistency(old, new)
    return {"old": old, "new": new, "path": [b64u(one) for one in path]}


@router.get("/log/tile/entries/{place:path}", dependencies=[Depends(needs(READERS))])
def entries(place: str, tracker: TrackerDep) -> Response:
    """Return a bundle of entries: 256 at most, each after its length in 16 bits."""
    return _tile(tracker, f"tile/entries/{place}", "private, ")


@router.get("/log/tile/{level}/{place:path}", dependencies=PUBLIC)
def hashes(level: int, place: str, tracker: TrackerDep) -> Response:
    """Return a tile of hashes. Public by design; `level` is a number, so never entries."""
    return _tile(tracker, f"tile/{level}/{place}", "public, ")


def _tile(tracker: TrackerDep, path: str, whose: str) -> Response:
    kept = whose + _LASTING if parse_path(path).width == WIDTH else "no-cache"
    data = tracker.log_tile(path)
    return Response(data, media_type="application/octet-stream", headers={"Cache-Control": kept})


@router.get("/log/status", dependencies=[Depends(needs(READERS))])
def status(tracker: TrackerDep) -> dict[str, Any]:
    """Return how far the log is, why it stopped if it did, and its public keys."""
    found = tracker.log_status()
    return {
        "origin": found.origin,
        "size": found.size,
        "signed": found.signed,
        "signed_at": found.signed_at,
        "waiting": found.waiting,
        "stopped": found.stopped,
        "keys": [key.text for key in found.keys],
    }


@router.get("/decisions/{decision}/proof")
def decision_proof(decision: str, caller: Caller, tracker: TrackerDep) -> dict[str, Any]:
    """Return the proof that a decision stands in the log; a service gets those that it asked for."""
    proof = tracker.decision_proof(decision)
    leaf = read_leaf(proof.entry)
    is_its_own = isinstance(leaf, DecisionLeaf) and leaf.client == caller.name
    if caller.role == "service" and not is_its_own:
        # Another service's decision is as unknown to this one as none at all.
        raise NotFoundError("log entry of", decision)
    return proof.to_json()


@router.get("/links/{link}/proof", dependencies=[Depends(needs(READERS))])
def link_proof(link: str, tracker: TrackerDep) -> dict[str, Any]:
    """Return the proof that a link stands in the log."""
    return tracker.link_proof(link).to_json()
