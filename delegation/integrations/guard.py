"""The guard: routes are declared as tools, and an application with an undeclared one does not start."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from delegation.errors import (
    ConfigurationError,
)
from delegation.integrations.cors import ORIGIN, cors_of
from delegation.integrations.dispatch import inner_application, root_of, route_taken
from delegation.integrations.guarded import Guarded, InProcess, OverHttp
from delegation.integrations.handler_inputs import (
    AUTHORIZATION,
    HandlerInput,
    handler_inputs,
    listed_routes,
)
from delegation.integrations.observe import Observer
from delegation.integrations.request_headers import (
    NEVER_SHOWN,
    is_override,
    is_overriding_parameter,
)
from delegation.integrations.route import MAX_UPLOAD, SOCKET, Route
from delegation.integrations.routes import Names, Routes, declared_route, in_order, undecided
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
        passes: Headers that the application is shown although nobody judges them, such as
            `X-Request-ID`, or `X-Forwarded-For` where a proxy of yours writes it. All others are
            removed, except those that only say how to answer.
        max_upload: Most bytes of a body with files; they are kept in a temporary file while the call is
            judged.
        socket_seconds: How long a socket may live on the decision that opened it, in seconds. It never
            outlives its token; that a token was revoked, an open socket does not notice.
        hosts: Host headers under which the service is reached; empty looks at none.

    Raises:
        ConfigurationError: The mode is another, or a header would be passed that never is.
    """

    def __init__(
        self,
        desk: InProcess | OverHttp | None,
        *,
        audience: str,
        mode: str = "enforce",
        clock: Callable[[], float] = time.time,
        tool_log: ToolLog | None = None,
        passes: Iterable[str] = (),
        hosts: Iterable[str] = (),
        max_upload: int = MAX_UPLOAD,
        socket_seconds: float = 300,
    ) -> None:
        """Make a guard without routes."""
        if mode not in {"enforce", "observe"} or (desk is None and mode == "enforce"):
            raise ConfigurationError("A guard enforces with a desk, or observes.")
        self._desk = desk
        self._audience = audience
        self._clock = clock
        self._tool_log = tool_log
        self._passes = _passing(passes)
        self._hosts = frozenset(host.lower() for host in hosts)
        self._max_upload = max_upload
        self._socket_seconds = socket_seconds
        self._has_cors = False
        self._declared: list[Route] = []
        self._places: list[tuple[str, str]] = []
        self._passes_at: dict[tuple[str, str], frozenset[str]] = {}
        self.observed = Observer() if mode == "observe" else None

    def route(
        self,
        method: str,
        path: str,
        tool: str,
        *,
        query: Names = (),
        body: Names = (),
        kinds: dict[str, str] | None = None,
        headers: Names = (),
        cookies: Names = (),
        form: Names = (),
        files: Names = (),
        whole_body: str = "",
        many: Iterable[str] = (),
        media: str = "",
        passes: Iterable[str] = (),
    ) -> None:
        """Declare that a route is a tool.

        Each place takes arguments under their own names, `query=["page"]`, or by the name that the
        input has in the request, `query={"page[size]": "size"}`.

        Args:
            method: HTTP method; `WEBSOCKET` for the handshake of a socket.
            path: Template of the path, with Starlette's converters.
            tool: Name of the tool.
            query: Arguments that come from the query.
            body: Arguments that are members of the JSON body.
            kinds: By argument how its text is read where it is not text: `integer`, `number` or
                `boolean`.
            headers: Arguments that are headers. No credential: arguments are recorded.
            cookies: Arguments that are cookies.
            form: Arguments that are fields of a form.
            files: Arguments that are files of a form.
            whole_body: The argument that is the whole body: JSON of any kind, text or bytes, as `media`
                says.
            many: Arguments that are lists: their parameter, field or file may come any number of times.
            media: Media type of the body, where it does not follow from the above.
            passes: Headers that this handler is shown although nobody judges them.

        Raises:
            MalformedError: A field has another form.
            ConfigurationError: A header would be passed that never is, or an argument has a name
                that makes some readers take the request for another method's.
        """
        route = declared_route(
            method, path, tool, query=query, body=body, kinds=kinds, headers=headers, cookies=cookies,
            form=form, files=files, whole_body=whole_body, many=many, media=media,
        )  # fmt: skip
        self.declare(route, passes=passes)

    def declare(self, route: Route, *, passes: Iterable[str] = ()) -> None:
        """Declare a route that is made already; see `Route`.

        Args:
            route: The route, open to everybody if it names no tool.
            passes: Headers that its handler is shown although nobody judges them.

        Raises:
            ConfigurationError: As `route`.
        """
        for one in route.inputs:
            if one.place in {"query", "member", "field", "file"} and is_overriding_parameter(
                one.name
            ):
                raise ConfigurationError(
                    f"The argument {one.name} is read as another method by some frameworks.",
                    remedy="Give the argument another name.",
                )
        shown = _passing(passes, is_open=route.is_open)
        stated = {one.name for one in route.of_place("header")}
        stated |= {one.place for one in route.of_place("cookie")}
        if stated & (shown | (frozenset() if route.is_open else self._passes)):
            raise ConfigurationError(
                f"{route.method} {route.path} lets a header pass that is an argument of it.",
                remedy="Take it out of passes: the handler gets it as it was judged.",
            )
        self._passes_at[route.method, route.path] = shown
        self._declared.append(route)

    def open(self, method: str, path: str, *, passes: Iterable[str] = ()) -> None:
        """Declare that a route is open to everybody and passes unjudged, such as a health check.

        Args:
            method: HTTP method.
            path: Template of the path: `/static/{path:path}` for all below a mount.
            passes: Headers that the handler reads from the raw request. What it declares to
                FastAPI is found and passes by itself.
        """
        self.declare(Route(method, path, ""), passes=passes)

    def cors(self) -> None:
        """Declare that browsers of other origins may ask first, and read why they were refused.

        A preflight carries no credentials and reaches nobody: the application's own `CORSMiddleware`
        answers it. What that does not allow, no browser sends: `Authorization` and `Delegation-Proof`
        belong to its `allow_headers`, `Delegation-Decision` to its `expose_headers`.
        """
        self._has_cors = True

    def routes(self) -> Routes:
        """Return all declared routes, in the application's order once it is protected."""
        return Routes(self._audience, tuple(in_order(self._declared, self._places)))

    def protect(self, app: Any, *, unsafe_unlisted: bool = False) -> Guarded:
        """Return the application behind this guard.

        Not checked of an application that lists no routes: what else there is behind a template.

        Args:
            app: An ASGI application. Where it, or what it wraps, lists its routes, as FastAPI and
                Starlette do, each of them must be declared, and serve what is declared.
            unsafe_unlisted: The application is a wrapper that cannot be looked into. Nothing of it
                is compared with what is declared.

        Raises:
            ConfigurationError: A route of the application is not declared, or one that is declared
                is not there or served by another, or a handler reads what no argument states, or
                the application wraps one that cannot be seen.
            MalformedError: Two declared routes could match one request.
        """
        origin = frozenset({ORIGIN} if self._has_cors else ())
        passed = {p: self._passes | origin | names for p, names in self._passes_at.items()}
        inner = None
        if self.observed is None:
            inner = None if unsafe_unlisted else inner_application(app)
            if inner is not None:
                listed = listed_routes(inner) or []
                self._refuse_undeclared(inner, listed)
                self._refuse_shadowed(inner)
                passed |= self._read_by_open(listed, passed)
                self._places = [place for place, _ in _by_place(listed)]
            elif (pair := undecided(self._declared)) is not None:
                raise ConfigurationError(
                    f"{pair[0].method} {pair[0].path} and {pair[1].path} may take one request, and "
                    "the application lists no routes that say which of them serves it.",
                    remedy="Give one of them a path of its own, or protect the application itself.",
                )
            self._refuse_open_beside_judged()
        cors = cors_of(app, inner) if self._has_cors and self.observed is None else None
        return Guarded(
            app,
            self.routes(),
            self._desk,
            self._clock,
            self.observed,
            tool_log=self._tool_log,
            passed=passed,
            hosts=self._hosts,
            max_upload=self._max_upload,
            socket_seconds=self._socket_seconds,
            cors=cors,
            inner=inner,
        )

    def _refuse_undeclared(self, app: Any, listed: list[Any]) -> None:
        known = {(r.method, r.path) for r in self._declared}
        there: set[tuple[str, str]] = set()
        for route in listed:
            methods = getattr(route, "methods", None)
            path = str(getattr(route, "path", None) or "?")
            # Mounts have no methods: what is behind them cannot be looked through.
            kind = (
                SOCKET if "WebSocketRoute" in str(type(getattr(route, "route", route))) else "ANY"
            )
            there |= {(m, path) for m in (methods or {kind}) if not (m == "HEAD" and methods)}
        schema = {
            ("GET", path)
            for path in (getattr(app, n, None) for n in ("openapi_url", "docs_url", "redoc_url"))
            if path
        } | {("GET", getattr(app, "swagger_ui_oauth2_redirect_url", None) or "")}
        missing = sorted(f"{m} {p}" for m, p in there - known - schema)
        self._refuse_unmapped(listed)
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

    def _refuse_shadowed(self, app: Any) -> None:
        """Refuse what the application serves by another route, which its order of routes decides."""
        root = root_of(app)
        if root.endswith("/"):
            raise ConfigurationError(
                "The application's root_path ends with a slash.", remedy="Take the slash away."
            )
        plain = {(r.method, r.path) for r in self._declared if not r.placeholders}
        for method, path in sorted(plain):
            scope = {"type": "http", "method": method, "path": root + path, "root_path": root}
            taken = route_taken(app, {**scope, "headers": [], "query_string": b""})
            if taken is not None and taken != (method, path):
                raise ConfigurationError(
                    f"{method} {path} is declared, but the application serves it by {taken[1]}.",
                    remedy=f"Register {path} before {taken[1]} in the application.",
                )

    def _refuse_unmapped(self, listed: list[Any]) -> None:
        known = {(r.method, r.path): r for r in self._declared if not r.is_open}
        unmapped: set[str] = set()
        for place, listing in _by_place(listed):
            if place not in known:
                continue
            passed = self._passes | self._passes_at[place]
            for one in handler_inputs(listing):
                if one == HandlerInput("header", AUTHORIZATION):
                    raise ConfigurationError(
                        f"{' '.join(place)} reads the Authorization header, which carries the "
                        "agent's token and never reaches a handler behind a guard.",
                        remedy="Take the dependency out: the guard has verified who calls; "
                        "decision_of(request) has the chain. Or take the key from another header "
                        "that the route passes.",
                    )
                header = "cookie" if one.place == "cookie" else one.name.lower()
                is_passed = one.place in {"header", "cookie"} and header in passed
                name = header if one.place == "header" else one.name
                stated = {(i.place, i.name) for i in known[place].inputs}
                if not is_passed and (one.place, name) not in stated:
                    unmapped.add(f"{one.place} {one.name} of {' '.join(place)}")
        if unmapped:
            raise ConfigurationError(
                f"Handlers read inputs that no argument states: {', '.join(sorted(unmapped))}.",
                remedy="Declare parameters as arguments of the tool. Stop reading headers and "
                "cookies, or let them through unjudged: guard.route(..., passes=[...]).",
            )

    def _read_by_open(
        self, listed: list[Any], passed: dict[tuple[str, str], frozenset[str]]
    ) -> dict[tuple[str, str], frozenset[str]]:
        """Return what open routes are shown: what they declare is theirs to read, as it always was."""
        return {
            place: passed[place] | _passing(
                ("cookie" if one.place == "cookie" else one.name for one in handler_inputs(listing)
                 if one.place in {"header", "cookie"}),
                is_open=True,
            )
            for place, listing in _by_place(listed)
            if place in {(r.method, r.path) for r in self._declared if r.is_open}
        }  # fmt: skip

    def _refuse_open_beside_judged(self) -> None:
        """Refuse an open POST on a judged path: a form's member could make it the judged method."""
        judged = [route for route in self._declared if not route.is_open]
        for one in self._declared:
            for route in judged if one.is_open and one.method == "POST" else ():
                if route.method != SOCKET and route.template.may_meet(one.template):
                    raise ConfigurationError(
                        f"POST {one.path} is open, and {route.method} {route.path} is judged.",
                        remedy="Judge both: frameworks serve a POST as another method if its "
                        "body says so.",
                    )


def _by_place(listed: Iterable[Any]) -> Iterable[tuple[tuple[str, str], Any]]:
    for listing in listed:
        for method in getattr(listing, "methods", None) or ():
            yield (method, str(getattr(listing, "path", None) or "")), listing


def _passing(names: Iterable[str], *, is_open: bool = False) -> frozenset[str]:
    """Return names in lower case, as servers hand them on.

    Raises:
        ConfigurationError: One of them never passes.
    """
    found = frozenset(name.lower() for name in names)
    never = NEVER_SHOWN if is_open else NEVER_SHOWN | {AUTHORIZATION}
    for name in sorted(found):
        if is_override(name) or name in never:
            raise ConfigurationError(
                f"The header {name} never reaches an application behind a guard.",
                remedy="Name headers that say nothing of method, path, credentials or connection.",
            )
    return found
