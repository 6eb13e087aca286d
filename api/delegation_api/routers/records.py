"""Reads links and decisions, for reviewers."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from delegation.messages.answers import answer_json
from delegation.operations.records import Records
from delegation_api.mounting import Asked, mount_all

router = APIRouter(tags=["records"])


def _link(asked: Asked) -> dict[str, Any]:
    link, tracker = asked.given["link"], asked.tracker
    with tracker.snapshot():
        told, before = tracker.renewal(link), list(tracker.ended_before(link))
        entry = tracker.link(**asked.given)
    return {**answer_json(told), **answer_json(entry), "ended_before": answer_json(before)}


mount_all(router, Records, link=_link)
