"""Asks again whether an open socket's authority stands, by the service's own rules, as a plan of its call."""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from typing import Any, Final

from delegation.authority.access import Access
from delegation.errors import DelegationError
from delegation.judge.standing import STEP

EVERY: Final = 5.0  # seconds between two questions
UNKNOWN: Final = 30.0  # seconds after which what nobody answers counts as ended
_LOG: Final = logging.getLogger("delegation.guard")


async def until_ended(desk: Any, token: str, access: Access) -> None:
    """Return once the authority by which a socket was opened has ended, or was not known for long.

    Ended is what would be denied now up to step 10: by its window, by the catalogue, because the chain,
    its task, a holder, owner, tool or system no longer stands, or all is frozen. What comes later
    (budgets, pace, approvals) was settled with the handshake and is not asked again.

    Args:
        desk: Who decided; one that cannot plan is never asked.
        token: The token that opened it.
        access: The handshake's call.
    """
    if not callable(getattr(desk, "plan", None)):
        await asyncio.Event().wait()
    known = time.monotonic()
    while True:
        await asyncio.sleep(EVERY)
        asked = time.monotonic()
        try:
            step = await _denied_at(desk, token, access)
        except DelegationError as error:
            if time.monotonic() - known >= UNKNOWN:
                _LOG.warning("a socket ends: whether it may go on is not known (%s)", error.code)
                return
            continue
        if step is not None and step <= STEP:
            return
        known = asked


async def _denied_at(desk: Any, token: str, access: Access) -> int | None:
    """Return the step at which the call would be denied now, None if at none."""
    if inspect.iscoroutinefunction(desk.plan):
        answer = await desk.plan(token, access=access)
        denial = answer["outcome"]["denial"]
        return None if denial is None else int(denial["step"])
    planned = await asyncio.to_thread(desk.plan, token, access=access)
    found = planned.outcome.denial
    return None if found is None else int(found.step)
