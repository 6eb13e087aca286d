"""Compares declared routes with the catalogue: where they disagree, every call would be denied."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Any, Final

from delegation.authority.arguments.composite import ListType
from delegation.authority.arguments.families import TEXTS
from delegation.authority.arguments.nullable import inner
from delegation.authority.arguments.url_text import kind_of
from delegation.authority.audience import respelled
from delegation.authority.catalogue import Catalogue, Tool
from delegation.authority.documents.inputs import TEXT_PLACES, Input
from delegation.errors import ConfigurationError, DelegationError, OutsideError
from delegation.integrations.judged_request import Receive, Scope
from delegation.integrations.route import SOCKET, Route

_OF_READERS: Final = frozenset({"GET", "HEAD", SOCKET})
_MOST_NAMED: Final = 12
_LOG: Final = logging.getLogger("delegation.guard")
_SECONDS: Final = 10.0  # an application does not wait longer for a service that is down


def known_catalogue(desk: Any) -> Catalogue | None:
    """Return the catalogue of who decides, None where it can only be asked over a network."""
    ask = getattr(desk, "catalogue", None)
    if not callable(ask) or inspect.iscoroutinefunction(ask):
        return None
    found = ask()
    return found if isinstance(found, Catalogue) else None


def warn_of_spellings(desk: Any, audience: str) -> None:
    """Log who spells this service otherwise: open tasks and API keys of a tracker in this process."""
    if not callable(getattr(desk, "api_keys", None)):
        return
    held = [(f"the task {one.id}", one.ceiling.audience) for one in desk.tasks(is_open=True)]
    held += [
        (f"the API key {one.name}", one.audiences) for one in desk.api_keys() if not one.is_revoked
    ]
    for who, names in held:
        meant = "" if audience in names else respelled(audience, names)
        if meant:
            _LOG.warning(
                "%s has the audience %s, and this guard is %s: audiences are compared as text, so that "
                "its calls are denied. Write %s there.", who, meant, audience, audience,
            )  # fmt: skip


def add_missing(desk: Any, tools: Iterable[Tool]) -> None:
    """Record tools that the catalogue of a tracker in this process does not have by name."""
    catalogue = known_catalogue(desk)
    if catalogue is None or not callable(getattr(desk, "add_tool", None)):
        return
    for tool in tools:
        if catalogue.tool(tool.name) is None:
            desk.add_tool(tool)


def check_tools(routes: Sequence[Route], catalogue: Catalogue) -> None:
    """Compare routes with the tools that they name.

    Raises:
        ConfigurationError: A tool is unknown, two routes are one, or route and tool disagree on
            arguments or on how a text is read.
    """
    tools = {tool.name: tool for tool in catalogue.tools}
    wrong: list[str] = []
    known: dict[str, Route] = {}
    for route in routes:
        if route.is_open:
            continue
        place = f"{route.method} {route.path}"
        name = catalogue.names.meant(route.tool, catalogue.revision) or route.tool
        if name not in tools:
            near = get_close_matches(route.tool, sorted({*tools}), n=3)
            hint = f" Did you mean {' or '.join(near)}?" if near else " Add it with add_tool first."
            wrong.append(
                f"{place} is the tool {route.tool}, which the catalogue does not have.{hint}"
            )
            continue
        if (first := known.setdefault(name, route)) is not route and not _is_same(first, route):
            wrong.append(
                f"{first.method} {first.path} and {place} are both the tool {name}, so that no grant "
                "and no record can tell them apart. Give each a tool of its own."
            )
        wrong += _disagreements(place, route, tools[name])
    if wrong:
        more = len(wrong) - _MOST_NAMED
        raise ConfigurationError(
            " ".join(wrong[:_MOST_NAMED]) + (f" And {more} more." if more > 0 else ""),
            remedy="Change the declarations of the routes, or the tools: delegation catalogue list "
            "shows what each tool takes. Tools of Guard.from_app come to a service by await "
            "guard.add_tools(client).",
        )


def _is_same(one: Route, other: Route) -> bool:
    """Return whether two routes are one place of the application, read in two ways."""
    methods = {one.method, other.method}
    is_one_place = one.path.rstrip("/") == other.path.rstrip("/")
    return is_one_place and (len(methods) == 1 or methods <= _OF_READERS)


def _disagreements(place: str, route: Route, tool: Tool) -> Iterator[str]:
    stated = {one.argument for one in route.inputs}
    for name, argument in tool.arguments.items():
        if argument.required and name not in stated:
            yield (
                f"{place} states nothing for {name}, which {tool.name} needs. Name where it stands, "
                f"such as query=[{name!a}] or body=[{name!a}], or make it optional: {f'{name}?'!a}."
            )
    for one in route.inputs:
        if one.argument not in tool.arguments:
            near = get_close_matches(one.argument, sorted({*tool.arguments} - stated), n=1)
            hint = (
                f" Did you mean {near[0]}?"
                if near
                else f" It has: {', '.join(tool.arguments) or 'none'}."
            )
            yield f"{place} states {one.argument}, which is no argument of {tool.name}.{hint}"
        elif one.place in TEXT_PLACES:
            yield from _misread(place, one, tool)


def _misread(place: str, one: Input, tool: Tool) -> Iterator[str]:
    of = inner(tool.arguments[one.argument].type)
    if (wanted := kind_of(of, many=one.many)) != "text" and one.kind == "text":
        yield (
            f"{place} reads {one.argument} as text, and {tool.name} takes {wanted}. "
            f"Say kinds={{{one.argument!a}: {wanted!a}}}."
        )
    elif wanted == "text" and one.kind != "text" and of.name in TEXTS:
        yield (
            f"{place} reads {one.argument} as {one.kind}, and {tool.name} takes {of.name}. "
            f"Take {one.argument} out of kinds."
        )
    if isinstance(of, ListType) != one.many and one.place in {"query", "header", "field"}:
        yield (
            f"{place} reads one {one.argument}, and {tool.name} takes a list. Say many=[{one.argument!a}]."
            if not one.many
            else f"{place} reads a list of {one.argument}, and {tool.name} takes one. Take it out of many."
        )


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
