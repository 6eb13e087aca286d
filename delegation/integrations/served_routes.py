"""The ways into an application that requests can take and a guard can declare, and why the others not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from delegation.authority.fields import listed
from delegation.errors import ConfigurationError, MalformedError
from delegation.integrations.application_routes import (
    ANY,
    SOCKET,
    ApplicationRoute,
    application_routes,
)
from delegation.integrations.dispatch import Place, root_of, route_taken
from delegation.integrations.route_template import template_of

_PLACEHOLDER: Final = re.compile(r"\{[^{}]*\}")
_HOSTS: Final = "it is served for another host than the same route before it"
_OF_HOST: Final = "its host has a placeholder, which no argument can state: give each host a route"


@dataclass(frozen=True, slots=True)
class ServedRoutes:
    """The ways into an application.

    Args:
        ways: What can be declared, each place once, in the application's own order. A `HEAD` that the
            route of a `GET` answers beside it is that `GET`.
        unseen: What requests can take and nobody can declare, with the reason.
        unreached: What no request can take, with what the application serves instead.
    """

    ways: tuple[ApplicationRoute, ...]
    unseen: tuple[tuple[ApplicationRoute, str], ...]
    unreached: tuple[tuple[ApplicationRoute, str], ...]

    def chosen(self, names: Iterable[str]) -> frozenset[Place]:
        """Return the places that are named by template, with a method before it or for all methods.

        Raises:
            ConfigurationError: Nothing has such a name.
        """
        found: set[Place] = set()
        for name in listed("What is opened or skipped", names):
            method, _, path = name.rpartition(" ")
            places = {
                one.place for one in self.ways if one.path == path and method in {"", one.method}
            }
            if not places:
                near = get_close_matches(path, sorted({one.path for one in self.ways}), n=3)
                raise ConfigurationError(
                    f"The application has no route {name}.",
                    remedy=f"Name it by its own template: {', '.join(near)}." if near
                    else "Name it by the application's own template, such as "
                    f"{' or '.join(' '.join(one.place) for one in self.ways[:1]) or 'GET /health'}.",
                )  # fmt: skip
            found |= places
        return frozenset(found)


def served_routes(app: Any) -> ServedRoutes:
    """Return the ways into an application that lists its routes.

    Not seen: what its middlewares answer by themselves.
    """
    every = list(application_routes(app))
    answered = {(id(one.listing), one.path) for one in every if one.method == "GET"}
    ways: dict[Place, ApplicationRoute] = {}
    unseen: list[tuple[ApplicationRoute, str]] = []
    unreached: list[tuple[ApplicationRoute, str]] = []
    for way in every:
        if way.method == "HEAD" and (id(way.listing), way.path) in answered:
            continue
        try:
            paths = template_of(way.path).samples
        except MalformedError as error:
            unseen.append((way, way.why or f"its template cannot be declared: {error}"))
            continue
        if _PLACEHOLDER.search(way.host):
            unseen.append((way, _OF_HOST))
        elif way.place in ways and way.host != ways[way.place].host:
            unseen.append((way, _HOSTS))
        elif way.place in ways:
            unreached.append((way, way.path))
        elif not any(_taken(app, way, path) == way.path for path in paths):
            instead = (_taken(app, way, path) for path in paths)
            unreached.append((way, next((one for one in instead if one), "none")))
        elif way.kind == "unseen":
            unseen.append((way, way.why))
        else:
            ways[way.place] = way
    return ServedRoutes(tuple(ways.values()), tuple(unseen), tuple(unreached))


def _taken(app: Any, way: ApplicationRoute, path: str) -> str:
    """Return the template by which the application serves a path in the method of a way, or nothing."""
    taken = route_taken(app, _request(app, way, path))
    return "" if taken is None else taken[1]


def _request(app: Any, way: ApplicationRoute, path: str) -> dict[str, Any]:
    root = root_of(app)
    kind = "websocket" if way.method == SOCKET else "http"
    host = _PLACEHOLDER.sub("x", way.host).encode()
    return {
        "type": kind, "method": "GET" if way.method == ANY else way.method, "path": root + path,
        "root_path": root, "headers": [(b"host", host)], "query_string": b"",
    }  # fmt: skip
