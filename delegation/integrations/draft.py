"""Writes what was seen as Python to read, correct and paste: tools, routes, and a grant for it.

Everything is made as a value first and spelled from it, in ASCII and by `ascii`, so that nothing of a
request becomes code, and what is written is valid where it is pasted.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence
from contextlib import suppress
from itertools import count
from typing import Final

from delegation import canonical
from delegation.authority.arguments import NoCanonicalFormError
from delegation.authority.arguments.free import KINDS
from delegation.authority.arguments.url_text import stated
from delegation.authority.capability import Capability, may
from delegation.authority.catalogue import Tool
from delegation.authority.constraints import ABSENT, Constraint, anything
from delegation.authority.grant import MAX_CAPABILITIES, Grant
from delegation.canonical import Json
from delegation.errors import DelegationError, MalformedError
from delegation.integrations.routes import Route, Routes
from delegation.integrations.seen import SeenInput, SeenRoute, Sight
from delegation.lineage.spelling import python_grant
from delegation.lineage.tightening.generalise import REPEATED, generalise

MAX_GRANT: Final = 12 * 1024  # bytes of one grant; a link has room for 16 KiB with all else
MAX_CAVEATS: Final = 200
_EFFECTS: Final = {"GET": "read", "HEAD": "read", "DELETE": "delete"}
_NUMBER: Final = re.compile(r"0|-?[1-9][0-9]{0,15}")
_WORD: Final = re.compile(r"[a-z0-9]+")


def written(sight: Sight) -> str:
    """Return Python that declares what was seen, for a `tracker` and a `guard`, and grants it.

    The grants are named `observed`, `observed_2` and so on: one has room for 64 capabilities.
    """
    lines = [
        "# Drafted from observed requests: nothing here was verified. Read it, then narrow it.",
        "from delegation import Tool",
    ]
    tools: dict[str, Tool] = {}
    routes: list[Route] = []
    capabilities: list[Capability] = []
    for seen in sorted(sight.routes.values(), key=lambda one: (one.path, one.method)):
        try:
            tool, route = _inferred(seen, tools)
            capability = _capability(tool, route, seen)
            _refuse_overlap(sight.audience, route, routes)
        except DelegationError as error:
            lines += ["", _comment("left out", (seen.method, seen.path), str(error), seen.calls)]
            continue
        tools[tool.name] = tool
        routes.append(route)
        capabilities.append(capability)
        lines += [
            "",
            _comment("answered", (seen.method, seen.path), "", seen.calls),
            f"tracker.add_tool({python_tool(tool)})",
            python_route(route),
        ]
    lines += ["", *(f"guard.open({method!a}, {path!a})" for method, path in sorted(sight.checks))]
    for (method, path, why), times in sorted(sight.odd.items()):
        lines.append(_comment("not understood", (method, path), why, times))
    for number, grant in enumerate(_grants(capabilities, sight.audience), 1):
        lines += ["", python_grant(grant, name=f"observed_{number}" if number > 1 else "observed")]
    return "\n".join(lines).rstrip("\n") + "\n"


def python_tool(tool: Tool) -> str:
    """Return a tool as an expression; what has its default is left out."""
    plain = Tool(tool.name, effect=tool.effect).to_json()
    said = {name: value for name, value in tool.to_json().items() if value != plain.get(name, [])}
    parts = [f"{tool.name!a}", f"effect={tool.effect!a}"]
    return f"Tool({', '.join([*parts, *(f'{name}={value!a}' for name, value in said.items())])})"


def python_route(route: Route) -> str:
    """Return the call of a `guard` that declares a route."""
    parts = [f"{route.method!a}", f"{route.path!a}", f"{route.tool!a}"]
    for name, value in (
        ("query", [*route.query]),
        ("body", [*route.body]),
        ("kinds", {**route.kinds}),
    ):
        parts += [f"{name}={value!a}"] if value else []
    return f"guard.route({', '.join(parts)})"


def _comment(what: str, place: tuple[str, str], why: str, times: int) -> str:
    count = "once" if times == 1 else f"{times} times"
    said = f" {ascii(why)[1:-1]}" if why else ""
    return f"# {what} {count}: {ascii(' '.join(place))[1:-1]}{said}"


def _inferred(seen: SeenRoute, taken: dict[str, Tool]) -> tuple[Tool, Route]:
    """Return the tool and route that a route seems to be, of which only requests are known."""
    types = {name: _type(one) for name, one in seen.inputs.items()}
    optional = {n for n, one in seen.inputs.items() if one.times < seen.calls or seen.lacks_bodies}
    tool = Tool(
        _tool_name(seen, taken),
        effect=_EFFECTS.get(seen.method, "write"),
        arguments={n + "?" * (n in optional): types[n] for n in sorted(types)},
    )
    places = {
        place: tuple(n for n, one in sorted(seen.inputs.items()) if one.place == place)
        for place in ("path", "query", "body")
    }
    in_url = {n: kind for n, kind in types.items() if n not in places["body"] and kind == "integer"}
    return tool, Route(seen.method, seen.path, tool.name, places["query"], places["body"], in_url)


def _type(seen: SeenInput) -> str:
    """Return the type of what came; an input of which too much came may be anything."""
    values = list(seen.values.values())
    if seen.place == "body":
        kinds = {KINDS.get(type(value), "number") for value in values}
        if len(kinds) != 1 or not kinds <= {"text", "boolean", "number"}:
            return "json"
        kind = kinds.pop()
        return "integer" if kind == "number" and all(type(v) is int for v in values) else kind
    if values and all(isinstance(value, str) and _NUMBER.fullmatch(value) for value in values):
        return "integer"
    return "opaque" if seen.place == "path" else "text"


def _capability(tool: Tool, route: Route, seen: SeenRoute) -> Capability:
    """Return what admits the calls that were seen, and little else."""
    limits: dict[str, Constraint] = {}
    for name, argument in tool.arguments.items():
        one = seen.inputs.get(name)
        limits[name] = anything()
        if one is None or one.is_open or (seen.lacks_bodies and one.place == "body"):
            continue
        given: list[Json] = []
        for value in one.values.values():
            said = stated(value, route.kinds.get(name, "text")) if isinstance(value, str) else value
            with suppress(NoCanonicalFormError):  # one odd value is no reason to admit it
                given.append(argument.read(name, said, None))
        if given:
            # Each counts as having come often, so that a few are listed one by one.
            absent = [ABSENT] if one.times < seen.calls else []
            limits[name] = generalise([*given * REPEATED, *absent], argument.type, anything())
    return may(tool.name, arguments=limits)


def _grants(capabilities: list[Capability], audience: str) -> Iterator[Grant]:
    """Yield grants of a size that a link can hold, which together admit these."""
    waiting: list[Capability] = []
    for capability in capabilities:
        grant = _grant([*waiting, capability], audience)
        if waiting and grant is None:
            yield Grant(waiting, audience=[audience])
            waiting = []
        waiting.append(capability)
    if waiting:
        yield Grant(waiting, audience=[audience])


def _grant(capabilities: list[Capability], audience: str) -> Grant | None:
    if len(capabilities) > MAX_CAPABILITIES:
        return None
    try:
        grant = Grant(capabilities, audience=[audience])
        size = len(canonical.encode(grant.to_json()))
    except MalformedError:
        return None
    return grant if size <= MAX_GRANT and grant.caveat_count <= MAX_CAVEATS else None


def _tool_name(seen: SeenRoute, taken: Container[str]) -> str:
    """Return a name of the route's words and method that no other route has."""
    words = [
        "_".join(_WORD.findall(part.lower()))[:40]
        for part in seen.path.split("/")
        if "{" not in part
    ]
    said = [word for word in words if word][:12] or ["root"]
    name = ".".join([*said, seen.method.lower()])
    numbered = (f"{name}_{number}" for number in count(2))
    return name if name not in taken else next(one for one in numbered if one not in taken)


def _refuse_overlap(audience: str, route: Route, routes: Sequence[Route]) -> None:
    """Refuse a route beside one that could take the same request.

    Raises:
        MalformedError: There is one.
    """
    for other in routes:
        if other.method == route.method and other.path.count("/") == route.path.count("/"):
            Routes(audience, (other, route))
