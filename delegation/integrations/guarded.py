"""Serves a guarded application: no request reaches a handler before its chain was judged and recorded.

The access is formed from the route and the parsed request, never from one that the caller supplies.
Handlers get canonical arguments only: path, query and body are written anew from the decision.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import Future
from functools import partial
from http import HTTPStatus
from typing import Any, Final, Protocol, TypeAlias

from delegation.authority.access import Access
from delegation.canonical import Json
from delegation.errors import (
    CallerDataError,
    ConfigurationError,
    DelegationError,
    MalformedError,
)
from delegation.identity.proof import PROOF_TYP
from delegation.integrations.asked import Asked, Uploads, credentials_of, headers_of, method_of
from delegation.integrations.boottime import boottime
from delegation.integrations.cors import asks_by_origin, bare, is_preflight
from delegation.integrations.dispatch import PLACE, hold_to_place, root_of, route_taken
from delegation.integrations.judged_request import (
    JudgedRequest,
    Receive,
    Refused,
    RootedPath,
    Scope,
    Send,
    opened,
    refuse_outer_placeholders,
)
from delegation.integrations.observe import Observer
from delegation.integrations.request_headers import has_overriding_parameter, refusal_of
from delegation.integrations.route import Route
from delegation.integrations.routes import WELL_KNOWN, Routes
from delegation.integrations.sockets import (
    PROTOCOLS,
    Handshake,
    as_answer,
    end_of,
    run_socket,
    until_ended,
)
from delegation.integrations.starting_checks import warning_of_late_routes
from delegation.integrations.tool_checks import compare, is_far, start
from delegation.integrations.tool_log import ToolLog
from delegation.judge.decision import LAST_UNPROVEN_STEP, Decision
from delegation.judge.in_process import InProcessDecision
from delegation.judge.problem import MEDIA_TYPE, denial_members, problem_body
from delegation.lineage.mediation.tool_log import ExecutionOutcome
from delegation.statement import read_statement

App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_SWITCHED: Final = 101
_FAULTS: Final = 500  # from this status on the handler failed
_ELSEWHERE: Final = "The application would serve another route or path than the one declared."
_LOG: Final = logging.getLogger("delegation.guard")


class InProcess(Protocol):
    """A tracker in this process."""

    def begin_check(
        self, token: str, proof: str | None, access: Access | Json, *, client: str = ""
    ) -> Future[Decision]:
        """Decide one call; the future has the decision once it is recorded."""


class OverHttp(Protocol):
    """An asynchronous client of the service."""

    async def check(self, token: str, proof: str | None, access: Access | Json) -> Decision:
        """Have one call decided and recorded."""


class Guarded:
    """An application behind a guard; made by `Guard.protect`."""

    def __init__(
        self,
        app: App,
        routes: Routes,
        desk: InProcess | OverHttp | None,
        clock: Callable[[], float],
        observer: Observer | None,
        *,
        tool_log: ToolLog | None = None,
        passed: Mapping[tuple[str, str], frozenset[str]],
        hosts: frozenset[str] = frozenset(),
        max_upload: int,
        socket_seconds: float,
        cors: Callable[[Any], Any] | None = None,
        inner: Any | None = None,
    ) -> None:
        """Stand in front of an application; `inner` is what lists its routes, if anything does."""
        self._app = app
        self._inner = inner
        if inner is not None:
            hold_to_place(inner, _refuse_elsewhere)
        self._routes = routes
        self._desk = desk
        self._clock = clock
        self._observer = observer
        self._tool_log = tool_log
        self._passed = passed
        self._hosts = hosts
        self._max_upload = max_upload
        self._uploads = Uploads()
        self._socket_seconds = socket_seconds
        self._cors = cors
        self._published = json.dumps(routes.to_json()).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "lifespan":
            if self._inner is not None:
                send = warning_of_late_routes(self._inner, send)
            if self._observer is None and is_far(self._desk):
                asks = partial(compare, self._routes.routes, self._desk)
                await start(self._app, scope, receive, send, asks)
            else:
                await self._app(scope, receive, send)
            return
        if self._observer is not None:
            await self._observer.serve(self._app, scope, receive, send)
            return
        if scope["type"] not in {"http", "websocket"}:
            raise ConfigurationError(f"A guard knows no connections of the type {scope['type']}.")
        is_socket = scope["type"] == "websocket"
        if not is_socket and self._cors is not None and is_preflight(scope):
            await self._cors(_refuse_elsewhere_all)(bare(scope), receive, send)
            return
        try:
            refuse_outer_placeholders(scope)
            path = RootedPath.of(scope, root_of(self._inner or self._app))
            if (method_of(scope), path.raw) == ("GET", WELL_KNOWN):
                await _answer(send, 200, self._published)
                return
            self._refuse_other_readings(scope)
            asked = Asked.of(scope, path, self._routes)
            passed = self._passed[asked.route.method, asked.route.path]
            if asked.route.is_open or asked.method != asked.route.method:
                # Of a HEAD only the application knows whether it serves it as its GET.
                handed = {**opened(scope, path, passed), PLACE: asked.place}
                self._refuse_other_route(handed, asked.place)
            if asked.route.is_open:
                await self._app(handed, receive, send)
            elif is_socket:
                await self._judge_socket(asked, passed, scope, receive, send)
            else:
                await self._judge(asked, passed, scope, receive, send)
        except Refused as refused:
            await self._answer_refused(refused, scope, receive, send)

    async def _answer_refused(
        self, refused: Refused, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Say why a request reached nobody; a browser of another origin may read it where others may."""
        if scope["type"] == "websocket":
            await _refuse(as_answer(scope, send), refused)
            return

        async def answer(_scope: Scope, _receive: Receive, send: Send) -> None:
            await _refuse(send, refused)

        if self._cors is not None and asks_by_origin(scope):
            await self._cors(answer)(bare(scope), receive, send)
        else:
            await answer(scope, receive, send)

    async def _judge(
        self, asked: Asked, passed: frozenset[str], scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Have a request decided and run its handler.

        Raises:
            Refused: Before anything was answered.
        """
        headers = headers_of(scope)
        token, proof = credentials_of(headers, self._routes.token_header)
        try:
            stated = asked.route.head(asked.target, asked.filled, headers)
            reader = asked.route.body_reader(headers, self._max_upload)
        except CallerDataError as error:
            raise Refused(400, "request_malformed", str(error)) from error
        try:
            try:
                await self._uploads.read(reader, receive)
                access = self._access(asked.route, stated | reader.finish(), proof)
            except CallerDataError as error:
                raise Refused(400, "request_malformed", str(error)) from error
            decision = await self._decide(token, proof, access)
            request = JudgedRequest.of(asked.route, decision, asked.path, reader)
            handed = {**request.scope(scope, passed), PLACE: asked.place}
            self._refuse_other_route(handed, asked.place, decision.id)
            await self._execute(decision, handed, request.replay(receive), _named(send, decision))
        finally:
            reader.close()

    async def _judge_socket(
        self, asked: Asked, passed: frozenset[str], scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Have a handshake decided and run its handler until the authority for it ends.

        Raises:
            Refused: Before the socket was accepted.
        """
        try:
            carrier = self._routes.token_header
            said = Handshake.of(headers_of(scope), carrier)
            token, proof = credentials_of(said.headers, carrier)
            stated = asked.route.head(asked.target, asked.filled, said.headers)
            access = self._access(asked.route, stated, proof)
            ends = end_of(token)
        except CallerDataError as error:
            raise Refused(400, "request_malformed", str(error)) from error
        decision = await self._decide(token, proof, access)
        request = JudgedRequest.of(asked.route, decision, asked.path, None)
        handed = {**request.scope(scope, passed), PLACE: asked.place}
        offered = [value for name, value in request.headers if name == PROTOCOLS]
        handed["subprotocols"] = offered[0].split(", ") if offered else []
        self._refuse_other_route(handed, asked.place, decision.id)
        seconds = min(ends - self._clock(), self._socket_seconds)
        ended = partial(until_ended, self._desk, token, access)
        app = partial(run_socket, self._app, seconds=seconds, ended=ended)
        mark = said.mark if not offered else ""
        await self._execute(decision, handed, receive, _named(send, decision, mark), app)

    def _refuse_other_route(self, scope: Scope, place: tuple[str, str], decision: str = "") -> None:
        """Refuse a request that the application would serve by another route than the one meant."""
        if self._inner is not None and route_taken(self._inner, scope) != place:
            raise Refused(404, "route_undeclared", _ELSEWHERE, decision)

    async def _execute(
        self,
        decision: Decision,
        scope: Scope,
        receive: Receive,
        send: Send,
        app: App | None = None,
    ) -> None:
        """Run the handler, and write down that it ran, however it ended."""
        run = app or self._app
        if self._tool_log is None:
            await run(scope, receive, send)
            return
        began, status = int(self._clock()), 500

        async def noting(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"].endswith("http.response.start"):
                status = message["status"]
            elif message["type"] == "websocket.accept":
                status = _SWITCHED
            await send(message)

        try:
            await run(scope, receive, noting)
        except BaseException:
            status = 500
            raise
        finally:
            outcome: ExecutionOutcome = "executed" if status < _FAULTS else "failed"
            try:
                self._tool_log.executed(decision, at=began, outcome=outcome)
            except OSError as error:
                # The call was made: that cannot be undone, only found missing in the log.
                _LOG.error(
                    "the tool log lacks %s: %s", decision.id, error.strerror
                )  # a traceback says no more

    def _refuse_other_readings(self, scope: Scope) -> None:
        """Refuse what some reader inside takes for another request, on open routes as well."""
        names = [name.decode("latin-1") for name, _ in scope["headers"]]
        if (refusal := refusal_of(names)) is not None:
            raise Refused(400, refusal.code, refusal.message)
        if has_overriding_parameter(scope["query_string"].decode("latin-1")):
            raise Refused(400, "method_override", "The request asks to be read as another one.")
        host = next((value for name, value in scope["headers"] if name.lower() == b"host"), b"")
        if self._hosts and host.decode("latin-1").lower() not in self._hosts:
            raise Refused(400, "host_undeclared", "The service is not declared for this host.")

    async def _decide(self, token: str, proof: str, access: Access) -> Decision:
        """Return an allowance that is still fresh.

        Raises:
            Refused: Denied, undecided or too late.
        """
        try:
            decision = await self._ask(token, proof, access)
        except DelegationError as error:
            # Whatever stands in the way of a decision, nothing is allowed without one.
            _LOG.warning("undecided: %s", error.code)
            raise Refused(503, error.code, "The call could not be decided.") from error
        denial = decision.denial
        if denial is not None:
            status = 401 if denial.step <= LAST_UNPROVEN_STEP else 403
            waits = decision.approval or ""
            members = denial_members(decision)
            raise Refused(status, denial.code, denial.message, decision.id, waits, members)
        is_late = isinstance(decision, InProcessDecision) and not decision.is_fresh(boottime())
        if is_late or self._clock() >= decision.valid_until:
            raise Refused(503, "answer_expired", "The decision came too late.", decision.id)
        return decision

    def _access(self, route: Route, arguments: dict[str, Json], proof: str) -> Access:
        """Return the access; what only the holder can state comes from the proof that is checked."""
        said, _, _ = read_statement(PROOF_TYP, proof)
        if not said.keys() >= {"purpose", "max_cost", "cause"}:
            raise MalformedError("The proof", wanted="purpose, max_cost and cause")
        return Access.from_json(
            {
                "v": 1,
                "tool": route.tool,
                "arguments": arguments,
                "audience": self._routes.audience,
                "purpose": said["purpose"],
                "max_cost": said["max_cost"],
                "cause": said["cause"],
            }
        )

    async def _ask(self, token: str, proof: str, access: Access) -> Decision:
        if (begin := getattr(self._desk, "begin_check", None)) is not None:
            pending: Future[Decision] = begin(token, proof, access, client=self._routes.audience)
            return await asyncio.wrap_future(pending)
        asked: Decision = await self._desk.check(token, proof, access)  # type: ignore[union-attr]  # enforcing has a desk
        return asked


def decision_of(scope_or_request: Any) -> Decision:
    """Return the decision under which a handler runs, to name it as the cause of further calls.

    Raises:
        ConfigurationError: The handler does not run behind a guard.
    """
    scope = getattr(scope_or_request, "scope", scope_or_request)
    found = scope.get("state", {}).get("delegation_decision")
    if not isinstance(found, Decision):
        raise ConfigurationError("This handler does not run behind a guard.")
    return found


def _named(send: Send, decision: Decision, mark: str = "") -> Send:
    """Return how an answer is sent that names its decision, and of a socket picks a subprotocol."""

    async def answered(message: MutableMapping[str, Any]) -> None:
        if message["type"].endswith(("http.response.start", "websocket.accept")):
            header = (b"delegation-decision", decision.id.encode())
            message["headers"] = [*message.get("headers", ()), header]
        if mark and message["type"] == "websocket.accept" and not message.get("subprotocol"):
            message["subprotocol"] = mark
        await send(message)

    return answered


async def _refuse_elsewhere_all(_scope: Scope, _receive: Receive, send: Send) -> None:
    await _refuse_elsewhere(send)


async def _refuse_elsewhere(send: Send) -> None:
    await _refuse(send, Refused(404, "route_undeclared", _ELSEWHERE))


async def _refuse(send: Send, refused: Refused) -> None:
    body = problem_body(refused.status, refused.code, refused.detail, **refused.members)
    headers = [(b"x-deny-reason", refused.code.encode()[:64])]
    if refused.decision:
        headers.append((b"delegation-decision", refused.decision.encode()))
    if refused.approval:
        headers.append((b"delegation-approval", refused.approval.encode()))
    if refused.status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Delegation"))
    await _answer(send, refused.status, json.dumps(body).encode(), *headers)


async def _answer(send: Send, status: int, content: bytes, *headers: tuple[bytes, bytes]) -> None:
    media = b"application/json" if status == HTTPStatus.OK else MEDIA_TYPE.encode()
    size = (b"content-length", str(len(content)).encode())
    start = {"type": "http.response.start", "status": status}
    await send({**start, "headers": [*headers, size, (b"content-type", media)]})
    await send({"type": "http.response.body", "body": content})
