"""What is recorded: links and decisions, for reviewers."""

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
        return {
            **answer_json(tracker.renewal(link)),
            **answer_json(tracker.link(**asked.given)),
            "ended_before": answer_json(list(tracker.ended_before(link))),
        }


mount_all(router, Records, link=_link)
