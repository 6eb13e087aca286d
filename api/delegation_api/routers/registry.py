"""Routes agents, tools, tokens and keys, which operators set up."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from delegation.authority.grant import Grant
from delegation.identity.principal import PublicKey
from delegation.lineage.revocation_effect import ended_of
from delegation.messages.answers import answer_json
from delegation.messages.requests import IssueBody
from delegation.operations.registry import Registry
from delegation.tokens.token import Token
from delegation.tracker import Tracker
from delegation_api.mounting import Asked, mount_all

router = APIRouter(tags=["registry"])


def _add_tool(asked: Asked) -> dict[str, Any]:
    tracker, tool = asked.tracker, asked.given["tool"]
    revision = tracker.add_tool(tool)
    with tracker.snapshot():
        ended = ended_of(tracker.catalogue(), tool, tracker.ended_tools())
    return {"revision": revision, "ended": answer_json(list(ended))}


def _issue(asked: Asked) -> dict[str, Any]:
    given = asked.given
    token = asked.tracker.issue(
        given["task"],
        to=PublicKey.from_text(given["holder_name"], given["holder_key"]),
        grant=Grant.from_json(given["grant"], partial=True),
        format=given["format"],
    )
    return _issued(asked.tracker, token)


def _renew(asked: Asked) -> dict[str, Any]:
    token = asked.tracker.renew(**asked.given)
    return {**_issued(asked.tracker, token), "renews": asked.given["root"]}


def _issued(tracker: Tracker, token: Token) -> dict[str, Any]:
    before = answer_json(list(tracker.ended_before(token.id)))
    return {"token": token.text, "link": token.id, "task": token.task, "ended_before": before}


def _create_api_key(asked: Asked) -> dict[str, Any]:
    secret = asked.tracker.create_api_key(**asked.given)
    return {"name": asked.given["name"], "role": asked.given["role"], "secret": secret}


mount_all(
    router,
    Registry,
    bodies={"issue": IssueBody},
    add_tool=_add_tool,
    issue=_issue,
    renew=_renew,
    create_api_key=_create_api_key,
)
