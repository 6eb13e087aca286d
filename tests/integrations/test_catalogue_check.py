"""With a service that decides, routes and its catalogue are compared before the application starts."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Any

import pytest
from fastapi import FastAPI
from mistaken import DROP, LIST, MISTAKES, REFUND, TOOLS
from service import Service
from starlette.testclient import TestClient
from wire import handler
from world import World

from delegation.client import AsyncClient, Client
from delegation.errors import ConfigurationError, OutsideError
from delegation.integrations import Guard
from delegation.integrations.in_process import InProcessVerifier

httpx2 = pytest.importorskip("httpx2")
SHOP = "https://shop.example"


@pytest.fixture(scope="module")
def service() -> Service:
    """Return a service that has the tools."""
    service = Service(World())
    for tool in TOOLS:
        service.world.tracker.add_tool(tool)
    return service


def client(service: Service, role: str = "service", kind: Any = AsyncClient) -> Any:
    """Return a client of it, in a role."""
    transport = httpx2.MockTransport(handler(service))
    return kind("http://testserver", api_key=service.keys[role], transport=transport)


def application(declared: list[Any], desk: Any) -> tuple[Guard, Any, list[str]]:
    """Return a guard, the application behind it, and where that says that it has started."""
    began: list[str] = []
    app = FastAPI(on_startup=[lambda: began.append("started")])
    guard = Guard(desk, audience=SHOP)
    for method, path, tool, said in declared:
        guard.route(method, path, tool, **said)
        app.add_api_route(path, lambda: None, methods=[method])
    return guard, guard.protect(app), began


async def start(app: Any) -> list[dict[str, Any]]:
    """Start an application as a server does, and return what it said."""
    said: list[dict[str, Any]] = []
    asked = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive() -> dict[str, str]:
        return next(asked)

    async def send(message: Any) -> None:
        said.append(message)

    await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
    return said


@pytest.mark.parametrize("verifies", [False, True], ids=["client", "verifier"])
@pytest.mark.parametrize(("declared", "said"), MISTAKES)
def test_what_a_service_does_not_have_does_not_start(service, declared, said, verifies) -> None:
    """The same sentences as with a tracker; the server is told, and the application never began."""
    desk = client(service)
    guard, app, began = application(declared, InProcessVerifier(desk) if verifies else desk)
    pattern = said.replace("{order}", r"\{order\}")
    told: list[Any] = []

    async def send(message: Any) -> None:
        told.append(message)

    async def receive() -> dict[str, str]:
        return {"type": "lifespan.startup"}

    async def starts() -> None:
        with pytest.raises(ConfigurationError, match=pattern):
            await guard.compare()
        with pytest.raises(ConfigurationError, match=pattern):
            await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)

    asyncio.run(starts())
    (message,) = told
    assert message["type"] == "lifespan.startup.failed"
    assert re.search(pattern, message["message"])
    assert began == []


def test_what_agrees_starts_and_stops(service: Service) -> None:
    """The application's own start and stop are its own."""
    declared = [LIST, ("POST", "/refunds/{order}", "refundOrder", REFUND[3]), DROP]
    guard, app, began = application(declared, client(service))
    said = asyncio.run(start(app))
    assert [one["type"] for one in said] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    assert began == ["started"]
    asyncio.run(guard.compare())


def test_a_service_that_is_down_holds_no_start_and_allows_nothing(caplog) -> None:
    """Nothing can be compared: the log says so, and each call is refused until it answers."""

    def down(request: Any) -> Any:
        raise httpx2.ConnectError("down")

    desk = AsyncClient("http://testserver", api_key="k", transport=httpx2.MockTransport(down))
    guard, app, began = application([DROP], desk)
    with caplog.at_level(logging.WARNING, "delegation.guard"):
        asyncio.run(start(app))
    assert began == ["started"]
    assert "were not compared" in caplog.text
    with pytest.raises(OutsideError, match="were not compared"):
        asyncio.run(guard.compare())
    assert TestClient(app).delete("/orders/1").status_code == 401


def test_a_client_that_waits_is_no_desk(service: Service) -> None:
    """Its `check` would hold up every other request, and gives no decision to await."""
    with pytest.raises(ConfigurationError, match="this client waits") as found:
        Guard(client(service, kind=Client), audience=SHOP)
    assert "AsyncClient" in found.value.remedy
    with pytest.raises(ConfigurationError, match="this client waits"):
        Guard.from_app(FastAPI(), client(service, kind=Client), audience=SHOP)


def test_an_applications_tools_are_given_to_a_service_once(service: Service) -> None:
    """Until they are there the start names them; what people changed of them stays."""
    app = FastAPI()
    app.get("/things/{thing}")(lambda thing: thing)
    guard = Guard.from_app(app, client(service), audience=SHOP, prefix="far")
    guarded = guard.protect(app)
    names = {tool.name for tool in guard.tools}

    async def told() -> None:
        with pytest.raises(ConfigurationError, match="which the catalogue does not have") as found:
            await start(guarded)
        assert "guard.add_tools" in found.value.remedy
        operator = client(service, "operator")
        assert set(await guard.add_tools(operator)) == names
        assert await guard.add_tools(operator) == ()
        assert len(await start(guarded)) == 2

    asyncio.run(told())
