"""The path of a check through the house: through which files it goes, and that none adds nothing."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from world import World

import delegation
import delegation_api
from delegation.judge.decision import Decision
from delegation.records.settling.writer import DecisionWriter
from delegation_api.app import create_app
from delegation_api.check_front import CheckFront
from delegation_api.settings import Settings

# Files of ours that a warm check of one path argument enters, below three links, with a budget.
# The last four of them ask, on every call, whether the keys are those that sign (two), the schema is
# this release's, and what is written is the file at the path (ADR 43, 45, 47).
EMBEDDED = 51
OVER_HTTP = 59  # and the request by whose names log and trace are joined (ADR 44)
# What has nothing to do for such a call is not even asked.
ONLY_WITH_A_RULE = {
    "judge": ("approval", "creation_limits", "rate", "reservation"),
    "records/engine": ("marker",),
    "records/lineage": ("caches", "links"),
    "records/settling": (
        "approvals", "creation_limits", "flow", "kept_denials", "rate", "reservation",
    ),
    "commands": ("retry",),
    "": ("cancellation",),
}  # fmt: skip
_ROOTS = tuple(str(Path(str(one.__file__)).parent) for one in (delegation, delegation_api))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Return a world with a store in a file."""
    found = World(path=tmp_path / "s.db")
    yield found
    found.tracker.close()


@pytest.fixture
def entered(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Return what notes the files of ours that this thread and the writer's enter, in a block."""
    files, write = set[str](), DecisionWriter._write

    def note(frame: Any, event: str, _argument: object) -> None:
        file = frame.f_code.co_filename
        if event == "call" and file.startswith(_ROOTS):
            files.add(file)

    def written(*arguments: Any) -> Any:
        sys.setprofile(note)
        try:
            return write(*arguments)
        finally:
            sys.setprofile(None)

    @contextmanager
    def noted() -> Iterator[set[str]]:
        with monkeypatch.context() as patched:
            patched.setattr(DecisionWriter, "_write", written)
            sys.setprofile(note)
            try:
                yield files
            finally:
                sys.setprofile(None)

    return noted


def test_a_warm_check_enters_few_files(world: World, entered: Callable[[], Any]) -> None:
    """Each of them adds something: what no rule asks for is not entered."""
    token, access = world.chain("boss", "aide", "hand"), world.access().to_json()

    def proof() -> str:
        return world.key("hand").prove(token, world.access(), at=world.at)

    for _ in range(3):
        assert world.tracker.check(token, proof(), access)
    each = list[set[str]]()
    for _ in range(5):  # a busy machine lets one of them wait, which is one file more
        fresh, found = proof(), list[Decision]()
        with entered() as noted:
            noted.clear()
            found.append(world.tracker.check(token, fresh, access))
        assert found[0].allowed
        each.append(set(noted))
    files = min(each, key=len)
    assert len(files) <= EMBEDDED, sorted(files)
    idle = {
        str(Path(_ROOTS[0], room, f"{name}.py"))
        for room, names in ONLY_WITH_A_RULE.items()
        for name in names
    }
    assert all(Path(file).is_file() for file in idle)
    assert not files & idle


def test_the_same_over_http(world: World, entered: Callable[[], Any]) -> None:
    """The front reads, asks who calls, and answers: seven files more."""
    key, token = (
        world.tracker.create_api_key("svc", "operator"),
        world.chain("boss", "aide", "hand"),
    )
    front = CheckFront(create_app(world.tracker, Settings()))

    async def post(body: bytes) -> bytes:
        head = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        scope = {
            "type": "http", "method": "POST", "path": "/v1/check", "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in head.items()],
        }  # fmt: skip
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await front(scope, receive, send)
        answer: bytes = sent[1]["body"]
        return answer

    def asked() -> bytes:
        proof = world.key("hand").prove(token, world.access(), at=world.at)
        body = {"token": token.text, "proof": proof, "access": world.access().to_json()}
        return json.dumps(body).encode()

    async def play() -> set[str]:
        # An API key is looked up once a second: the call that is counted comes soon after another.
        for _ in range(20):
            await post(asked())
            body = asked()
            with entered() as files:
                files.clear()
                answer = await post(body)
            assert json.loads(answer)["allowed"]
            if not any(file.endswith("commands/logins.py") for file in files):
                break
        return set(files)

    files = asyncio.run(play())
    assert len(files) <= OVER_HTTP, sorted(files)
