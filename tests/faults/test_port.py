"""One client without a key does not close the port: what it sends and holds is bounded, on raw sockets.

Everything here needs no API key. The service is a process of its own. `DELEGATION_LONG=1` holds
5,000 connections, in all four states and at two workers, instead of 150 of a hundred that are allowed.
"""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from load import Caller, call
from raw_port import ASK, HEAD, WAIT, answer_to, opened, sent, started, status
from under_fault import Place, Serving, placed, until

LONG = bool(os.environ.get("DELEGATION_LONG"))
HELD = 5000 if LONG else 150
BOUNDS = {
    "DELEGATION_HEAD_SECONDS": "2",
    "DELEGATION_BODY_SECONDS": "2",
    "DELEGATION_SEND_SECONDS": "2",
    "DELEGATION_MAX_PER_CLIENT": "20",
    "DELEGATION_TRUSTED_PROXIES": "127.0.0.9",
}


@pytest.fixture(autouse=True)
def _files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 12_000), hard))


def dripped(service: Serving, first: bytes, drip: bytes, source: str = "127.0.0.1") -> bytes:
    """Send a drop every tenth of a second until the service ends it; return what it said."""
    with opened(service, source) as one:
        one.sendall(first)
        one.settimeout(0.1)
        ends = time.monotonic() + WAIT
        while time.monotonic() < ends:
            try:
                one.sendall(drip)
                found = one.recv(65536)
            except TimeoutError:
                continue
            except ConnectionError:
                return b""
            if found.startswith(b"HTTP/1.1 408") or not found:
                return found
    raise AssertionError("it was never ended")


