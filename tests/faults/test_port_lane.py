"""Every connection in use by good long polls: what is urgent is answered all the same."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import resource
import select
import socket
import threading
from pathlib import Path

import pytest
from anyio import to_thread
from postgres import Server
from raw_port import HEAD, opened, started, status
from starlette.concurrency import run_in_threadpool
from under_fault import Place, Serving, placed, until
from world import DESK

from delegation.operations.standing import Standing
from delegation_api.asking import urgent
from delegation_api.connections import LANE, LINGERING
from delegation_api.requests import URGENT

POLL = "GET /v1/revocations?after={}&wait=300 HTTP/1.1\r\nHost: desk\r\nAuthorization: Bearer {}\r\n\r\n".format


def asked(path: str, key: str, body: dict[str, object] | None = None) -> bytes:
    """Return the bytes of a request."""
    sent = b"" if body is None else json.dumps(body).encode()
    head = [
        f"{'GET' if body is None else 'POST'} {path} HTTP/1.1", "Host: desk", f"Authorization: Bearer {key}",
        "Content-Type: application/json", f"Content-Length: {len(sent)}",
    ]  # fmt: skip
    return "\r\n".join([*head, "", ""]).encode() + sent


def said(service: Serving, request: bytes, source: str = "127.0.0.8") -> tuple[int, dict]:
    """Send a request on a connection of its own and return status and body."""
    with opened(service, source) as one:
        one.sendall(request)
        one.settimeout(90)
        answer = b""
        while b"\r\n\r\n" not in answer:
            part = one.recv(65536)
            if not part:
                break
            answer += part
        head, _, body = answer.partition(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")),
            0,
        )  # fmt: skip
        while len(body) < length and (part := one.recv(65536)):
            body += part
    return status(answer), json.loads(body) if body else {}


class Polls:
    """Long polls that are held open, of several keys in turn, until they are as many as there are places.

    Args:
        service: Where.
        keys: Whose.
        epoch: After which news are awaited.
    """

    def __init__(self, service: Serving, keys: list[str], epoch: int) -> None:
        self._service, self._epoch = service, epoch
        self._keys = itertools.cycle(keys)
        self._from = itertools.cycle(f"127.0.0.{number}" for number in range(2, 7))
        self.held: list[socket.socket] = []

    def fill(self, count: int) -> None:
        """Open as many as are missing: one that was cut, or was answered before there were news."""
        for one in [one for one in self.held if has_answer(one)]:
            self.held.remove(one)
            one.close()
        while len(self.held) < count:
            one = socket.create_connection(
                ("127.0.0.1", self._service.port), 90, (next(self._from), 0)
            )
            one.sendall(POLL(self._epoch, next(self._keys)).encode())
            self.held.append(one)

    def answers(self) -> list[int]:
        """Return the status of each answer."""
        return [status(one.recv(65536)) for one in self.held]

    def close(self) -> None:
        """Hang up."""
        for one in self.held:
            one.close()


def has_answer(one: socket.socket) -> bool:
    """Return whether something came, or the other side ended."""
    waiting = select.poll()
    waiting.register(one, select.POLLIN)
    return bool(waiting.poll(0))


def keys_of(place: Place, count: int) -> list[str]:
    """Return services' keys."""
    return [place.world.tracker.create_api_key(f"s{n}", "service", [DESK]) for n in range(count)]


