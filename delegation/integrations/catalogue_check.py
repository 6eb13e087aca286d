"""Compares a guard's routes with the catalogue of a service, before the application behind it starts."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from delegation.authority.catalogue import Catalogue, Tool
from delegation.errors import ConfigurationError, DelegationError, OutsideError
from delegation.integrations.judged_request import Receive, Scope
from delegation.integrations.route import Route
from delegation.integrations.tool_checks import check_tools

_SECONDS: Final = 10.0  # an application does not wait longer for a service that is down
_LOG: Final = logging.getLogger("delegation.guard")


def refuse_blocking(desk: Any) -> None:
    """Refuse a desk that would hold up all requests while it asks the service.

    Raises:
        ConfigurationError: It is a `Client`.
    """
    check = getattr(desk, "check", None)
    is_blocking = inspect.ismethod(check) and not inspect.iscoroutinefunction(check)
    if is_blocking and not hasattr(desk, "begin_check"):
        raise ConfigurationError(
            "A guard asks for decisions while other requests are served, and this client waits.",
            remedy="Give the guard an AsyncClient with the same address and key.",
        )


def is_far(desk: Any) -> bool:
    """Return whether the desk's catalogue can only be asked for over a network."""
    return inspect.iscoroutinefunction(getattr(desk, "catalogue", None))


async def compare(routes: Sequence[Route], desk: Any) -> None:
    """Compare routes with the tools that a service has.

    Raises:
        ConfigurationError: They disagree: each disagreement would be a denial of every call.
        OutsideError: The service did not say which tools it has, so that nothing was compared.
    """
    try:
        async with asyncio.timeout(_SECONDS):
            found: Catalogue = await desk.catalogue()
    except (DelegationError, TimeoutError) as error:
        raise OutsideError(
            "Routes and tools were not compared: the service did not say which tools it has "
            f"({error if str(error) else 'no answer in time'}).",
            remedy="Look whether it runs at the client's address and takes its key; calls are refused "
            "until it does.",
        ) from error
    check_tools(routes, found)


async def add_missing_there(client: Any, tools: Sequence[Tool]) -> tuple[str, ...]:
    """Record tools that the catalogue of a service does not have by name, and return their names."""
    catalogue: Catalogue = await client.catalogue()
    missing = [tool for tool in tools if catalogue.tool(tool.name) is None]
    for tool in missing:
        await client.add_tool(tool)
    return tuple(tool.name for tool in missing)


async def start(
    app: Callable[..., Awaitable[None]],
    scope: Scope,
    receive: Receive,
    send: Callable[..., Awaitable[None]],
    comparing: Callable[[], Awaitable[None]],
) -> None:
    """Run an application's lifespan, and before its start the comparison.

    A disagreement ends the start, as the server is told. A service that does not answer does not:
    nothing can be decided then, and calls are refused one by one until it answers.

    Raises:
        ConfigurationError: Routes and tools disagree.
    """
    first: Any = await receive()
    try:
        await comparing()
    except OutsideError as error:
        _LOG.warning("%s %s", error, error.remedy)
    except ConfigurationError as error:
        await send({"type": "lifespan.startup.failed", "message": f"{error} {error.remedy}"})
        raise
    waiting = [first]

    async def receiving() -> Any:
        return waiting.pop() if waiting else await receive()

    await app(scope, receiving, send)