def memory_of(service: Serving) -> int:
    """Return the resident bytes of the service's process."""
    text = Path(f"/proc/{service.process.pid}/statm").read_text()
    return int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Return a service with narrow bounds."""
    folder = tmp_path_factory.mktemp("bounded")
    with placed(folder, f"sqlite:///{folder / 's.db'}") as place, started(place, **BOUNDS) as found:
        yield found


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Place, Serving]]:
    """Return a service with the bounds that nobody changed, but for fewer connections."""
    folder = tmp_path_factory.mktemp("usual")
    bounds = {} if LONG else {"DELEGATION_MAX_CONNECTIONS": "100"}
    with placed(folder, f"sqlite:///{folder / 's.db'}") as place, started(place, **bounds) as found:
        yield place, found


HELD_IN = {
    "nothing": b"",
    "half a head": HEAD + b"X-A: b",
    "half a body": HEAD + b"Content-Length: 100\r\n\r\nhalf",
    "idle": ASK,
}


@pytest.mark.parametrize("state", HELD_IN if LONG else ["half a body", "idle"])
def test_the_check_is_answered_while_all_connections_are_held(
    usual: tuple[Place, Serving], state: str
) -> None:
    """From the very address of those who hold them."""
    place, service = usual
    leaf = place.leaves(100, 100)[0]
    with contextlib.ExitStack() as stack:
        for _ in range(HELD):
            one = stack.enter_context(opened(service))
            with contextlib.suppress(ConnectionError):  # of what was held the first make room
                one.sendall(HELD_IN[state])
        begun = time.monotonic()
        statuses = []
        for _ in range(10):
            caller = Caller(service.port, place.key)
            statuses += [
                caller.send(call(*leaf)).status,
                status(sent(service, ASK[:-2] + b"Connection: close\r\n\r\n")),
            ]
            caller.close()
        assert statuses == [200] * 20
        assert time.monotonic() - begun < WAIT


def test_a_head_is_bounded_in_bytes_fields_and_target(shared: Serving) -> None:
    """Without end it is 431 or 414, whatever it is made of, and takes no memory to speak of."""
    before = memory_of(shared)
    mebibyte = b"a" * 1024 * 1024
    endless = [mebibyte] * 48
    assert status(sent(shared, HEAD + b"X-A: ", *endless)) == 431
    assert status(sent(shared, HEAD + b"X", *endless)) == 431
    assert status(sent(shared, HEAD, *[b"X-A: b\r\n" * 10_000] * 20)) == 431
    assert status(sent(shared, HEAD, b"X-A: b\r\n" * 101, b"\r\n")) == 431
    assert status(sent(shared, b"GET /", *endless)) == 414
    assert status(sent(shared, b"GET /" + b"a" * 17_000 + b" HTTP/1.1\r\n\r\n")) == 414
    whole = ASK[:-2] + b"X-Long: " + b"a" * 100_000 + b"\r\nConnection: close\r\n\r\n"
    assert status(sent(shared, whole)) == 200
    assert memory_of(shared) - before < 16 * 1024 * 1024
    assert status(sent(shared, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")) == 400
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    key = b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    assert status(sent(shared, ASK[:-2] + upgrade + key)) == 200
    assert shared.log.read_text().count("Invalid HTTP") == 0


SLOW: dict[str, tuple[bytes, bytes]] = {
    "a field": (HEAD + b"X-A: ", b"a"),
    "fields": (HEAD, b"X-A: b\r\n"),
    "a target": (b"GET /", b"a"),
    "blank lines": (b"", b"\r\n"),
    "a body": (HEAD + b"Content-Length: 100000\r\n\r\n", b"a"),
    "chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
    "an extension": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;", b"a"),
    "trailers": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: b\r\n"),
    "a body nobody reads": (
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n",
        b"a",
    ),
    "the next request": (ASK + b"GET /", b"a"),
}


@pytest.mark.parametrize("name", SLOW)
def test_who_drips_is_ended(shared: Serving, name: str) -> None:
    """Each drop in time is no request in time: 408 where one can be said, and an end in any case."""
    begun = time.monotonic()
    dripped(shared, *SLOW[name])
    assert time.monotonic() - begun > 1


def test_chunks_are_counted_with_what_frames_them(shared: Serving) -> None:
    """Extensions and trailers without end are no way around the body's bound."""
    chunked = HEAD + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    megabytes = [b"a" * 1024 * 1024] * 8
    assert status(sent(shared, chunked + b"1;", *megabytes)) in {0, 413}
    assert status(sent(shared, chunked + b"0\r\nX-A: ", *megabytes)) in {0, 413, 431}
    assert status(sent(shared, chunked, *[b"100000\r\n" + megabytes[0] + b"\r\n"] * 8)) in {0, 413}
    # Behind a request that is being answered nothing grows either.
    assert sent(shared, ASK + HEAD + b"X-A: ", *megabytes).count(b"HTTP/1.1 200") <= 1


def test_an_answer_that_is_not_taken_is_ended(shared: Serving) -> None:
    """Many questions, no answer read: the connection ends, and its questions with it."""
    with opened(shared) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        one.settimeout(WAIT)
        ask = b"GET /openapi.json HTTP/1.1\r\nHost: desk\r\n\r\n"

        def is_ended() -> bool:
            try:
                one.sendall(ask)
            except (ConnectionError, TimeoutError):
                return True
            return False

        assert until(is_ended, WAIT)


def test_requests_in_a_pipeline_are_bounded(shared: Serving) -> None:
    """They are answered one after the other; behind a body, or unread for long, a flood is cut off."""
    few = sent(shared, ASK * 99, ASK[:-2] + b"Connection: close\r\n\r\n")
    assert few.count(b"HTTP/1.1 200") == 100
    login = b"POST /login HTTP/1.1\r\nHost: desk\r\nContent-Length: 1\r\n\r\n"
    assert b"client_too_many" in sent(shared, login, b"a" + ASK * 99)


def half(client: str = "") -> bytes:
    """Return a request that is never finished, as a proxy passes it on for a client."""
    named = f"X-Forwarded-For: {client}\r\n".encode() if client else b""
    return HEAD + named + b"Content-Length: 100\r\n\r\nhalf"


