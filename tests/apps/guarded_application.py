"""An application of other people, declared from itself, serves signed calls and nothing else."""

from __future__ import annotations

import asyncio
from collections import Counter
from statistics import median
from time import perf_counter
from typing import Any, Final

import pytest

from apps.applications import application
from apps.calls import Answer, Sent, answer_of, living, request_of, steady
from delegation import anything, exact, may
from delegation.integrations import Guard, Route
from delegation.integrations.application_routes import application_routes
from delegation.integrations.signing import Signer
from delegation.testing import World

REACHED: Final = 20
_AT_ONCE: Final = 5  # tools of one grant, so that it has room for all their arguments
# What stops the server, or calls what is not there for a long time.
_LONG: Final = ("shutdown", "run_live", "/subscribe", "/admin/database")


class Service:
    """The application behind a guard that was made from it, with authority for all its tools."""

    def __init__(self) -> None:
        self.app = application()
        self.world = World()
        self.guard = Guard.from_app(
            self.app,
            self.world.tracker,
            audience=self.world.audience,
            prefix="app",
            clock=self.world.clock,
        )
        self.guarded = self.guard.protect(self.app)
        self.tools = {tool.name: tool for tool in self.guard.tools}
        self.routes = [route for route in self.guard.routes().routes if not route.is_open]

    def signer(self, names: list[str]) -> Signer:
        """Return what signs for an agent that may call these tools, with any arguments."""
        can = [
            may(name, arguments=dict.fromkeys(self.tools[name].arguments, anything()))
            for name in names
        ]
        token = self.world.chain("agent", can=can, effects=["read", "write", "delete"])
        return Signer(token, self.world.key("agent"), self.guard.routes(), base=self.world.audience)

    def signed(self, signer: Signer, sent: Sent) -> dict[str, str]:
        """Return the credentials of a request."""
        url = f"{self.world.audience}{sent.path}{'?' if sent.query else ''}{sent.query}"
        return signer.headers(sent.method, url, sent.headers, sent.body)


@pytest.fixture(scope="module")
def service() -> Service:
    """Return the service, made once."""
    return Service()


def test_nearly_all_of_it_is_declared_and_the_rest_is_named(service: Service) -> None:
    """What its own routers can serve is a tool, by its own template, in their order."""
    ways = list(dict.fromkeys(way.place for way in application_routes(service.app)))
    served = {way for way in ways if way[0] != "HEAD"}
    declared = {(route.method, route.path) for route in service.routes}
    named = {tuple(place.split(" ", 1)) for place, _ in service.guard.left_out}
    assert declared | named >= served
    assert len(declared & served) >= 0.95 * len(served), named
    assert len({route.tool for route in service.routes}) == len(service.routes)


def test_its_declarations_run_as_they_are_written(service: Service) -> None:
    """What is printed, pasted beside an empty guard and catalogue, declares the same."""
    world = World()
    header = service.guard.routes().token_header
    guard = Guard(world.tracker, audience=world.audience, token_header=header)
    exec(service.guard.declarations(), {"tracker": world.tracker, "guard": guard})  # our own text
    guard.protect(service.app)
    assert guard.routes() == service.guard.routes()
    assert world.tracker.catalogue().tools == service.guard.tools


def test_signed_calls_reach_their_handlers_and_no_others_do(service: Service) -> None:
    """A call of each route: unsigned, with authority for another tool, and as it should be."""
    found = asyncio.run(_all_calls(service))
    reached = {place for place, (_, _, answer) in found.items() if not answer.reason}
    print(f"{len(found)} routes called, {len(reached)} reached:", Counter(a.status for _, _, a in found.values()))  # fmt: skip
    for place, (unsigned, wide, answer) in found.items():
        assert (unsigned.status, unsigned.reason) == (401, "credentials_missing"), place
        assert wide.status == 403, (place, wide.reason)
        if answer.reason:
            print("not reached:", place, answer.status, answer.reason, answer.body[:200])
        else:
            assert answer.headers["delegation-decision"], place
    assert len(reached) >= min(REACHED, len(found))
    assert len(reached) >= 0.9 * len(found)


