"""A long question ends with its client and with SIGTERM, and does not stand in a decision's way.

Every route of the API and of the pages that only asks is crawled, from the application's own table,
on a store where the heavy ones take many seconds. `DELEGATION_LONG=1` takes a larger one and crawls
each route by itself, with its own time.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest
from bench import forest
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute
from load import Caller, call
from under_fault import Place, Serving, placed, until

from delegation import Grant, HolderKey, Token, Tool, may, one_of, text
from delegation_api.app import create_app

IS_LONG = bool(os.environ.get("DELEGATION_LONG"))
LINKS = 5000 if IS_LONG else 1500
LEAVES_AFTER = 0.4  # seconds
WAIT = 60
BOUNDS = {"DELEGATION_MAX_QUESTIONS": "2", "DELEGATION_QUESTION_SECONDS": "3"}
POSTS = {
    "/v1/tighten": {"kind": "link"},
    "/v1/guardrails": {
        "guardrails": '[[guardrail]]\nname = "few"\nnever_reach = { tools = ["sys1.**"] }\n'
    },
}


@dataclass
class Large:
    """A store of many links with heavy grants, and the names that its questions need."""

    place: Place
    reviewer: str
    session: str
    names: dict[str, str]
    leaf: tuple[Token, HolderKey]

    def questions(self) -> list[tuple[str, str, bytes]]:
        """Return method, path and body of all that only asks, from the application's own table."""
        routes = [
            inner
            for part in create_app(self.place.world.tracker).routes
            for inner in getattr(getattr(part, "original_router", None), "routes", [part])
            if isinstance(inner, APIRoute)
        ]
        found = [("GET", self._filled(one), b"") for one in routes if "GET" in one.methods]
        link = self.names["link"]
        found += [
            (
                "POST",
                path,
                json.dumps({**body, **({"id": link} if "kind" in body else {})}).encode(),
            )
            for path, body in POSTS.items()
        ]
        return found

    def _filled(self, route: APIRoute) -> str:
        path = re.sub(r"\{(\w+)(:\w+)?\}", lambda m: self.names.get(m[1], "x"), route.path)
        asked = {
            one.alias: self.names.get(one.alias, "1")
            for one in get_flat_params(route.dependant)
            if one.field_info.in_.value == "query"
            and (one.field_info.is_required() or one.alias in self.names)
        }
        return f"{path}?{urlencode(asked)}" if asked else path

    def ask(self, service: Serving, method: str, path: str, body: bytes = b"") -> socket.socket:
        """Send a question and return the connection, without its answer."""
        one = socket.create_connection(("127.0.0.1", service.port), WAIT)
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: desk\r\nAuthorization: Bearer {self.reviewer}\r\n"
            f"Cookie: delegation-session={self.session}\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        one.sendall(head.encode() + body)
        return one


def cpu(service: Serving) -> float:
    """Return the service's CPU seconds so far."""
    fields = Path(f"/proc/{service.process.pid}/stat").read_text().rsplit(")")[-1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def is_quiet(service: Serving) -> bool:
    """Return whether it does nothing to speak of for half a second."""
    before = cpu(service)
    time.sleep(0.5)
    return cpu(service) - before < 0.15


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Large]:
    """Return the store."""
    folder = tmp_path_factory.mktemp("large")
    with placed(folder, f"sqlite:///{folder / 's.db'}") as place:
        tracker = place.world.tracker
        many = []
        for number in range(60):
            name = f"sys{number % 7}.things{number}.read"
            tracker.add_tool(Tool(name, effect="read", arguments={"id": "opaque", "q?": "text"}))
            keys = one_of(*[f"k{one}" for one in range(8)])
            many.append(may(name, id=keys, q=text(max=100)))
        grant = Grant(many, audience=["desk"], purpose="desk", delegations_left=15)
        task = tracker.open_task("Large", owner="ana@acme.example", ceiling=grant, lasts=86400)
        made = forest.load(tracker, task.ceiling, LINKS, at=int(time.time()) - 60, most=LINKS)
        link, of_all = made.names[0], made.tasks[0]
        names = {
            "link": link, "task": of_all, "holder": link, "tool": "sys1.things1.read",
            "from": link, "to": "sys1.things1.read", "kind": "link", "id": link, "vs": "1",
            "q": "agent", "view": "links", "form": "csv", "subject": link, "theme": "dark",
        }  # fmt: skip
        reviewer = tracker.create_api_key("rev", "reviewer")
        ticket = tracker.create_login_link("rev", "http://desk").rpartition("=")[2]
        session = tracker.log_in(ticket)
        yield Large(place, reviewer, session, names, place.leaves(900, 900)[0])


@contextlib.contextmanager
def started(large: Large, **settings: str) -> Iterator[Serving]:
    """Serve it."""
    service = large.place.serving(**settings)
    service.start()
    yield service
    if service.lives:
        assert service.end() == 0
    assert "Traceback" not in service.log.read_text(), service.log.read_text()


def test_what_nobody_waits_for_is_worked_at_no_longer(large: Large) -> None:
    """Each question, of the API and of the pages, whose client leaves: its CPU is quiet soon."""
    questions = large.questions()
    assert len(questions) > 60
    with started(large, DELEGATION_MAX_QUESTIONS="64") as service:
        groups = [[one] for one in questions] if IS_LONG else [questions[:30], questions[30:]]
        for group in groups:
            held = [large.ask(service, *one) for one in group]
            time.sleep(LEAVES_AFTER)
            for one in held:
                one.close()
            begun = cpu(service)
            assert until(lambda: is_quiet(service), WAIT)
            assert cpu(service) - begun < 8, [path for _, path, _ in group]
        caller = Caller(service.port, large.place.key)
        assert caller.send(call(*large.leaf)).status == 200
        caller.close()


@pytest.mark.thorough
def test_long_questions_are_few_and_have_an_end_and_decisions_go_on(large: Large) -> None:
    """Beyond the few 503 `questions_busy`, beyond their time 503 `question_too_long`."""
    path = f"/v1/links/{large.names['link']}/unused"
    with started(large, **BOUNDS) as service:
        held = [large.ask(service, "GET", f"/v1/risks?limit={n + 1}") for n in range(5)]
        held += [large.ask(service, "GET", path) for _ in range(5)]
        caller = Caller(service.port, large.place.key)
        for _ in range(10):
            assert caller.send(call(*large.leaf)).status == 200
        caller.close()
        codes = []
        for one in held:
            answer = b""
            while part := one.recv(65536):
                answer += part
            one.close()
            head, _, body = answer.partition(b"\r\n\r\n")
            codes.append("" if head.split(b" ")[1] == b"200" else json.loads(body)["code"])
        assert "questions_busy" in codes
        assert set(codes) <= {"", "questions_busy", "question_too_long"}


@pytest.mark.thorough
def test_sigterm_ends_long_questions(large: Large) -> None:
    """Whoever still waits gets no answer, and the process is gone within its grace."""
    with started(large) as service:
        held = [large.ask(service, "GET", f"/v1/risks?limit={n + 1}") for n in range(6)]
        time.sleep(LEAVES_AFTER)
        begun = worked = cpu(service)
        service.process.terminate()
        while service.process.poll() is None:
            with contextlib.suppress(OSError):
                worked = cpu(service)
            time.sleep(0.02)
        assert service.end() == 0
        assert worked - begun < 8  # seconds of its own: how long that takes is up to the machine
        for one in held:
            one.close()
