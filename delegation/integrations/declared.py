"""Declares an application's tools and routes from the application itself, for people to narrow.

They are spelled as Python to read, correct and paste: in ASCII and by `ascii`, so that nothing of an
application's own names becomes code.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from delegation.authority.catalogue import Tool
from delegation.authority.documents.forms import tools_from
from delegation.authority.documents.imported import Imported
from delegation.authority.documents.inputs import Input
from delegation.errors import MalformedError
from delegation.integrations.application_document import described, with_relative_paths
from delegation.integrations.application_routes import ApplicationRoute
from delegation.integrations.dispatch import Place, served_routes
from delegation.integrations.handler_inputs import AUTHORIZATION, HandlerInput, handler_inputs
from delegation.integrations.request_headers import SHOWN, is_secret, refuse_input_header
from delegation.integrations.route import Route

UNREACHED: Final = "no request reaches it: the application serves"
_SKIPPED: Final = "it is skipped"
_ORDER: Final = ("path", "query", "header", "cookie", "member", "field", "file", "body")
_RAW: Final = "its handler also reads the raw request, in which nothing arrives that is no argument"
_BARE: Final = "nothing says what it reads of a request: only its path reaches it"
_IMPORT: Final = "from delegation import Tool"
# Where an input of a place is declared; a placeholder declares itself.
_KEYWORDS: Final[Mapping[str, str]] = {
    "query": "query", "header": "headers", "cookie": "cookies", "member": "body", "field": "form",
    "file": "files",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Declared:
    """Tools and routes of an application.

    Args:
        tools: Definitions, by name.
        routes: What is judged and what is open, in the application's own order.
        passes: By place the headers that its handler reads and is shown unjudged, as each is.
        hides: By place the names of inputs that its handler declares and is never shown.
        left_out: Each place that is neither, with the reason. Nobody reaches it.
        notes: Places and arguments, and what is not known or kept of them.
    """

    tools: tuple[Tool, ...] = ()
    routes: tuple[Route, ...] = ()
    passes: Mapping[Place, frozenset[str]] = field(default_factory=dict)
    hides: Mapping[Place, frozenset[str]] = field(default_factory=dict)
    left_out: tuple[tuple[str, str], ...] = ()
    notes: tuple[tuple[str, str], ...] = ()

    @property
    def refused(self) -> list[tuple[Place, str]]:
        """What is left out and hidden by nothing that is declared, with the reason."""
        known = {(route.method, route.path) for route in self.routes}
        places = ((tuple(name.split(" ", 1)), why) for name, why in self.left_out)
        return [((one[0], one[1]), why) for one, why in places if one not in known]

    @property
    def reads_tokens(self) -> bool:
        """Whether a handler reads `Authorization` itself, as `HTTPBearer` and OAuth2 do."""
        return any(name.lower() == AUTHORIZATION for names in self.hides.values() for name in names)


def declared_of(
    app: Any,
    *,
    prefix: str,
    system: str = "",
    opened: Iterable[str] = (),
    skip: Iterable[str] = (),
    passes: Collection[str] = (),
) -> Declared:
    """Return tools and routes of all that an application has.

    Args:
        app: An application that lists its routes.
        prefix: First segments of the tools' names.
        system: Which system they act on.
        opened: Templates of what is open to everybody, with a method before each or for all methods.
        skip: Templates of what is left out, likewise.
        passes: Headers that are no arguments, in lower case; `cookie` for all cookies.

    Raises:
        ConfigurationError: What is opened or skipped is not there.
        MalformedError: The prefix is none, or there are too many routes.
    """
    served = served_routes(app)
    is_open, is_skipped = served.chosen(opened), served.chosen(skip)
    judged = [way for way in served.ways if way.place not in is_open | is_skipped]
    found = described(judged, lambda one: _may_state(one, passes))
    imported = tools_from(found.document, prefix=prefix, system=system, form="openapi")
    made, unmade = _made(imported, found.ways)
    routes = tuple(
        Route(*way.place, "") if way.place in is_open else made[way.place][1]
        for way in served.ways
        if way.place in is_open or way.place in made
    )
    passed: dict[Place, frozenset[str]] = {}
    hides: dict[Place, frozenset[str]] = {}
    notes: list[tuple[str, str]] = []
    for way in judged:
        if way.place in made:
            inputs = tuple(handler_inputs(way.listing))
            unstated = [one for one in inputs if not is_stated(one, made[way.place][1])]
            passed[way.place] = (
                frozenset(one.name.lower() for one in unstated if one.place == "header") & SHOWN
            )
            hidden = [one for one in unstated if not is_passed(one, SHOWN | frozenset(passes))]
            hides[way.place] = frozenset(one.name for one in hidden)
            notes += _notes(way, made[way.place][1], inputs, hidden)
    left_out = [
        *((" ".join(way.place), why) for way, why in (*served.unseen, *found.failed)),
        *((" ".join(way.place), f"{UNREACHED} {by} instead") for way, by in served.unreached),
        *((" ".join(place), _SKIPPED) for place in sorted(is_skipped)),
        *unmade,
    ]
    return Declared(
        tuple(sorted((tool for tool, _ in made.values()), key=lambda one: one.name)),
        routes,
        {place: names for place, names in passed.items() if names},
        {place: names for place, names in hides.items() if names},
        tuple(left_out),
        tuple(
            dict.fromkeys((*notes, *imported.notes))
        ),  # a dependency may be named in several places
    )


def is_stated(one: HandlerInput, route: Route) -> bool:
    """Return whether what a handler reads is an argument of its route, or nothing of its own."""
    if one.place in {"body", "request"}:
        return True
    name = one.name.lower() if one.place == "header" else one.name
    return any((i.place, i.name) == (one.place, name) for i in route.inputs)


def is_passed(one: HandlerInput, passes: Collection[str]) -> bool:
    """Return whether a handler is shown an input unjudged."""
    name = "cookie" if one.place == "cookie" else one.name.lower()
    return one.place in {"header", "cookie"} and name in passes


def _may_state(one: HandlerInput, passes: Collection[str]) -> bool:
    """Return whether an argument may state an input: no credential, and nothing that passes."""
    if is_passed(one, passes) or one.place == "security":
        return False
    if one.place == "header":
        try:
            refuse_input_header(one.name.lower())
        except MalformedError:
            return False
        return one.name.lower() not in SHOWN
    return not is_secret(one.name) or (one.place == "query" and not one.is_scheme)


def _made(
    imported: Imported, ways: Mapping[str, ApplicationRoute]
) -> tuple[dict[Place, tuple[Tool, Route]], list[tuple[str, str]]]:
    """Return tools and routes by place, and what has none with the reason."""
    made: dict[Place, tuple[Tool, Route]] = {}
    unmade = [
        (" ".join(ways[key].place) if key in ways else key, why) for key, why in imported.skipped
    ]
    for tool in imported.tools:
        way = ways[imported.operations[tool.name]]
        inputs, media = imported.inputs[tool.name], imported.media.get(tool.name, "")
        inputs = tuple(sorted(inputs, key=lambda one: _ORDER.index(one.place)))
        try:
            route = Route(*way.place, tool.name, inputs, media)
        except MalformedError as error:
            unmade.append((" ".join(way.place), f"no route can state it: {error}"))
            continue
        made[way.place] = (_with_rest(tool, route), route)
    return made, unmade


def _with_rest(tool: Tool, route: Route) -> Tool:
    """Return a tool whose arguments that take all that is left of a path are relative paths."""
    rests = {
        one.argument for one in route.of_place("path")
        if route.template.convertors[one.name] == "path"
    }  # fmt: skip
    return with_relative_paths(tool, rests)


def _notes(
    way: ApplicationRoute,
    route: Route,
    inputs: Iterable[HandlerInput],
    hidden: Iterable[HandlerInput],
) -> Iterator[tuple[str, str]]:
    place = " ".join(way.place)
    if way.kind == "endpoint":
        yield place, _BARE
    elif any(one.place == "request" for one in inputs):
        yield place, _RAW
    yield from (
        (place, f"its argument {one.name} is a secret by its name, and arguments are recorded")
        for one in route.inputs
        if one.place != "path" and is_secret(one.name)
    )
    for one in hidden:
        need = "needs" if one.is_needed else "reads"
        yield (
            place,
            f"its handler {need} the {one.place} {one.name}, which no argument states: it is hidden",
        )


def python_declarations(declared: Declared, places: Collection[Place] | None = None) -> str:
    """Return Python that declares tools and routes, and what is left out as refused.

    Args:
        declared: What an application has.
        places: Of which of its places; of all if left out.
    """
    tools = {tool.name: tool for tool in declared.tools}
    lines = [_IMPORT, ""]
    for route in declared.routes:
        place = (route.method, route.path)
        if places is not None and place not in places:
            continue
        if not route.is_open:
            lines.append(f"tracker.add_tool({python_tool(tools[route.tool])})")
        lines.append(
            python_route(route, declared.passes.get(place, ()), declared.hides.get(place, ()))
        )
    lines += [
        f"guard.refuse({method!a}, {path!a})  # {ascii(why)[1:-1]}"
        for (method, path), why in declared.refused
        if places is None or (method, path) in places
    ]
    return "\n".join(lines) + "\n"


def python_tool(tool: Tool) -> str:
    """Return a tool as an expression; what has its default is left out."""
    plain = Tool(tool.name, effect=tool.effect).to_json()
    said = {name: value for name, value in tool.to_json().items() if value != plain.get(name, [])}
    return _call("Tool", [tool.name], {"effect": tool.effect, **said})


def python_route(route: Route, passes: Iterable[str] = (), hides: Iterable[str] = ()) -> str:
    """Return the call of a `guard` that declares a route.

    Args:
        route: The route.
        passes: Headers that its handler is shown unjudged.
        hides: Names of inputs that its handler declares and is never shown.
    """
    also = {"passes": sorted(passes), "hides": sorted(hides)}
    if route.is_open:
        return _call("guard.open", [route.method, route.path], {"passes": also["passes"]})
    said: dict[str, Any] = {
        keyword: _names(route.of_place(place))  # type: ignore[arg-type]  # a place of a request
        for place, keyword in _KEYWORDS.items()
    }
    said["whole_body"] = next((one.argument for one in route.of_place("body")), "")
    said["kinds"] = _kinds(route)
    said["many"] = [one.argument for one in route.inputs if one.many]
    usual = Route(route.method, route.path, route.tool, route.inputs).media
    said["media"] = route.media if route.media != usual else ""
    return _call("guard.route", [route.method, route.path, route.tool], {**said, **also})


def _kinds(route: Route) -> dict[str, str]:
    """Return by argument how its text is read, where that does not follow from its place."""
    return {
        one.argument: one.kind
        for one in route.inputs
        if one.kind != (route.template.kind(one.name) if one.place == "path" else "text")
    }


def _names(inputs: Collection[Input]) -> list[str] | dict[str, str]:
    if all(one.name == one.argument for one in inputs):
        return [one.name for one in inputs]
    return {one.name: one.argument for one in inputs}


def _call(name: str, given: list[str], said: Mapping[str, Any]) -> str:
    parts = [ascii(one) for one in given]
    parts += [f"{key}={value!a}" for key, value in said.items() if value]
    return f"{name}({', '.join(parts)})"