def test_observed_it_answers_as_it_does_by_itself(service: Service) -> None:
    """A request of each route, twice without a guard: where both answers are one, it is the third, too."""
    watching = Guard(None, audience=service.world.audience, mode="observe")
    alike, unlike, taken = asyncio.run(_observed(service, watching.protect(service.app)))
    bare, watched = (median(one[side] for one in taken) * 1000 for side in (0, 1))
    print(f"{alike} of {len(taken)} answers are steady; the median takes {bare:.1f} ms, {watched:.1f} ms observed")  # fmt: skip
    assert unlike == []
    assert alike >= 0.6 * len(taken)
    assert "tracker.add_tool" in watching.observed.draft()


async def _observed(service: Service, observed: Any) -> tuple[int, list[Any], list[Any]]:
    alike, unlike, taken = 0, [], []
    async with living(service.app):
        for route in service.routes:
            if route.method == "WEBSOCKET" or any(word in route.path for word in _LONG):
                continue
            sent = request_of(route, service.tools[route.tool], {})
            answers, began = [], perf_counter()
            times = []
            for app in (service.app, service.app, observed):
                answers.append(steady(await answer_of(app, sent)))
                times.append(perf_counter() - began)
                began = perf_counter()
            taken.append((times[1], times[2]))
            if answers[0] == answers[1]:
                alike += 1
                if answers[2] != answers[1]:
                    unlike.append((route.method, route.path, answers))
    return alike, unlike, taken


async def _all_calls(service: Service) -> dict[str, tuple[Answer, Answer, Answer]]:
    called = [
        route for route in service.routes
        if route.method != "WEBSOCKET" and not any(word in route.path for word in _LONG)
    ]  # fmt: skip
    found: dict[str, tuple[Answer, Answer, Answer]] = {}
    async with living(service.app):
        for begin in range(0, len(called), _AT_ONCE):
            some = called[begin : begin + _AT_ONCE]
            signer = service.signer([route.tool for route in some])
            other = service.signer([called[begin - 1].tool])
            for route in some:
                found[f"{route.method} {route.path}"] = await _calls(service, route, signer, other)
        undeclared = Sent("GET", "/nothing/is/here/at/all", "", (), b"")
        assert (await answer_of(service.guarded, undeclared)).status in {401, 404}
    return found


async def _calls(
    service: Service, route: Route, signer: Signer, other: Signer
) -> tuple[Answer, Answer, Answer]:
    sent = request_of(route, service.tools[route.tool], {})
    return (
        await answer_of(service.guarded, sent),
        await answer_of(service.guarded, sent, service.signed(other, sent)),
        await answer_of(service.guarded, sent, service.signed(signer, sent)),
    )


def test_an_argument_beyond_the_grant_is_denied(service: Service) -> None:
    """Each argument of a path that is text, granted as one value and sent as another one."""
    asyncio.run(_widened(service))


async def _widened(service: Service) -> None:
    tried = 0
    for route in service.routes:
        tool = service.tools[route.tool]
        kinds: Any = tool.to_json()["arguments"]
        texts = [
            one.argument for one in route.of_place("path")
            if kinds[one.argument] in ["segment", "text", "relative_path"]
        ]  # fmt: skip
        if route.method == "WEBSOCKET" or not texts or tried == REACHED:
            continue
        limits = {**dict.fromkeys(tool.arguments, anything()), texts[0]: exact("granted")}
        token = service.world.chain(
            "agent", can=may(route.tool, arguments=limits), effects=[tool.effect]
        )
        signer = Signer(
            token, service.world.key("agent"), service.guard.routes(), base=service.world.audience
        )
        sent = request_of(route, tool, {texts[0]: "another"})
        answer = await answer_of(service.guarded, sent, service.signed(signer, sent))
        assert (answer.status, answer.reason) == (403, "argument_refused"), route
        tried += 1
    assert tried
