"""Reads HTTP at the port by uvicorn's own reader, with bounds on everything that a client sends.

uvicorn takes a protocol class as `http=`; this one is its httptools protocol, which counts and keeps
time. It decides nothing about requests that are within their bounds.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
import time
from collections import deque
from functools import partial
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import (
    HttpToolsProtocol,
    RequestResponseCycle,
)

from delegation_api.client_address import counted
from delegation_api.connections import COSTS, KNOWN, TAKEN_BYTES, Connections
from delegation_api.refusals import answer_of
from delegation_api.requests import has_body, have_ended, is_urgent
from delegation_api.turns import CONNECTION

STATE: Final = "connections"  # where the worker's `Connections` stand in uvicorn's own state
MAX_PIPELINED: Final = 8  # requests in one read behind a body; others wait unparsed
SEND_BUFFER: Final = 128 * 1024  # bytes of an answer that the system holds for a slow reader
_ACKED: Final = slice(120, 128)  # bytes that the other side has, in Linux's TCP_INFO
_ENDING_SECONDS: Final = 2.0  # in which a reader must take something, once the process ends
_ENDING_MOST: Final = 6.0  # and all of it; uvicorn waits for ten, then cancels what answers
_END_OF_HEAD: Final = b"\r\n\r\n"
_LINGER_BYTES: Final = 1024 * 1024  # what is still read, and dropped, so that a refusal arrives
_LINGER_SECONDS: Final = 2.0
_GRACE: Final = 1.0  # the application answers a slow body itself, if it reads it at all
_SPARE: Final = 64 * 1024  # a read's worth: bytes are counted as they come, in pieces
_FAILURES: Final = logging.getLogger("delegation.port.failures")
_FAILURES.setLevel(logging.ERROR)


class Port(HttpToolsProtocol):
    """One connection, within the bounds of `Connections`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Begin before the first byte; the arguments are uvicorn's."""
        super().__init__(*args, **options)
        self._all: Connections = self.app_state[STATE]
        self._bounds = self._all.bounds
        self._most_body = 2 * self._bounds.max_body + self._bounds.max_head + _SPARE
        # Whoever sends what is no HTTP must not fill the log; failures are still logged.
        self.logger = _FAILURES
        self.address = ""
        self.awaits = "head"
        self.since = 0.0
        self.closing = False
        self.is_known = False
        self._is_proxy = False
        self._answering: RequestResponseCycle | None = None
        self._refusal = ""  # of a connection too many, said once it has asked
        self._head = self._body = self._fields = self._dropped = 0
        self._clients: deque[str] = deque()
        self._named = ""
        self._later = b""  # what came before the answer was given
        self._taken = 0
        self._unsent_since = 0.0
        self._ends_by = 0.0  # by the monotonic clock, once the process ends

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count a connection; its head's time begins."""
        super().connection_made(transport)
        socket_ = transport.get_extra_info("socket")
        socket_.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        host = self.client[0] if self.client else ""
        self._is_proxy = self._all.trusted.trusts(host)
        self.address = "" if self._is_proxy else counted(host)
        self._wait_for("head")
        self._refusal = self._all.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self.closing = True
        self._all.leave(self)
        while self._clients:
            self._end_request()
        self._end_answer()
        if self.scope is not None:
            cast("dict[str, Any]", self.scope).pop(CONNECTION, None)  # a circle
        super().connection_lost(exc)

    @property
    def group(self) -> str:
        """The client whose connection it is now; empty for a trusted proxy's that carries nobody."""
        return self.address or next((client for client in self._clients if client), "")

    @property
    def cost(self) -> int | None:
        """What it costs to end it for somebody else's sake; see `connections.COSTS`."""
        if self.closing:
            return None
        state = self.awaits
        if state == "answer" and (self.pipeline or self._later):
            state = "more"
        elif state == "answer" and self.is_known:
            return None
        return COSTS[state] + (KNOWN if self.is_known else 0)

    def recognise(self) -> None:
        """Hear that its client showed a key or a session: what it asks needs no turn."""
        if not self.is_known:
            self.is_known = True
            self._all.turns.excuse(self)

    def data_received(self, data: bytes) -> None:
        """Count what came and pass it on."""
        if self.closing:
            self._dropped += len(data)
            if self._dropped > _LINGER_BYTES:
                self.transport.abort()
            return
        begin = 0
        while begin < len(data) and not self.closing:
            if self.awaits == "answer":
                self._keep(data[begin:])
                return
            end = len(data)
            if self.awaits != "body":  # one request after the other: what follows is not parsed yet
                end = data.find(_END_OF_HEAD, begin) + len(_END_OF_HEAD)
                if end < len(_END_OF_HEAD):
                    end = len(data)
            self._parse(data[begin:end])
            begin = end

    def _keep(self, data: bytes) -> None:
        """Keep what came before the answer was given; more of it is not read now."""
        self._later += data
        self.flow.pause_reading()
        if len(self._later) > self._bounds.max_head + _SPARE:
            self._refuse("client")

    def _parse(self, data: bytes) -> None:
        if self.awaits == "idle":
            self._wait_for("head")
        if self.awaits == "head":
            self._head += len(data)
        else:
            self._body += len(data)
        super().data_received(data)
        if self.closing:
            return
        if self.awaits == "head":
            if self._head > self._bounds.max_head:
                self._refuse("head")
        elif self._body > self._most_body:
            self._refuse("body")  # in chunks, most of it what frames them; or behind a request

    def on_message_begin(self) -> None:
        """Begin a request, perhaps behind one that is being answered."""
        if self.closing:
            return
        super().on_message_begin()
        self.scope[CONNECTION] = self  # type: ignore[typeddict-unknown-key]
        self._fields = 0
        if self.awaits == "answer":
            return  # pipelined: it is counted by its callbacks, and reading stops at its headers
        self._wait_for("head")

    def on_url(self, url: bytes) -> None:
        """Take a part of the target."""
        if self.closing:
            return
        super().on_url(url)
        if len(self.url) > self._bounds.max_target:
            self._refuse("target")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field, of the head or behind a body in chunks."""
        self._fields += 1
        if self._fields <= self._bounds.max_headers and not self.closing:
            super().on_header(name, value)
        elif not self.closing:
            self._refuse("head")

    def on_headers_complete(self) -> None:
        """Begin to answer, unless the head is out of its bounds or there are too many already."""
        if self.closing:
            return
        size = sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size + len(self.url) > self._bounds.max_head:
            self._refuse("head")
        elif len(self.pipeline) >= MAX_PIPELINED:
            self._refuse("client")
        elif (too_many := self._too_many()) and not self._is_let_through():
            self._refuse(too_many)
        else:
            self._head = 0
            if self.awaits != "answer":
                self._wait_for("body")
            super().on_headers_complete()
            if (too_many or self.parser.should_upgrade()) and self.cycle is not None:
                # Nothing here is spoken but HTTP/1.1; and a reserved place is for one request.
                self.cycle.keep_alive = False

    def _too_many(self) -> str:
        """Return how the connection or its request is refused; empty if it is not one too many."""
        is_too_many = self._begin_request()
        return self._refusal or ("client" if is_too_many else "")

    def _is_let_through(self) -> bool:
        """Return whether what would be refused is urgent, and has a reserved place."""
        return is_urgent(self.parser.get_method(), self.url) and self._all.enter_lane(self)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Begin to answer, in turn; in a pipeline that is not always the newest request."""
        self._answering = cycle
        begin = partial(super()._start_asgi_task, cycle, app)
        if self.is_known or (cycle.more_body and has_body(cycle)):
            begin()  # the turn is taken when the body is there: till then nothing is worked at
        else:
            self._all.turns.take(self, self.group, begin)

    def _end_answer(self) -> None:
        """Have what answers know that its client is gone, and nothing behind it begin."""
        self.pipeline.clear()
        self._later = b""
        self._all.turns.give(self)
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.message_event.set()

    def _begin_request(self) -> bool:
        """Count a request for the client that a proxy names; return whether it is one too many."""
        client = self._all.trusted.named(self.headers) if self._is_proxy else ""
        if self._is_proxy:
            self.scope["scheme"] = self._all.trusted.scheme(self.headers) or self.scope["scheme"]
        if client != self._named:
            self.is_known = False  # another client of the proxy
        self._named = client
        self._clients.append(client)
        return bool(client) and self._all.begin(client)

    def _end_request(self) -> None:
        client = self._clients.popleft()
        if client:
            self._all.end(client)

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        if self.closing:
            return
        super().on_body(body)
        if len(self.cycle.body) > self._bounds.max_body + _SPARE:
            self._refuse("body")  # nobody reads it: the request waits, or its answer needs none

    def on_message_complete(self) -> None:
        """Wait for the answer: whoever sent all of it is not cut off."""
        if self.closing:
            return
        cycle = self.cycle
        if cycle.response_complete:
            self._wait_for("idle")
            return
        self._wait_for("answer")
        complete = partial(have_ended, cycle)
        if self.is_known or cycle is not self._answering or not has_body(cycle):
            complete()
        else:
            self._all.turns.take(self, self.group, complete)

    def on_response_complete(self) -> None:
        """Go on with the next request, or wait for one."""
        if self._clients:
            self._end_request()
        self._all.turns.give(self)
        if self.closing:
            return
        super().on_response_complete()
        if self.awaits != "answer":
            return
        if self.cycle.response_complete:
            self._wait_for("idle")
        elif self.cycle.more_body and not self.pipeline:
            self._wait_for("body")  # of the next request, whose turn it is
        if self._later and self.awaits != "answer" and not self.transport.is_closing():
            later, self._later = self._later, b""
            self.data_received(later)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP; what is not well formed is said nowhere but in a count."""
        del msg
        if not self.closing:
            self._refuse("malformed")

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: the request is answered as if it had not asked."""

    def _wait_for(self, what: str) -> None:
        self.awaits = what
        self.since = time.monotonic()
        if what == "head":
            self._head = 0
        self._body = 0

    def look(self, now: float) -> None:
        """End the connection if what is waited for did not come in time."""
        waited = now - self.since
        if self.closing:
            if waited > _LINGER_SECONDS:
                self.transport.abort()
        elif self.awaits == "head" and waited > self._bounds.head_seconds:
            self._refuse("slow")
        elif self.awaits == "body" and waited > self._bounds.body_seconds + _GRACE:
            self.cut("slow")
        else:
            self._look_at_reader(now)

    def _look_at_reader(self, now: float) -> None:
        """End the connection if its answer is not taken."""
        unsent = self.transport.get_write_buffer_size()
        within = self._bounds.send_seconds
        if self._ends_by:
            within = min(within, _ENDING_SECONDS)
        is_late = 0 < self._ends_by < now
        if not unsent:
            self._unsent_since = 0.0
        elif not self._unsent_since:
            self._taken, self._unsent_since = self._taken_by_reader(unsent), now
        elif is_late or now - self._unsent_since > within:
            taken = self._taken_by_reader(unsent)
            if is_late or taken - self._taken < TAKEN_BYTES:
                self.cut("unread")
            self._taken, self._unsent_since = taken, now

    def _taken_by_reader(self, unsent: int) -> int:
        """Return what the other side has taken, in bytes from any beginning.

        Of what the system holds for it our own buffer says nothing: that one may stand still for
        long while a slow reader reads. Where the system does not say, our buffer has to do.
        """
        with contextlib.suppress(OSError, AttributeError):
            one = self.transport.get_extra_info("socket")
            told = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _ACKED.stop)
            if len(told) == _ACKED.stop:
                return int.from_bytes(told[_ACKED], sys.byteorder)
        return -unsent

    def pause_writing(self) -> None:
        """Give the turn back: who waits for its reader works at nothing."""
        super().pause_writing()
        self._all.turns.give(self)

    def shutdown(self) -> None:
        """Begin to end with the process: what was wholly asked is answered, and nothing else is."""
        self._ends_by = time.monotonic() + _ENDING_MOST
        self._unsent_since = 0.0
        if self.awaits in {"head", "body"}:
            self.closing = True
            self._wait_for(self.awaits)
            self._end_answer()
            self.transport.close()  # an answer before may be on its way
            return
        self.pipeline.clear()
        self._later = b""
        if self._answering is not None and not self._answering.response_complete:
            self._answering.keep_alive = False
        super().shutdown()

    def cut(self, kind: str) -> None:
        """End the connection now, without an answer."""
        self.closing = True
        self._all.refused(kind)
        self._all.leave(self)
        self._end_answer()
        self.transport.abort()

    def drop(self) -> None:
        """End the connection now, after its refusal."""
        self.transport.abort()

    def _refuse(self, kind: str) -> None:
        """Answer with a refusal and end the connection; nothing that follows is looked at."""
        answering = self._answering
        if answering and answering.response_started and not answering.response_complete:
            self.cut(kind)  # another answer amid the one on its way would be taken for its own
            return
        self.closing = True
        self._all.refused(kind)
        self._wait_for(self.awaits)
        self._end_answer()
        self.transport.write(answer_of(kind))
        self._all.linger(self)
        if self.transport.can_write_eof():
            self.flow.resume_reading()
            self.transport.write_eof()  # what still comes is dropped for a moment: else a reset
        else:  # overtakes the answer
            self.transport.close()
