"""What was asked before the process was told to stop is answered, if it takes no longer than a moment."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from delegation import cancellation
from delegation.errors import QuestionStoppedError
from delegation_api import asking
from delegation_api.asking import WATCH_SECONDS, Asking


def work(seconds: float) -> None:
    """Work for so long, looking whether it is still wanted."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        time.sleep(0.01)
        cancellation.look()


async def asked(seconds: float) -> str:
    """Ask for so much work of a process that is ending; return how that went."""
    outcome = "answered"

    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        nonlocal outcome
        try:
            await asyncio.to_thread(work, seconds)
        except QuestionStoppedError as error:
            outcome = str(error)

    async def silence() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def unsent(_message: Any) -> None: ...

    await Asking(app, seconds=60, most=8)({"type": "http", "method": "GET"}, silence, unsent)
    return outcome


def test_a_short_question_is_answered_while_the_process_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its first look at the end comes long before its answer, and does not cut it."""
    monkeypatch.setattr(asking, "is_ending", lambda: True)
    assert asyncio.run(asked(WATCH_SECONDS * 4)) == "answered"


def test_a_long_question_is_cut_soon_after(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told why, long before its own time is up."""
    monkeypatch.setattr(asking, "is_ending", lambda: True)
    assert asyncio.run(asked(50)) == "The service is ending."
