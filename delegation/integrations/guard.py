"""Guards an application: routes are declared as tools; with an undeclared one it does not start."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, Self

from delegation.authority.catalogue import Tool
from delegation.authority.fields import listed
from delegation.errors import ConfigurationError
from delegation.integrations.application_routes import inner_application
from delegation.integrations.cors import ORIGIN, cors_of
from delegation.integrations.declarations import Declarations
from delegation.integrations.declared import Declared, declared_of, python_declarations
from delegation.integrations.guarded import Guarded, InProcess, OverHttp
from delegation.integrations.handler_inputs import AUTHORIZATION
from delegation.integrations.multipart import form_parser
from delegation.integrations.observe import Observer
from delegation.integrations.route import MAX_UPLOAD, Route, named_method
from delegation.integrations.routes import Names, Routes, declared_route
from delegation.integrations.starting_checks import (
    check_application,
    check_audience,
    check_open,
    check_unlisted,
)
from delegation.integrations.tool_checks import (
    add_missing,
    add_missing_there,
    check_tools,
    compare,
    is_far,
    known_catalogue,
    refuse_blocking,
    warn_of_spellings,
)
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
            outlives its token, and ends within seconds where its chain or task no longer stands.
        hosts: Host headers under which the service is reached; empty looks at none.
        token_header: The header in which agents' tokens come, and no other one: `Delegation-Token`
            where the application reads `Authorization` itself. Clients learn it with the routes.

    Raises:
        ConfigurationError: The mode is another, a header would be passed that never is, or the desk is
            a `Client` that waits: only an `AsyncClient` serves others meanwhile.
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
        token_header: str = "Authorization",
    ) -> None:
        """Make a guard without routes."""
        if mode not in {"enforce", "observe"} or (desk is None and mode == "enforce"):
            raise ConfigurationError(
                "A guard enforces with somebody who decides, or only observes.",
                remedy="Give it a tracker or a client, Guard(Tracker.open(...), ...), or say "
                'mode="observe".',
            )
        refuse_blocking(desk)
        self._desk = desk
        self._clock = clock
        self._tool_log = tool_log
        self._hosts = frozenset(host.lower() for host in listed("hosts", hosts))
        self._max_upload = max_upload
        self._socket_seconds = socket_seconds
        self._has_cors = False
        self._said = Declarations(audience, token_header, passes)
        check_audience(audience, hosts)
        self._declared = Declared()
        self.observed = Observer(audience) if mode == "observe" else None

    @classmethod
    def from_app(
        cls,
        app: Any,
        desk: InProcess | OverHttp,
        *,
        audience: str,
        prefix: str = "app",
        system: str = "",
        opened: Iterable[str] = (),
        skip: Iterable[str] = (),
        passes: Iterable[str] = (),
        token_header: str | None = None,
        **rest: Any,
    ) -> Self:
        """Return a guard with a tool for each route that an application has, for you to narrow.

        Routers, mounted applications, sockets, directories and routes that its document hides are all
        walked, and what their handlers read are the tools' arguments: parameters, bodies, headers,
        cookies, security schemes. What cannot be declared is in `left_out`, and nobody reaches it.

        A `Tracker` gets the tools that it does not have; one that is there stays as it is. A
        service gets them by `await guard.add_tools(client)`, with an operator's key.

        Not known of any application: effects beyond the method, labels, sensitivity and cost. Look at
        `tools` and `notes` before you grant anything.

        Args:
            app: A FastAPI or Starlette application, or what wraps one.
            desk: Who decides: a `Tracker` in this process, or an `AsyncClient` of the service.
            audience: This service's name in grants.
            prefix: First segments of the tools' names, such as `crm`.
            system: Which system they act on.
            opened: What is open to everybody, such as `GET /health`: templates of routes, with a method
                before each or for all methods.
            skip: What nobody reaches, likewise.
            passes: Headers that handlers are shown unjudged; they are no arguments.
            token_header: The header in which agents' tokens come; where it is left out, `Authorization`,
                or `Delegation-Token` if some handler reads that one itself.
            rest: As `Guard` takes it: `clock`, `tool_log`, `hosts`, `max_upload`.

        Raises:
            ConfigurationError: The application lists no routes or has none yet, or what is opened or
                skipped is not among them.
            MalformedError: The prefix is none, or there are too many routes.
        """
        if (inner := inner_application(app)) is None:
            raise ConfigurationError(
                "The application lists no routes, so that none can be declared from it.",
                remedy="Declare each with guard.route(...), as docs/how-to/guard.md shows.",
            )
        names = frozenset(name.lower() for name in listed("passes", passes))
        declared = declared_of(
            inner, prefix=prefix, system=system, opened=opened, skip=skip, passes=names
        )
        if not declared.routes and not declared.refused:
            raise ConfigurationError(
                "The application has no routes yet, so that none can be declared from it.",
                remedy="Include its routers before: those that it gets only when it starts, in its "
                "lifespan, nobody would reach.",
            )
        carrier = token_header or (
            "Delegation-Token"
            if declared.reads_tokens or AUTHORIZATION in names
            else "Authorization"
        )
        guard = cls(desk, audience=audience, passes=names, token_header=carrier, **rest)
        guard._declared = declared  # of its own class
        for route in declared.routes:
            place = (route.method, route.path)
            guard.declare(
                route, passes=declared.passes.get(place, ()), hides=declared.hides.get(place, ())
            )
        for place, _ in declared.refused:
            guard.refuse(*place)
        add_missing(desk, declared.tools)
        return guard

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The tools that `from_app` made, by name."""
        return self._declared.tools

    async def add_tools(self, client: Any) -> tuple[str, ...]:
        """Record at a service what `from_app` made and its catalogue does not have by name.

        A tool that is there stays as people left it.

        Args:
            client: An `AsyncClient` with an operator's key; the guard's own key adds nothing.

        Returns:
            The names of the tools that were recorded.

        Raises:
            ServiceError: The service did not take one; those before it are recorded.
        """
        return await add_missing_there(client, self.tools)

    async def compare(self) -> None:
        """Compare what is declared with the catalogue of the service that decides.

        The protected application does so by itself when a server starts its lifespan, and does not
        start where they disagree. Call it where there is no lifespan, or to see it in a test. Nothing
        is to be done of a tracker in this process: `protect` has compared.

        Raises:
            ConfigurationError: They disagree.
            OutsideError: The service did not say which tools it has.
        """
        if is_far(self._desk):
            await compare(self._said.routes, self._desk)

    @property
    def left_out(self) -> tuple[tuple[str, str], ...]:
        """What `from_app` could not declare, with the reason. Nobody reaches it."""
        return self._declared.left_out

    @property
    def notes(self) -> tuple[tuple[str, str], ...]:
        """What `from_app` does not know or keep of what it declared, by place."""
        return self._declared.notes

    def declarations(self) -> str:
        """Return what `from_app` declared as Python to paste, for a `tracker` and a `guard`."""
        return python_declarations(self._declared)

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
        hides: Iterable[str] = (),
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
            hides: Headers, cookies and parameters that this handler declares and never gets.

        Raises:
            MalformedError: A field has another form.
            ConfigurationError: A header would be passed that never is, or an argument has a name
                that makes some readers take the request for another method's.
        """
        route = declared_route(
            method, path, tool, query=query, body=body, kinds=kinds, headers=headers, cookies=cookies,
            form=form, files=files, whole_body=whole_body, many=many, media=media,
        )  # fmt: skip
        self.declare(route, passes=passes, hides=hides)

    def declare(
        self, route: Route, *, passes: Iterable[str] = (), hides: Iterable[str] = ()
    ) -> None:
        """Declare a route that is made already; see `Route`.

        Args:
            route: The route, open to everybody if it names no tool.
            passes: Headers that its handler is shown although nobody judges them.
            hides: Headers, cookies and parameters that its handler declares and never gets.

        Raises:
            ConfigurationError: As `route`.
        """
        self._said.add(route, passes, hides)

    def open(self, method: str, path: str, *, passes: Iterable[str] = ()) -> None:
        """Declare that a route is open to everybody and passes unjudged, such as a health check.

        Args:
            method: HTTP method.
            path: Template of the path: `/static/{path:path}` for all below a mount.
            passes: Headers that the handler reads from the raw request. What it declares to
                FastAPI is found and passes by itself.
        """
        self.declare(Route(method, path, ""), passes=passes)

    def refuse(self, method: str, path: str) -> None:
        """Declare that nobody reaches a route through this guard.

        Args:
            method: HTTP method; `ANY` for what takes each.
            path: Template of the path.

        Raises:
            MalformedError: The method is not in capital letters.
        """
        if method != method.upper():
            named_method(method)
        self._said.refused.add((method, path))

    def cors(self) -> None:
        """Declare that browsers of other origins may ask first, and read why they were refused.

        A preflight carries no credentials and reaches nobody: the application's own `CORSMiddleware`
        answers it. What that does not allow, no browser sends: `Authorization` and `Delegation-Proof`
        belong to its `allow_headers`, `Delegation-Decision` to its `expose_headers`.
        """
        self._has_cors = True

    def routes(self) -> Routes:
        """Return all declared routes, in the application's order once it is protected."""
        return self._said.ordered()

    def protect(self, app: Any, *, unsafe_unlisted: bool = False) -> Guarded:
        """Return the application behind this guard.

        Not checked of an application that lists no routes: what else there is behind a template.

        Args:
            app: An ASGI application. Where it, or what it wraps, lists its routes, as FastAPI and
                Starlette do, each of them must be declared, and serve what is declared.
            unsafe_unlisted: The application is a wrapper that cannot be looked into. Nothing of it
                is compared with what is declared.

        Raises:
            MissingExtraError: A route has forms, and the extra `forms` is not installed.
            ConfigurationError: A route of the application is not declared, or one that is declared
                is not there or served by another, or a handler reads what no argument states, or a
                tool and its route disagree, or the application wraps one that cannot be seen. The
                sentence holds declarations to paste where some are missing.
            MalformedError: A declared route takes all requests of a later one.
        """
        if self.observed is None and isinstance(app, Guarded):
            raise ConfigurationError(
                "The application is behind a guard already, and two would both want the token.",
                remedy="Give the application itself, and declare all of it to one guard.",
            )
        inner = None
        if self.observed is None:
            inner = None if unsafe_unlisted else inner_application(app)
            if inner is None:
                check_unlisted(self._said)
            else:
                check_application(self._said, inner)
            check_open(self._said)
            if any(route.of_place("field", "file") for route in self._said.routes):
                form_parser()  # rather than at the first form
            if (catalogue := known_catalogue(self._desk)) is not None:
                check_tools(self._said.routes, catalogue)
                warn_of_spellings(self._desk, self._said.audience)
        else:
            self.observed.look_into(app)
        origin = frozenset({ORIGIN} if self._has_cors else ())
        return Guarded(
            app,
            self.routes(),
            self._desk,
            self._clock,
            self.observed,
            tool_log=self._tool_log,
            passed={place: names | origin for place, names in self._said.all_passed().items()},
            hosts=self._hosts,
            max_upload=self._max_upload,
            socket_seconds=self._socket_seconds,
            cors=cors_of(app, inner) if self._has_cors and self.observed is None else None,
            inner=inner,
        )
