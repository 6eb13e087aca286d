"""Reads and answers `POST /v1/check`, in one place for the fast front and its slow twin."""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from weakref import WeakKeyDictionary, ref

from starlette.concurrency import run_in_threadpool

from delegation.authority.access import Access
from delegation.authority.grant import Grant
from delegation.canonical import Json
from delegation.commands.announce import TOKEN, is_name
from delegation.commands.plan import Plan
from delegation.commands.work import ApiKey
from delegation.errors import ForbiddenError, MalformedError
from delegation.judge.decision import Decision, Outcome, steps_json
from delegation.messages.answers import answer_json
from delegation.tracker import Tracker
from delegation_api.asked_request import decided
from delegation_api.asking import vital

_KEY: Final = re.compile(r"[!-~]{1,128}")
_MAX_EPOCH: Final = 2**53
_UNKNOWN: Final = "an unknown member"
_NONE: Final = type(None)
# Member, types it may have, whether it must be there: `CheckBody` by hand; a test holds them equal.
_MEMBERS: Final[tuple[tuple[str, tuple[type, ...], bool], ...]] = (
    ("token", (str,), True),
    ("proof", (str, _NONE), True),
    ("access", (dict, _NONE), True),
    ("idempotency_key", (str, _NONE), False),
    ("at_least_epoch", (int,), False),
    ("receipt", (bool,), False),
    ("dry_run", (bool,), False),
    ("grant", (dict, _NONE), False),
)
_NAMES: Final = frozenset(name for name, _, _ in _MEMBERS)


@dataclass(frozen=True, slots=True)
class CheckCall:
    """A request for a decision, of the right shape; what is in it is judged later."""

    token: str
    proof: str | None
    access: dict[str, Any] | None
    idempotency_key: str | None = None
    at_least_epoch: int = 0
    receipt: bool = False
    dry_run: bool = False
    grant: dict[str, Any] | None = None


def read_call(value: Json) -> CheckCall | list[str]:
    """Return the call in a parsed body, or the places where the body is off its schema."""
    if not isinstance(value, dict):
        return ["body"]
    wrong = [
        f"body.{name}"
        for name, types, required in _MEMBERS
        if (name in value and type(value[name]) not in types) or (required and name not in value)
    ]
    key = value.get("idempotency_key")
    if isinstance(key, str) and _KEY.fullmatch(key) is None:
        wrong.append("body.idempotency_key")
    epoch = value.get("at_least_epoch", 0)
    if type(epoch) is int and not 0 <= epoch <= _MAX_EPOCH:
        wrong.append("body.at_least_epoch")
    if value.keys() - _NAMES:
        wrong.append(_UNKNOWN)
    return sorted(wrong) if wrong else CheckCall(**value)  # type: ignore[arg-type]  # checked above


async def answer(call: CheckCall, caller: ApiKey, tracker: Tracker) -> bytes:
    """Return the JSON that answers a call: a decision, once it is committed, or a plan.

    Raises:
        ForbiddenError: The caller is a service of another audience.
        MalformedError: Members that do not go together, or a malformed grant in a dry run.
        IdempotencyError: The key was used for another request.
        StoreUnavailableError: The decision could not be recorded.
    """
    audience = None if call.access is None else call.access.get("audience")
    if caller.role == "service" and call.access is not None and audience not in caller.audiences:
        # One service must not spend at the desk what is meant for another.
        raise ForbiddenError(
            "The API key is bound to other audiences.", remedy="Ask about your own audience."
        )
    if call.dry_run:
        return _ENCODER.encode(answer_json(await run_in_threadpool(_plan, call, tracker))).encode()
    if call.access is None or call.grant is not None:
        raise MalformedError("A check", wanted="an access and no grant; only a dry run may differ")
    token = await meant_token(call.token, call.proof, tracker)
    pending = tracker.begin_check(
        token,
        call.proof,
        call.access,
        client=caller.name,
        idempotency_key=call.idempotency_key,
        at_least_epoch=call.at_least_epoch,
    )
    decision = await committed(pending)
    decided(decision)
    receipt = tracker.receipt(decision, str(audience)) if call.receipt else None
    return encode_decision(decision, receipt)


async def meant_token(token: str, proof: str | None, tracker: Tracker) -> str:
    """Return the token that is meant, without holding up the loop where its leaf is named.

    Raises:
        StoreUnavailableError: The store does not answer.
    """
    if token.startswith(TOKEN) or not is_name(token):
        return token
    return await vital(tracker.announced_text, token, proof)


def encode_decision(decision: Decision, receipt: str | None) -> bytes:
    """Return the JSON of a decision with its receipt, null where there is none."""
    steps = _steps_text(tuple([step.outcome for step in decision.steps]))
    head = _ENCODER.encode(decision.head_json())
    tail = _ENCODER.encode({**decision.tail_json(), "receipt": receipt})
    return f'{head[:-1]},"steps":{steps},{tail[1:]}'.encode()


@lru_cache(maxsize=256)
def _steps_text(outcomes: tuple[Outcome, ...]) -> str:
    """Return a trail's JSON; there are few trails, and each is long."""
    return _ENCODER.encode(steps_json(outcomes))


# Made once: `json.dumps` makes a new encoder at each call.
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class _Waking:
    """Wakes the waiters of one event loop: the writer's thread signals it once for a whole batch.

    Args:
        loop: Where they wait.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin with nobody to wake."""
        self._loop = ref(loop)  # kept by its loop's own entry below, so not keeping it alive
        self._due: deque[asyncio.Future[None]] = deque()
        self._is_signalled = False

    def wake(self, waiter: asyncio.Future[None]) -> None:
        """Wake a waiter soon; called from any thread."""
        self._due.append(waiter)
        # Read after the append and cleared before the drain: a waiter is never left behind.
        loop = self._loop()
        if not self._is_signalled and loop is not None:
            self._is_signalled = True
            loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        self._is_signalled = False
        while self._due:
            waiter = self._due.popleft()
            if not waiter.done():
                waiter.set_result(None)


_WAKING: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, _Waking]] = WeakKeyDictionary()


async def committed(pending: Future[Decision]) -> Decision:
    """Wait for a decision without holding up the loop.

    A caller that is gone withdraws nothing: what is decided is decided. No clock runs here: the
    writer answers every draft within its own deadline.
    """
    if pending.done():
        return pending.result()
    loop = asyncio.get_running_loop()
    waking = _WAKING.get(loop)
    if waking is None:
        waking = _WAKING.setdefault(loop, _Waking(loop))
    waiter: asyncio.Future[None] = loop.create_future()
    pending.add_done_callback(lambda _: waking.wake(waiter))
    await waiter
    return pending.result()


def _plan(call: CheckCall, tracker: Tracker) -> Plan:
    access = None if call.access is None else Access.from_json(call.access)
    grant = None if call.grant is None else Grant.from_json(call.grant, partial=True)
    return tracker.plan(call.token, access=access, grant=grant)
