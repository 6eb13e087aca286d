"""Spells tools and routes as Python to read, correct and paste, for a `tracker` and a `guard`.

Written in ASCII and by `ascii`, so that nothing of an application's own names becomes code.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from delegation.authority.catalogue import Tool
from delegation.authority.documents.inputs import Input
from delegation.integrations.declared import Declared
from delegation.integrations.dispatch import Place
from delegation.integrations.route import Route

_IMPORT: Final = "from delegation import Tool"
# Where an input of a place is declared; a placeholder declares itself.
_KEYWORDS: Final[Mapping[str, str]] = {
    "query": "query", "header": "headers", "cookie": "cookies", "member": "body", "field": "form",
    "file": "files",
}  # fmt: skip


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
    for (method, path), why in declared.refused:
        if places is None or (method, path) in places:
            lines.append(f"guard.refuse({method!a}, {path!a})  # {ascii(why)[1:-1]}")
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
    said["kinds"] = dict(_kinds(route))
    said["many"] = [one.argument for one in route.inputs if one.many]
    usual = Route(route.method, route.path, route.tool, route.inputs).media
    said["media"] = route.media if route.media != usual else ""
    return _call("guard.route", [route.method, route.path, route.tool], {**said, **also})


def _kinds(route: Route) -> Iterator[tuple[str, str]]:
    template = route.template
    for one in route.inputs:
        if one.kind != (template.kind(one.name) if one.place == "path" else "text"):
            yield one.argument, one.kind


def _names(inputs: Collection[Input]) -> list[str] | dict[str, str]:
    if all(one.name == one.argument for one in inputs):
        return [one.name for one in inputs]
    return {one.name: one.argument for one in inputs}


def _call(name: str, given: list[str], said: Mapping[str, Any]) -> str:
    parts = [ascii(one) for one in given]
    parts += [f"{key}={value!a}" for key, value in said.items() if value]
    return f"{name}({', '.join(parts)})"
