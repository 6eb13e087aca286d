"""Reviewers' questions over many links at once. Only a dismissal changes anything."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query

from delegation.judge.facts import SubjectKind
from delegation.lineage.search import MAX_TEXT
from delegation.messages.answers import answer_json
from delegation.messages.requests import DismissBody
from delegation.tracker.work import ApiKey
from delegation_api.auth import READERS, TrackerDep, needs
from delegation_api.paging import At

router = APIRouter(prefix="/v1", tags=["questions"])
GATE: Final = [Depends(needs(READERS))]
Reader = Annotated[ApiKey, Depends(needs(READERS))]
Name = Annotated[str, Query(min_length=1, max_length=2048)]


@router.get("/handovers", dependencies=GATE)
def handovers(tracker: TrackerDep, task: str | None = None, at: At = None) -> dict[str, Any]:
    """Return who delegated what to whom, aggregated; of open tasks unless one is named."""
    found = tracker.handovers(task=task, at=at)
    return {"handovers": answer_json(found), "extent": answer_json(found.extent)}


@router.get("/owners", dependencies=GATE)
def owners(tracker: TrackerDep, at: At = None) -> dict[str, Any]:
    """Return who answers for which open tasks, registered agents and links."""
    found = tracker.owners(at=at)
    return {"owners": answer_json(found), "extent": answer_json(found.extent)}


@router.get("/holders", dependencies=GATE)
def could_do(tracker: TrackerDep, holder: Name, at: At = None) -> Any:
    """Return what a holder could do: an agent's name, a key, its fingerprint, or a link's id."""
    return answer_json(tracker.could_do(holder, at=at))


@router.get("/links/{link}/reach", dependencies=GATE)
def reach(link: str, tracker: TrackerDep, at: At = None) -> Any:
    """Return what a link could do: tools, arguments, resources, and what is unknown."""
    return answer_json(tracker.reach(link, at=at))


@router.get("/links/{link}/unused", dependencies=GATE)
def unused(link: str, tracker: TrackerDep) -> Any:
    """Return what a link grants that was never used, with the grant without it as code."""
    return answer_json(tracker.unused(link))


@router.get("/ways", dependencies=GATE)
def ways(tracker: TrackerDep, holder: Name, tool: Name, at: At = None) -> Any:
    """Return how a holder could reach a tool, or why not."""
    return answer_json(tracker.ways(holder, tool, at=at))


@router.get("/blast", dependencies=GATE)
def blast(tracker: TrackerDep, holder: Name) -> Any:
    """Return what a thief of a holder's keys and tokens could do now."""
    return answer_json(tracker.blast(holder))


@router.get("/findings", dependencies=GATE)
def findings(tracker: TrackerDep) -> Any:
    """Return what the rules of docs/findings.md find in all open tasks."""
    return answer_json(tracker.findings())


@router.post("/findings/{finding}/dismiss", status_code=201)
def dismiss(finding: str, body: DismissBody, caller: Reader, tracker: TrackerDep) -> Any:
    """Record that a finding was looked at and stands."""
    return answer_json(tracker.dismiss(finding, by=caller.name, reason=body.reason))


@router.get("/risks", dependencies=GATE)
def risks(tracker: TrackerDep, limit: Annotated[int, Query(ge=1, le=200)] = 20) -> dict[str, Any]:
    """Return the riskiest links of open tasks, the highest score first, with the formula."""
    found = tracker.risks(limit=limit)
    return {"risks": answer_json(found), "extent": answer_json(found.extent)}


@router.get("/compare", dependencies=GATE)
def compare(
    tracker: TrackerDep,
    vs: Annotated[int, Query(ge=0, le=2**53)],
    at: At = None,
    task: str | None = None,
) -> Any:
    """Return what changed from the instant `vs` to the instant `at`."""
    return answer_json(tracker.compare(vs=vs, at=at, task=task))


@router.get("/survivors", dependencies=GATE)
def survivors(
    tracker: TrackerDep,
    kind: SubjectKind,
    id: Name,  # noqa: A002  # the word of the wire
) -> Any:
    """Return what revoking a subject would come to now; nothing is changed."""
    return answer_json(tracker.survivors(kind, id))


@router.get("/decisions/{decision}/account", dependencies=GATE)
def account(decision: str, tracker: TrackerDep) -> Any:
    """Return a decision's fourteen steps with their values, and its claimed causes."""
    return answer_json(tracker.account(decision))


@router.get("/find", dependencies=GATE)
def find(
    tracker: TrackerDep, q: Annotated[str, Query(min_length=1, max_length=MAX_TEXT)]
) -> dict[str, Any]:
    """Return what a text names: ids, agents, keys by fingerprint, holders' names, tasks."""
    return {"hits": answer_json(tuple(tracker.find(q)))}
