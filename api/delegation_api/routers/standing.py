"""Routes revocation: revoking, suspending, the feed, and the leases of in-process verifiers."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool

from delegation.canonical import unb64u
from delegation.commands.report import Report
from delegation.judge.in_process import Holder
from delegation.judge.subject import EVERYTHING
from delegation.lineage.feed import Feed, Revocation
from delegation.messages.answers import answer_json
from delegation.messages.requests import ReportsBody, StandingBody
from delegation.operations.standing import Following, Standing
from delegation.tracker import Tracker
from delegation_api.asking import ends_with_client, urgent
from delegation_api.held_open import held_open
from delegation_api.mounting import Asked, ExactRoute, mount, mount_all
from delegation_api.waiting import Waiting, everywhere

router = APIRouter(tags=["standing"], route_class=ExactRoute)
PREVIEW: Final = (Annotated[bool, Query(description="Only say what it would come to.")], False)


async def _ended(asked: Asked, act: Any) -> Any:
    """End a subject, or say what that would come to."""
    given, tracker = asked.given, asked.tracker
    wait = given.pop("wait")
    if asked.more["preview"]:
        await ends_with_client(asked.request)
        found = await run_in_threadpool(tracker.preview, given["kind"], given["id"])
        return answer_json(found)
    done = await urgent(act, **given, by=asked.caller.name)
    return await _told(done, tracker, wait=wait)


async def _told(done: Revocation, tracker: Tracker, *, wait: bool) -> Any:
    return answer_json(await everywhere(done, tracker) if wait else done)


async def _revoke(asked: Asked) -> Any:
    return await _ended(asked, asked.tracker.revoke)


async def _suspend(asked: Asked) -> Any:
    return await _ended(asked, asked.tracker.suspend)


async def _freeze(asked: Asked) -> Any:
    tracker, by, reason = asked.tracker, asked.caller.name, asked.given["reason"]
    done = await urgent(tracker.suspend, *EVERYTHING, by=by, reason=reason)
    held = await everywhere(done, tracker) if asked.given["wait"] else done
    return answer_json(await urgent(tracker.frozen, held))


def _standing(asked: Asked) -> Any:
    holders = [Holder(unb64u(one.key, what="key"), one.name) for one in asked.given["holders"]]
    return answer_json(asked.tracker.standing(asked.given["root"], holders))


async def _awaited(asked: Asked, look: Any) -> Feed:
    state = asked.request.app.state
    waiting: Waiting = state.waiting
    wait = min(asked.given["wait"], state.settings.max_wait)
    with held_open(asked.request).place(asked.caller.name, waits=wait > 0):
        return await waiting.feed(look, after=asked.given["after"], wait=wait)


async def _feed(asked: Asked) -> Any:
    given = asked.given
    found = await _awaited(
        asked, lambda: asked.tracker.feed(after=given["after"], limit=given["limit"])
    )
    return answer_json(found)


def _register(asked: Asked) -> dict[str, Any]:
    replica = asked.tracker.register_replica(by=asked.caller.name)
    return {"replica": replica.name, "bound": asked.tracker.bound}


async def _poll(asked: Asked) -> dict[str, Any]:
    told = {name: asked.given[name] for name in ("name", "after", "limit", "history")}
    found = await _awaited(asked, lambda: asked.tracker.poll_replica(**told, by=asked.caller.name))
    return {**answer_json(found), "keys": asked.tracker.public_ring().to_json()}


def _report(asked: Asked) -> dict[str, Any]:
    by = asked.caller
    reports = [Report(**dict(one)) for one in asked.given["reports"]]
    audiences = by.audiences if by.role == "service" else None
    found = asked.tracker.report(reports, by=by.name, audiences=audiences)
    return {"results": answer_json(found)}


mount(router, Standing.revoke, _revoke, preview=PREVIEW)
mount(router, Standing.suspend, _suspend, preview=PREVIEW)
mount_all(
    router, Standing, but=("revoke", "suspend"), bodies={"standing": StandingBody}, freeze=_freeze,
    standing=_standing,
)  # fmt: skip
mount(router, Following.feed, _feed)
mount(router, Following.register_replica, _register)
mount(router, Following.poll_replica, _poll)
mount(router, Following.report_decisions, _report, body=ReportsBody)
