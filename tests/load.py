"""Concurrent callers with real tokens and fresh proofs; what each was answered is kept."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Self

from under_fault import WAIT, until
from world import DESK

from delegation import Access, HolderKey, Token

_NAMES = itertools.count()


@dataclass(frozen=True)
class Call:
    """One request: signed once, sent as often as a test wants."""

    body: bytes
    proof: str
    key: str | None

    @property
    def jti(self) -> bytes:
        """The proof's nonce."""
        from audit import jti_of

        return jti_of(self.proof)


def call(token: Token, holder: HolderKey, *, key: bool = True, path: str = "/a") -> Call:
    """Prove a call now, under an idempotency key of its own."""
    access = Access("files.read", {"path": path}, DESK, purpose="desk")
    proof = holder.prove(token, access)
    name = f"k{next(_NAMES)}-{proof[-12:]}" if key else None
    sent = {"token": token.text, "proof": proof, "access": access.to_json()}
    return Call(json.dumps({**sent, "idempotency_key": name}).encode(), proof, name)


@dataclass(frozen=True)
class Answer:
    """What came back: status 0 when nothing did."""

    call: Call
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: dict = field(default_factory=dict)

    @property
    def is_decision(self) -> bool:
        """Whether the caller holds a decision."""
        return self.status == 200

    @property
    def allowed(self) -> bool:
        """Whether it was told that it may."""
        return self.is_decision and self.body["allowed"] is True

    @property
    def code(self) -> str | None:
        """Why not."""
        denial = self.body.get("denial")
        return denial["code"] if denial else None


class Caller:
    """One connection to the service, made again when it broke."""

    def __init__(self, port: int, api_key: str) -> None:
        self._port, self._key = port, api_key
        self._connection: HTTPConnection | None = None

    def send(self, one: Call) -> Answer:
        """Send a call once and return what came back; nothing is repeated."""
        if self._connection is None:
            self._connection = HTTPConnection("127.0.0.1", self._port, timeout=WAIT)
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        try:
            self._connection.request("POST", "/v1/check", one.body, headers)
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, HTTPException):
            self.close()
            return Answer(one, 0)
        if answer.will_close:
            self.close()
        found = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(one, answer.status, found, json.loads(content))

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def repeated(port: int, api_key: str, before: Sequence[Answer]) -> list[Answer]:
    """Repeat calls that brought no decision, as their callers would: all of them are decided now."""
    unknown = [answer for answer in before if answer.body.get("code") != "store_unavailable"]
    refused = [answer for answer in before if answer.body.get("code") == "store_unavailable"]
    caller = Caller(port, api_key)
    found = [caller.send(answer.call) for answer in [*unknown, *refused[-10:]]]
    caller.close()
    assert all(answer.is_decision for answer in found)
    return found


class Load:
    """Callers that call until they are told to stop; bounded in count and time.

    Args:
        ports: Where the service listens; callers are dealt out over them.
        api_key: Of the calling service.
        next_call: Makes the next call of the caller with this number.
        callers: How many at once.
        most: Calls of each.
    """

    def __init__(
        self,
        ports: Sequence[int],
        api_key: str,
        next_call: Callable[[int], Call],
        *,
        callers: int = 8,
        most: int = 400,
    ) -> None:
        self.answers: list[Answer] = []
        self.errors: list[Exception] = []
        self._stop = threading.Event()
        self._next, self._most, self._key = next_call, most, api_key
        self._threads = [
            threading.Thread(target=self._run, args=(n, ports[n % len(ports)]))
            for n in range(callers)
        ]

    def __enter__(self) -> Self:
        """Begin to call."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop calling; whoever waits for an answer waits for it."""
        self.stop()

    def stop(self) -> None:
        """Stop calling."""
        self._stop.set()
        self.join()

    def join(self) -> None:
        """Wait until every caller is done."""
        for thread in self._threads:
            thread.join(2 * WAIT)
        assert not any(thread.is_alive() for thread in self._threads), "a caller hangs"
        if self.errors:
            raise self.errors[0]

    @property
    def decided(self) -> list[Answer]:
        """Answers that are decisions."""
        return [answer for answer in self.answers.copy() if answer.is_decision]

    @property
    def unanswered(self) -> list[Answer]:
        """Calls that brought no decision: no answer at all, or a refusal to decide."""
        return [answer for answer in self.answers.copy() if not answer.is_decision]

    def wait_for(self, count: int) -> None:
        """Wait until so many decisions were answered."""
        assert until(lambda: len(self.decided) >= count or not self._is_on()), "no progress"
        assert len(self.decided) >= count, self.unanswered[-3:]

    def _is_on(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def _run(self, number: int, port: int) -> None:
        caller = Caller(port, self._key)
        end = time.monotonic() + WAIT
        try:
            for _ in range(self._most):
                if self._stop.is_set() or time.monotonic() > end:
                    break
                answer = caller.send(self._next(number))
                self.answers.append(answer)
                if not answer.is_decision:
                    self._stop.wait(0.1)  # nobody decides: do not spin
        except Exception as error:  # noqa: BLE001  # shown by the test that waits
            self.errors.append(error)
        finally:
            caller.close()
