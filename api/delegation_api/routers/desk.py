"""Routes checks, announcements and inspection."""

from __future__ import annotations

from fastapi import APIRouter, Response

from delegation.messages.requests import CheckBody
from delegation.operations.registry import Desk
from delegation_api.checking import CheckCall, answer
from delegation_api.mounting import Asked, ExactRoute, mount_all

router = APIRouter(tags=["desk"], route_class=ExactRoute)


async def _check(asked: Asked) -> Response:
    content = await answer(CheckCall(**asked.given), asked.caller, asked.tracker)
    return Response(content, media_type="application/json")


mount_all(router, Desk, bodies={"check": CheckBody}, check=_check)
