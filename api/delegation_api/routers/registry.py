"""Agents, tools, tokens and keys: what operators set up."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from delegation.authority.catalogue import Tool
from delegation.authority.grant import Grant
from delegation.identity.principal import PublicKey
from delegation.lineage.ending import ended_of
from delegation.messages.registry import agent_json, api_key_json
from delegation.messages.requests import (
    AgentBody,
    ApiKeyBody,
    IssueBody,
    RenewBody,
    ResourceLabelsBody,
    RotateBody,
    ToolBody,
)
from delegation.messages.standing import change_json
from delegation.messages.values import catalogue_json
from delegation.tokens.token import Token
from delegation.tracker.work import ApiKey
from delegation_api.auth import EVERYONE, OPERATOR, READERS, TrackerDep, needs

router = APIRouter(prefix="/v1", tags=["registry"])


@router.post("/agents", status_code=201, dependencies=[Depends(needs(OPERATOR))])
def add_agent(body: AgentBody, tracker: TrackerDep) -> dict[str, Any]:
    """Register an agent under its accountable owner."""
    keys = [PublicKey.from_text(body.name, key) for key in body.keys]
    made = tracker.add_agent(body.name, owner=body.owner, keys=keys, recertify_by=body.recertify_by)
    return agent_json(made)


@router.post("/agents/{name:path}/rotate", status_code=201)
def rotate_key(
    name: str,
    body: RotateBody,
    caller: Annotated[ApiKey, Depends(needs(OPERATOR))],
    tracker: TrackerDep,
) -> dict[str, Any]:
    """Register an agent's new key and revoke its old one, at once or from an instant on."""
    done = tracker.rotate_key(
        name,
        old=PublicKey.from_text(name, body.old),
        new=PublicKey.from_text(name, body.new),
        by=caller.name,
        effective_at=body.effective_at,
    )
    return change_json(done)


@router.get("/agents", dependencies=[Depends(needs(READERS))])
def list_agents(tracker: TrackerDep) -> dict[str, Any]:
    """List all agents."""
    return {"agents": [agent_json(agent) for agent in tracker.agents()]}


@router.post("/tools", status_code=201, dependencies=[Depends(needs(OPERATOR))])
def add_tool(body: ToolBody, tracker: TrackerDep) -> dict[str, Any]:
    """Record a tool's definition as a new catalogue revision."""
    tool = Tool.from_json(body.tool)
    return {"revision": tracker.add_tool(tool), "ended": _ended(tracker, tool)}


@router.get("/tools/ended", dependencies=[Depends(needs(READERS))])
def ended_tools(tracker: TrackerDep) -> dict[str, Any]:
    """List the tools and systems that are ended, or will be, each with the change that ends it."""
    return {"ended": [change_json(change) for change in tracker.ended_tools()]}


def _ended(tracker: TrackerDep, tool: Tool) -> list[dict[str, Any]]:
    with tracker.snapshot():
        found = ended_of(tracker.catalogue(), tool, tracker.ended_tools())
    return [change_json(change) for change in found]


@router.get("/tools", dependencies=[Depends(needs(EVERYONE))])
def list_tools(tracker: TrackerDep) -> dict[str, Any]:
    """Return the catalogue with its history."""
    return catalogue_json(tracker.catalogue())


@router.post("/resource-labels", status_code=201, dependencies=[Depends(needs(OPERATOR))])
def label_resources(body: ResourceLabelsBody, tracker: TrackerDep) -> dict[str, Any]:
    """Declare labels of resources as a new catalogue revision."""
    return {"revision": tracker.label_resources(body.pattern, body.labels)}


@router.post("/tokens", status_code=201, dependencies=[Depends(needs(OPERATOR))])
def issue(body: IssueBody, tracker: TrackerDep) -> dict[str, Any]:
    """Issue a task's root to its first holder."""
    token = tracker.issue(
        body.task,
        to=PublicKey.from_text(body.holder_name, body.holder_key),
        grant=Grant.from_json(body.grant, partial=True),
        format=body.format,
    )
    return {"token": token.text, "link": token.id, "task": token.task, **_before(tracker, token)}


@router.post("/links/{link}/renew", status_code=201, dependencies=[Depends(needs(OPERATOR))])
def renew(link: str, body: RenewBody, tracker: TrackerDep) -> dict[str, Any]:
    """Issue a root in place of an earlier one, for the same holder and grant."""
    token = tracker.renew(link, lasts=body.lasts, format=body.format)
    made = {"token": token.text, "link": token.id, "task": token.task, "renews": link}
    return {**made, **_before(tracker, token)}


def _before(tracker: TrackerDep, token: Token) -> dict[str, Any]:
    return {"ended_before": [change_json(change) for change in tracker.ended_before(token.id)]}


@router.get("/keys/public", dependencies=[Depends(needs(()))])
def public_ring(tracker: TrackerDep) -> dict[str, Any]:
    """Return the issuer's public keys, with which anybody reads its tokens. Public by design."""
    return tracker.public_ring().to_json()


@router.post("/api-keys", status_code=201, dependencies=[Depends(needs(OPERATOR))])
def create_api_key(body: ApiKeyBody, tracker: TrackerDep) -> dict[str, Any]:
    """Make an API key; its secret is in this answer and nowhere else."""
    secret = tracker.create_api_key(
        body.name, body.role, body.audiences, person=body.person, approves_as=body.approves_as
    )
    return {"name": body.name, "role": body.role, "secret": secret}


@router.get("/api-keys", dependencies=[Depends(needs(OPERATOR))])
def list_api_keys(tracker: TrackerDep) -> dict[str, Any]:
    """List API keys without their secrets."""
    return {"api_keys": [api_key_json(key) for key in tracker.api_keys()]}


@router.delete("/api-keys/{name}", status_code=204, dependencies=[Depends(needs(OPERATOR))])
def revoke_api_key(name: str, tracker: TrackerDep) -> None:
    """Withdraw an API key."""
    tracker.revoke_api_key(name)
