"""Routes requests for approval: read by those who answer and by those who wait, answered by people."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from delegation.commands.work import ApiKey
from delegation.lineage.approval import ApprovalEntry
from delegation.messages.answers import answer_json
from delegation.operations.approvals import Approvals
from delegation_api.auth import following
from delegation_api.held_open import held_open
from delegation_api.mounting import Asked, mount_all
from delegation_api.waiting import Waiting

router = APIRouter(tags=["approvals"])


def _approvals(asked: Asked) -> dict[str, Any]:
    found = asked.tracker.approvals(**asked.given, audiences=_audiences(asked.caller))
    listed = [{**_shown(one, asked.caller), "sequence": one.sequence} for one in found]
    return {
        "approvals": listed,
        "next": following(found, asked.given["limit"], lambda one: one.sequence),
    }


async def _approval(asked: Asked) -> Any:
    request, audiences = asked.given["request"], _audiences(asked.caller)
    waiting: Waiting = asked.request.app.state.waiting
    wait = asked.given["wait"]
    with held_open(asked.request).place(asked.caller.name, waits=wait > 0):
        entry = await waiting.answered(
            asked.request,
            request,
            lambda: asked.tracker.approval(request, audiences=audiences),
            wait,
        )
    return _shown(entry, asked.caller)


async def _wait_for_approval(asked: Asked) -> Any:
    given = asked.given
    request = given["request"]
    waiting: Waiting = asked.request.app.state.waiting
    leaf = await waiting.asker(given["token"], given["proof"], request)
    entry = await waiting.answered(
        asked.request, request, lambda: asked.tracker.approval_of(leaf, request), given["wait"]
    )
    return answer_json(entry.status)


def _shown(entry: ApprovalEntry, caller: ApiKey) -> Any:
    # A service learns how a request stands; who said what to whom is not its business.
    return answer_json(entry.status if caller.role == "service" else entry)


def _audiences(caller: ApiKey) -> tuple[str, ...] | None:
    return caller.audiences if caller.role == "service" else None


mount_all(
    router,
    Approvals,
    approvals=_approvals,
    approval=_approval,
    wait_for_approval=_wait_for_approval,
)