def test_one_address_takes_only_its_share(shared: Serving) -> None:
    """Above it its own oldest make room; nobody else's do."""
    with contextlib.ExitStack() as stack:
        others = stack.enter_context(opened(shared, "127.0.0.3"))
        others.sendall(HEAD)
        own = [stack.enter_context(opened(shared, "127.0.0.2")) for _ in range(25)]
        for one in own[:5]:
            assert answer_to(one) == b""
        others.sendall(b"Content-Length: 0\r\nConnection: close\r\n\r\n")
        assert status(answer_to(others)) == 401
        own[-1].sendall(ASK)
        assert status(own[-1].recv(65536)) == 200


def test_behind_a_proxy_its_clients_are_counted_and_never_it_itself(shared: Serving) -> None:
    """By the last address that is not trusted: what a client says before it changes nothing."""
    proxy = "127.0.0.9"
    with contextlib.ExitStack() as stack:

        def begun(client: str, source: str = proxy) -> socket.socket:
            one = stack.enter_context(opened(shared, source))
            one.sendall(half(client))
            return one

        for _ in range(30):
            begun("")  # for nobody: 30 are more than a client's share
        held = [begun(f"10.0.0.{n}, 198.51.100.7, 127.0.0.9") for n in range(20)]
        sixes = [begun(f"2001:db8:0:1::{n}") for n in range(20)]
        assert until(lambda: status(sent(shared, half("198.51.100.7"), source=proxy)) == 429)
        assert status(sent(shared, half("2001:db8:0:1:ffff::1"), source=proxy)) == 429
        ends = b"Connection: close\r\n\r\n"
        for free in ("198.51.100.8", "2001:db8:0:2::1", "no address", ""):
            asked = ASK[:-2] + f"X-Forwarded-For: {free}\r\n".encode() + ends
            assert status(sent(shared, asked, source=proxy)) == 200
        # Who is no trusted proxy names nobody.
        asked = ASK[:-2] + b"X-Forwarded-For: 198.51.100.7\r\n" + ends
        assert status(sent(shared, asked, source="127.0.0.4")) == 200
        assert [status(answer_to(one)) for one in (held[0], sixes[0])] == [408, 408]
    answered = ASK[:-2] + b"X-Forwarded-For: 198.51.100.7\r\n" + ends
    assert until(lambda: status(sent(shared, answered, source=proxy)) == 200), "given back"


def test_aborted_requests_do_not_fill_the_log(shared: Serving) -> None:
    """A few lines a second tell of them, and one of how many more there were."""
    before = len(shared.log.read_text().splitlines())
    begun = time.monotonic()
    for _ in range(400):
        with opened(shared, "127.0.0.5") as one:
            one.sendall(b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
    assert until(lambda: "more lines in a second" in shared.log.read_text())
    seconds = time.monotonic() - begun + 1
    assert len(shared.log.read_text().splitlines()) - before <= 21 * (seconds + 1)


@pytest.mark.skipif(not LONG, reason="DELEGATION_LONG=1 runs it")
def test_each_of_several_workers_makes_room_and_says_so(on_postgres: Place) -> None:
    """Two processes on one port, each with its own bound; the counts add up."""
    leaf = on_postgres.leaves(100, 100)[0]
    operator = on_postgres.world.tracker.create_api_key("op", "operator")
    service = on_postgres.serving(2, DELEGATION_MAX_CONNECTIONS="50")
    service.start()
    with contextlib.ExitStack() as stack:
        for _ in range(300):
            one = stack.enter_context(opened(service))
            with contextlib.suppress(ConnectionError):
                one.sendall(HEAD)
        for _ in range(4):
            caller = Caller(service.port, on_postgres.key)
            assert caller.send(call(*leaf)).status == 200
            caller.close()
    ask = f"GET /metrics HTTP/1.0\r\nHost: a\r\nAuthorization: Bearer {operator}\r\n\r\n".encode()
    assert b'delegation_port_refused_total{kind="connections"}' in sent(service, ask)
    assert service.end() == 0
