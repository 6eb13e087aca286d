"""Tools and routes as Python to paste: what is printed here evaluates to the very values it spells.

All text is escaped to ASCII by `ascii`, so that nothing of a request or document becomes code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from delegation.authority.catalogue import Tool
from delegation.authority.documents.inputs import Input, InputPlace
from delegation.integrations.route import Route
from delegation.integrations.routes import declared_route

_PLACES: Final[Mapping[str, InputPlace]] = {
    "query": "query", "headers": "header", "cookies": "cookie",
    "body": "member", "form": "field", "files": "file",
}  # fmt: skip


def python_tool(tool: Tool) -> str:
    """Return a tool as an expression; what has its default is left out."""
    plain = Tool(tool.name, effect=tool.effect).to_json()
    said = {name: value for name, value in tool.to_json().items() if value != plain.get(name, [])}
    return _call("Tool", tool.name, effect=tool.effect, **said)


def python_route(route: Route, *, passes: Iterable[str] = ()) -> str:
    """Return the call of `guard` that declares a route.

    Args:
        route: The route.
        passes: Headers that its handler is shown unjudged.
    """
    shown = {"passes": sorted(passes)} if passes else {}
    if route.is_open:
        return _call("guard.open", route.method, route.path, **shown)
    said: dict[str, Any] = {
        word: _named(found) for word, place in _PLACES.items() if (found := route.of_place(place))
    }
    if whole := route.of_place("body"):
        said["whole_body"] = whole[0].argument
    if kinds := {one.argument: one.kind for one in route.inputs if one.kind != _usual(route, one)}:
        said["kinds"] = kinds
    if many := [one.argument for one in route.inputs if one.many]:
        said["many"] = many
    if declared_route(route.method, route.path, route.tool, **said) != route:
        said["media"] = route.media
    if declared_route(route.method, route.path, route.tool, **said) != route:
        return f"guard.declare(Route.from_json({route.to_json()!a}){_said(shown)})"
    return _call("guard.route", route.method, route.path, route.tool, **said, **shown)


def _usual(route: Route, one: Input) -> str:
    return route.template.kind(one.name) if one.place == "path" else "text"


def _named(inputs: Iterable[Input]) -> list[str] | dict[str, str]:
    names = {one.name: one.argument for one in inputs}
    return [*names] if all(name == argument for name, argument in names.items()) else names


def _call(function: str, *values: str, **said: Any) -> str:
    return f"{function}({', '.join(map(ascii, values))}{_said(said)})"


def _said(said: Mapping[str, Any]) -> str:
    return "".join(f", {name}={value!a}" for name, value in said.items())
