"""Crowds, slow readers and the end of the process at the port: each with a service of its own."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from load import Caller, call
from raw_port import ASK, HEAD, WAIT, answer_to, opened, sent, started, status
from under_fault import Serving, placed


@contextlib.contextmanager
def flooding(service: Serving, sources: list[str], each: int, ask: bytes) -> Iterator[None]:
    """Ask on many connections, always four in advance, until the block ends; no answer is looked at."""
    over = threading.Event()

    def flood() -> None:
        with contextlib.ExitStack() as stack:
            held: list[socket.socket] = []
            while not over.is_set():
                while len(held) < each * len(sources):
                    source = sources[len(held) % len(sources)]
                    held.append(stack.enter_context(opened(service, source)))
                    held[-1].sendall(ask * 4)
                    held[-1].setblocking(False)
                for one in held[:]:
                    try:
                        if found := one.recv(65536):
                            one.send(ask * found.count(b"HTTP/1.1 "))
                            continue
                    except BlockingIOError:
                        continue
                    except OSError:
                        pass
                    one.close()
                    held.remove(one)
                over.wait(0.05)

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("sources", [["127.0.0.1"], ["127.0.0.2", "127.0.0.3"]], ids=len)
def test_who_always_waits_for_an_answer_closes_the_port_to_nobody(
    tmp_path: Path, sources: list[str]
) -> None:
    """A crowd in the state that costs an answer makes room, too; whoever showed a key stays."""
    with (
        placed(tmp_path, f"sqlite:///{tmp_path / 's.db'}") as place,
        started(place, DELEGATION_MAX_CONNECTIONS="40") as service,
    ):
        leaf = place.leaves(100, 100)[0]
        caller = Caller(service.port, place.key)
        assert caller.send(call(*leaf)).status == 200
        with flooding(service, sources, 60 // len(sources), ASK):
            time.sleep(1)  # not evidence: the more has come, the fuller it is
            for _ in range(8):
                answer = sent(service, ASK[:-2] + b"Connection: close\r\n\r\n", source="127.0.0.8")
                assert status(answer) == 200
                assert caller.send(call(*leaf)).status == 200
        caller.close()


@pytest.mark.parametrize("held", [HEAD, ASK], ids=["half a head", "idle"])
def test_connections_of_a_trusted_address_make_room_for_others(tmp_path: Path, held: bytes) -> None:
    """They carry nobody, so nobody is cut for them."""
    with (
        placed(tmp_path, f"sqlite:///{tmp_path / 's.db'}") as place,
        started(place, DELEGATION_MAX_CONNECTIONS="30") as service,
        contextlib.ExitStack() as stack,
    ):
        for _ in range(30):
            one = stack.enter_context(opened(service))
            one.sendall(held)
            assert held is HEAD or status(one.recv(65536)) == 200
        for _ in range(3):
            answer = sent(service, ASK[:-2] + b"Connection: close\r\n\r\n", source="127.0.0.8")
            assert status(answer) == 200


def test_a_slow_reader_that_reads_is_not_cut_off(tmp_path: Path) -> None:
    """What the system holds for it counts as not yet taken, and what it takes of that as taken."""
    with (
        placed(tmp_path, f"sqlite:///{tmp_path / 's.db'}") as place,
        started(place, DELEGATION_SEND_SECONDS="1") as service,
        socket.socket() as one,
    ):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.bind(("127.0.0.2", 0))
        one.connect(("127.0.0.1", service.port))
        one.settimeout(WAIT)
        ask = b"GET /openapi.json HTTP/1.1\r\nHost: desk\r\n\r\n"
        last = ask[:-2] + b"Connection: close\r\n\r\n"
        one.sendall(ask * 7 + last)
        found, ends = b"", time.monotonic() + 6
        while time.monotonic() < ends:
            found += one.recv(8192)  # some 80 kB a second, of 16 that are asked for
            time.sleep(0.1)
        while part := one.recv(65536):
            found += part
        assert found.count(b"HTTP/1.1 200") == 8


def test_the_end_of_the_process_waits_for_nobody_who_dawdles(tmp_path: Path) -> None:
    """A slow reader, half a body and a long poll are ended, in time and without a word in the log."""
    with (
        placed(tmp_path, f"sqlite:///{tmp_path / 's.db'}") as place,
        started(place) as service,
        contextlib.ExitStack() as stack,
    ):
        reader, body, poll = (stack.enter_context(opened(service)) for _ in range(3))
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        reader.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: desk\r\n\r\n" * 30)
        body.sendall(HEAD + b"Content-Length: 100\r\n\r\nhalf")
        key = place.key.encode()
        poll.sendall(
            b"GET /v1/revocations?after=0&wait=30 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "
            + key + b"\r\n\r\n"
        )  # fmt: skip
        answer = sent(
            service, ASK[:-2] + b"Connection: close\r\n\r\n"
        )  # all others were read before
        assert status(answer) == 200, answer
        assert service.end() == 0
        assert "graceful shutdown exceeded" not in service.log.read_text()
        assert status(answer_to(poll)) == 200
