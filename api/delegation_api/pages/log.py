"""Shows the log: its size, what this server has checked of it, and how to verify it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from delegation.errors import MalformedError, NotFoundError, UnverifiedError
from delegation.transparency.audit import Finding
from delegation_api.asking import ends_with_client
from delegation_api.auth import TrackerDep
from delegation_api.pages.session import Viewer, ViewerDep
from delegation_api.pages.shell import PageRoute, page

router = APIRouter(include_in_schema=False, route_class=PageRoute)
MOST: Final = 20_000  # entries that are compared while a person waits; more is for the command line


@dataclass(frozen=True, slots=True)
class Inclusion:
    """What is known of a decision's place in the log, when this was asked.

    Args:
        index: Its place; None where no checkpoint covers it.
        size: Entries under the checkpoint that its path leads to.
        problem: Why the proof does not hold; empty if it does.
        proof: The proof in lines of JSON, for whoever verifies it elsewhere.
    """

    index: int | None
    size: int = 0
    problem: str = ""
    proof: tuple[str, ...] = ()


def inclusion_of(tracker: Any, decision: str) -> Inclusion:
    """Return a decision's place in the log, its proof checked now against the log's keys."""
    try:
        proof = tracker.decision_proof(decision)
    except NotFoundError:
        return Inclusion(None)
    try:
        leaf = proof.verify(tracker.log_status().keys)
    except (UnverifiedError, MalformedError) as error:
        return Inclusion(proof.index, problem=str(error))
    size = int(proof.checkpoint.split("\n")[1])  # the form of a checkpoint that verified
    other = "" if leaf.id == decision else "Another record stands at that place."
    lines = json.dumps(proof.to_json(), indent=2).splitlines()
    return Inclusion(proof.index, size, other, tuple(lines))


@router.get("/log")
def log(request: Request, viewer: ViewerDep, tracker: TrackerDep) -> Response:
    """Show how far the log is. Of its content nothing is checked but the newest signature."""
    return _shown(request, viewer, tracker, None)


@router.post("/log")
async def compare(request: Request, viewer: ViewerDep, tracker: TrackerDep) -> Response:
    """Compare every record with its leaf now, and show the first that differs."""
    status = await run_in_threadpool(tracker.log_status)
    if status.size > MOST:
        raise MalformedError(
            "The log", wanted=f"at most {MOST:,} entries; run delegation log verify"
        )
    await ends_with_client(request)
    found = await run_in_threadpool(tracker.compare_log)
    return await run_in_threadpool(_shown, request, viewer, tracker, found)


def _shown(
    request: Request, viewer: Viewer, tracker: Any, findings: Sequence[Finding] | None
) -> Response:
    status = tracker.log_status()
    now = tracker.now()
    text, signer = "", ""
    try:
        head = tracker.log_checkpoint()
    except NotFoundError:
        head = None
    if head is not None:
        text = head.text
        signer = next((key.text for key in status.keys if head.is_signed_by([key])), "")
    return page(
        request,
        "log.html",
        viewer,
        log=status,
        age=max(0, now - status.signed_at) if status.signed_at else None,
        now=now,
        checkpoint=text.splitlines(),
        signer=signer,
        findings=findings,
        most=MOST,
        issuer=tracker.public_ring().issuer,
    )