@pytest.mark.parametrize(
    ("act", "count"),
    [
        ("revocations", 24), ("suspensions", 24), ("freeze", 24),
        pytest.param("freeze", 1024, marks=pytest.mark.thorough),
    ],
)  # fmt: skip
def test_what_is_urgent_is_answered_when_every_place_is_taken(
    tmp_path: Path, act: str, count: int
) -> None:
    """By good polls of several keys, and before them a crowd without a key; no poll is cut for it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 2 * count + 512)), hard))
    bounds = {"DELEGATION_MAX_CONNECTIONS": str(count), "DELEGATION_MAX_WAIT": "300"}
    with (
        placed(tmp_path, f"sqlite:///{tmp_path / 's.db'}") as place,
        started(place, **bounds) as service,
    ):
        tracker = place.world.tracker
        operator = tracker.create_api_key("op", "operator")
        subject = {"kind": "link", "id": place.root().id}
        body = {"freeze": {"reason": "now", "wait": False}}.get(act, subject)
        polls = Polls(service, keys_of(place, 16), tracker.numbers()["epoch"])
        with contextlib.closing(polls), contextlib.ExitStack() as crowd:

            def is_full() -> bool:
                polls.fill(count)
                return said(service, asked("/v1/findings", "dk_none"))[0] == 503

            assert until(is_full)
            for number in range(LANE + LINGERING + 20):
                one = crowd.enter_context(opened(service, f"127.0.1.{1 + number % 200}"))
                with contextlib.suppress(OSError):
                    one.sendall(HEAD if number % 2 else asked("/v1/freeze", "dk_none", {})[:-1])
            assert said(service, asked("/healthz", ""))[0] == 200
            assert said(service, asked("/readyz", ""))[0] == 200
            found = said(service, asked(f"/v1/{act}", operator, body))
            assert found[0] == 201, found
            assert set(polls.answers()) == {200}, "a good poll was cut"


def test_one_key_holds_so_many_polls_and_no_more(tmp_path: Path) -> None:
    """The next one is told so, another key is not, and a poll that ended makes room."""
    with (
        placed(tmp_path, f"sqlite:///{tmp_path / 's.db'}") as place,
        started(place, DELEGATION_MAX_POLLS_PER_KEY="4") as service,
    ):
        one, other = keys_of(place, 2)
        operator = place.world.tracker.create_api_key("op", "operator")
        subject = {"kind": "link", "id": place.root().id}
        epoch = place.world.tracker.numbers()["epoch"]

        def asks(key: str, wait: str) -> int:
            return said(service, POLL(epoch, key).replace("wait=300", wait).encode())[0]

        polls = Polls(service, [one], epoch)
        with contextlib.closing(polls):
            polls.fill(5)
            assert until(lambda: any(map(has_answer, polls.held)))
            (refused,) = filter(has_answer, polls.held)
            answer = refused.recv(65536)
            assert (status(answer), b"key_too_many_polls" in answer) == (429, True)
            assert [asks(other, "wait=0.1"), asks(one, "wait=0"), asks(one, "wait=0.1")] == [
                200,
                200,
                429,
            ]
            assert said(service, asked("/v1/suspensions", operator, subject))[0] == 201
            polls.held.remove(refused)
            refused.close()
            assert polls.answers() == [200] * 4
            assert asks(one, "wait=0.1") == 200


def test_reserved_places_are_for_operations_that_there_are() -> None:
    """What is let through is declared elsewhere by the same path."""
    declared = {(one.method, one.path) for one in vars(Standing).values() if hasattr(one, "path")}
    assert {one for one in URGENT if one[1].startswith("/v1/")} <= declared


def test_what_ends_something_waits_behind_no_other_work() -> None:
    """Every thread that answers is taken, and what is urgent has its own."""

    async def story() -> str:
        held_up = threading.Event()
        many = int(to_thread.current_default_thread_limiter().total_tokens)
        taken = [
            asyncio.ensure_future(run_in_threadpool(held_up.wait, 90)) for _ in range(many + 1)
        ]
        await asyncio.sleep(0)
        try:
            return await asyncio.wait_for(urgent(lambda: "frozen"), 60)
        finally:
            held_up.set()
            await asyncio.gather(*taken)

    assert asyncio.run(story()) == "frozen"


@pytest.mark.thorough
def test_it_is_said_to_live_while_every_thread_hangs_in_a_dead_store(
    on_postgres: Place, server: Server
) -> None:
    """Sixty questions wait for a server that stands still; whether the process lives needs no thread."""
    with started(on_postgres) as service, contextlib.ExitStack() as stack:
        key = on_postgres.world.tracker.create_api_key("rev", "reviewer")
        assert said(service, asked("/v1/tasks", key))[0] == 200
        server.freeze()
        try:
            for _ in range(60):
                one = stack.enter_context(opened(service, "127.0.0.9"))
                one.sendall(asked("/v1/tasks", key))
            for _ in range(5):
                assert said(service, asked("/healthz", ""))[0] == 200
        finally:
            server.thaw()
