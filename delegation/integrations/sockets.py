"""Judges a socket's handshake as a request, and ends the socket with the authority that opened it.

What is said on a socket afterwards, no proof covers: the tool that a socket is stands for all of it.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from delegation import canonical
from delegation.authority.access import Access
from delegation.authority.fields import integer
from delegation.errors import DelegationError, MalformedError
from delegation.integrations.judged_request import Message, Receive, Send
from delegation.judge.standing import STEP
from delegation.tokens.formats import FORMATS
from delegation.tokens.text import read_text

PROTOCOLS: Final = "sec-websocket-protocol"
# Browsers can say nothing else in a handshake than subprotocols.
MARK: Final = "delegation"
_TOKEN, _PROOF = "delegation.token.", "delegation.proof."  # beginnings of names
_VIOLATED: Final = 1008  # the code for an end that the policy asks for
EVERY: Final = 5.0  # seconds between two questions
UNKNOWN: Final = 30.0  # seconds after which what nobody answers counts as ended
_LOG: Final = logging.getLogger("delegation.guard")


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a handshake says beside its path and query.

    Args:
        headers: All headers, the credentials as headers wherever they were said.
        mark: The subprotocol `delegation` if the client offered it, to be answered where it offered
            none of the application's: browsers end a socket for which none is picked.
    """

    headers: tuple[tuple[str, str], ...]
    mark: str

    @classmethod
    def of(cls, headers: tuple[tuple[str, str], ...], carrier: str) -> Handshake:
        """Return the handshake with these headers; tokens come in the carrier.

        Raises:
            MalformedError: Subprotocols stand in two headers, or a credential stands twice.
        """
        said = [value for name, value in headers if name.lower() == PROTOCOLS]
        if len(said) > 1:
            raise MalformedError("Subprotocols", wanted="one header of them")
        offered = [one.strip(" ") for one in said[0].split(",")] if said else []
        rest = [one for one in offered if one != MARK and not one.startswith((_TOKEN, _PROOF))]
        found = [(name, value) for name, value in headers if name.lower() != PROTOCOLS]
        for begin, name, scheme in (
            (_TOKEN, carrier, "Delegation "), (_PROOF, "delegation-proof", ""),
        ):  # fmt: skip
            found += [
                (name, scheme + one.removeprefix(begin)) for one in offered if one.startswith(begin)
            ]
        if rest:
            found.append((PROTOCOLS, ", ".join(rest)))
        return cls(tuple(found), MARK if MARK in offered else "")


def end_of(token: str) -> int:
    """Return when the leaf of a token says that it ends, in Unix seconds.

    Not checked: any signature. Nothing may rest on the answer before the token was verified.

    Raises:
        MalformedError: It is no token's text, as the id of an announced leaf, or its leaf says none.
    """
    held = read_text(token)
    payload = canonical.parse(FORMATS[held.format].last_payload(held.body) or b"")
    grant = payload.get("grant") if isinstance(payload, dict) else None
    return integer("expires_at", grant.get("expires_at") if isinstance(grant, dict) else None, 0)


def as_answer(scope: Message, send: Send) -> Send:
    """Return how a handshake is refused by an HTTP answer: a whole one where the server can, else 403."""
    is_whole = "websocket.http.response" in (scope.get("extensions") or {})

    async def answered(message: Message) -> None:
        if is_whole:
            await send({**message, "type": "websocket." + message["type"]})
        elif message["type"] == "http.response.start":
            await send({"type": "websocket.close", "code": _VIOLATED})

    return answered


async def run_socket(
    app: Callable[[Message, Receive, Send], Awaitable[None]],
    scope: Message,
    receive: Receive,
    send: Send,
    *,
    seconds: float,
    ended: Callable[[], Coroutine[Any, Any, None]],
) -> None:
    """Run a socket's handler until it returns; close the socket after so many seconds, or once it ended.

    Args:
        app: The application.
        scope: The handshake as it was judged.
        receive: From the client.
        send: To the client.
        seconds: How long the socket may live.
        ended: Returns when its authority has ended; where it fails the socket ends, too.
    """
    over, refusing = asyncio.Event(), as_answer(scope, send)
    is_closed = False

    async def sending(message: Message) -> None:
        nonlocal is_closed
        if over.is_set():
            raise OSError("the socket has ended with its authority")  # for the application
        is_closed = is_closed or message["type"] == "websocket.close"
        # A router that would serve another route than the one meant answers so.
        await (refusing if message["type"].startswith("http.") else send)(message)

    async def receiving() -> Message:
        nonlocal is_closed
        ended = asyncio.ensure_future(over.wait())
        said = asyncio.ensure_future(receive())
        try:
            await asyncio.wait({ended, said}, return_when=asyncio.FIRST_COMPLETED)
            if over.is_set():
                return {"type": "websocket.disconnect", "code": _VIOLATED}
            message = said.result()
        finally:
            ended.cancel()
            said.cancel()
        is_closed = is_closed or message["type"] == "websocket.disconnect"
        return message

    async def ending() -> None:
        asking = asyncio.ensure_future(ended())
        try:
            await asyncio.wait({asking}, timeout=max(seconds, 0))
        finally:
            asking.cancel()
        over.set()
        if not is_closed:
            await send({"type": "websocket.close", "code": _VIOLATED})

    watch = asyncio.ensure_future(ending())
    try:
        await app(scope, receiving, sending)
    finally:
        watch.cancel()


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
    found = (await asyncio.to_thread(desk.plan, token, access=access)).outcome.denial
    return None if found is None else int(found.step)
