"""The guard: routes are declared as tools, and an application with an undeclared one does not start."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from delegation.errors import (
    ConfigurationError,
)
from delegation.integrations.guarded import Guarded, InProcess, OverHttp
from delegation.integrations.observe import Observer
from delegation.integrations.routes import Route, Routes
from delegation.integrations.tool_log import ToolLog


class Guard:
    """Protects an ASGI application.

    Args:
        desk: Who decides: a `Tracker` in this process, or an `AsyncClient` of the service.
        audience: This service's name in grants.
        mode: `enforce`, or `observe`: nothing is asked for or refused, and what is seen becomes a
            draft of tools and grants (`observed.draft()`), which never enters lineage.
        clock: Unix seconds.
        tool_log: Where each executed call is written down, for `delegation reconcile`.
    """

    def __init__(
        self,
        desk: InProcess | OverHttp | None,
        *,
        audience: str,
        mode: str = "enforce",
        clock: Callable[[], float] = time.time,
        tool_log: ToolLog | None = None,
    ) -> None:
        """Make a guard without routes."""
        if mode not in {"enforce", "observe"} or (desk is None and mode == "enforce"):
            raise ConfigurationError("A guard enforces with a desk, or observes.")
        self._desk = desk
        self._audience = audience
        self._clock = clock
        self._tool_log = tool_log
        self._declared: list[Route] = []
        self._open: set[tuple[str, str]] = set()
        self.observed = Observer() if mode == "observe" else None

    def route(
        self,
        method: str,
        path: str,
        tool: str,
        *,
        query: Iterable[str] = (),
        body: Iterable[str] = (),
        kinds: dict[str, str] | None = None,
    ) -> None:
        """Declare that a route is a tool; see `Route`.

        Raises:
            MalformedError: A field has another form.
        """
        self._declared.append(Route(method, path, tool, tuple(query), tuple(body), kinds or {}))

    def open(self, method: str, path: str) -> None:
        """Declare that a route is open to everybody and passes unjudged, such as a health check."""
        self._open.add((method, path))

    def routes(self) -> Routes:
        """Return all declared routes."""
        return Routes(self._audience, tuple(self._declared))

    def protect(self, app: Any) -> Guarded:
        """Return the application behind this guard.

        Args:
            app: An ASGI application. Where it lists its routes, as FastAPI and Starlette do, each
                of them must be declared.

        Raises:
            ConfigurationError: A route of the application is not declared, or one that is declared
                is not there.
            MalformedError: Two declared routes could match one request.
        """
        if self.observed is None:
            self._refuse_undeclared(app)
        return Guarded(
            app,
            self.routes(),
            self._open,
            self._desk,
            self._clock,
            self.observed,
            tool_log=self._tool_log,
        )

    def _refuse_undeclared(self, app: Any) -> None:
        listed = getattr(app, "routes", None)
        if listed is None:
            return
        known = {(r.method, r.path) for r in self._declared} | self._open
        there: set[tuple[str, str]] = set()
        for route in listed:
            methods = getattr(route, "methods", None)
            path = str(getattr(route, "path", "?"))
            # Mounts and sockets have no methods: what is behind them cannot be looked through.
            there |= {(m, path) for m in (methods or {"ANY"}) if not (m == "HEAD" and methods)}
        schema = {
            ("GET", path)
            for path in (getattr(app, n, None) for n in ("openapi_url", "docs_url", "redoc_url"))
            if path
        } | {("GET", getattr(app, "swagger_ui_oauth2_redirect_url", None) or "")}
        missing = sorted(f"{m} {p}" for m, p in there - known - schema)
        unmapped = sorted(_unmapped(listed, self._declared))
        if unmapped:
            raise ConfigurationError(
                f"Handlers read inputs that no argument states: {', '.join(unmapped)}.",
                remedy="Declare them as arguments of the tool, or stop reading them.",
            )
        if missing:
            raise ConfigurationError(
                f"Routes without a declared tool: {', '.join(missing)}.",
                remedy="Declare each with guard.route(...), or guard.open(...) if it needs none.",
            )
        gone = sorted(f"{m} {p}" for m, p in known - there)
        if gone:
            raise ConfigurationError(
                f"Declared routes that the application does not have: {', '.join(gone)}.",
                remedy="Declare routes by the application's own templates.",
            )


def _unmapped(listed: Iterable[Any], declared: Iterable[Route]) -> Iterable[str]:
    """Return inputs of FastAPI's handlers that their route does not declare; bodies at run time."""
    known = {(route.method, route.path): route for route in declared}
    for listing in listed:
        dependant = getattr(listing, "dependant", None)
        for method in getattr(listing, "methods", None) or ():
            route = known.get((method, str(getattr(listing, "path", ""))))
            if route is None or dependant is None:
                continue
            waiting = [dependant]
            while waiting:
                inner = waiting.pop()
                waiting += inner.dependencies
                for place, names in (("header", ()), ("cookie", ()), ("query", route.query)):
                    for parameter in getattr(inner, f"{place}_params"):
                        if parameter.alias not in names:
                            yield f"{place} {parameter.alias} of {method} {route.path}"
