"""Writes what was seen as Python to read, correct and paste: tools, routes, and a grant for it.

Everything is made as a value first and spelled from it, so that what is written is valid where it is
pasted, and nothing of a request becomes code.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Final, cast

from delegation import canonical
from delegation.authority.arguments import ArgumentType, NoCanonicalFormError
from delegation.authority.arguments.composite import ListType
from delegation.authority.arguments.free import KINDS
from delegation.authority.arguments.nullable import inner
from delegation.authority.arguments.url_text import stated
from delegation.authority.capability import Capability, may
from delegation.authority.catalogue import Tool
from delegation.authority.constraints import (
    ABSENT,
    Constraint,
    absent,
    any_of,
    anything,
    each,
    host,
    url,
)
from delegation.authority.documents.inputs import TEXT_PLACES, Input
from delegation.authority.grant import MAX_CAPABILITIES, Grant
from delegation.canonical import Json
from delegation.errors import MalformedError
from delegation.integrations.declared import python_route, python_tool
from delegation.integrations.dispatch import Place
from delegation.integrations.route import Route
from delegation.integrations.routes import Routes, in_order, undecided
from delegation.integrations.seen import IN_BODIES, SeenInput, SeenRoute, Sight
from delegation.lineage.analysis.spelling import python_grant
from delegation.lineage.tightening.generalise import REPEATED, generalise

MAX_GRANT: Final = 12 * 1024  # bytes of one grant; a link has room for 16 KiB with all else
_MAX_CAVEATS: Final = 200
_EFFECTS: Final = {"GET": "read", "HEAD": "read", "DELETE": "delete"}
_NUMBER: Final = re.compile(r"0|-?[1-9][0-9]{0,15}")
_WORD: Final = re.compile(r"[a-z0-9]+")
_HEAD: Final = """\
# Drafted from observed requests: nothing here was verified. Read it, then narrow it.
from delegation import Tool
"""
_LATE: Final = (
    "the application got it after it was protected: add it before, as no guard lets it through"
)
_CARRIER: Final = (
    '# A handler reads Authorization itself: make the guard with token_header="Delegation-Token".'
)


@dataclass(frozen=True, slots=True)
class _Drafted:
    """One route as it is declared, and what was seen of it."""

    tool: Tool
    route: Route
    seen: SeenRoute | None = None


def written(sight: Sight) -> str:
    """Return Python that declares a service, for a `tracker` and a `guard`, and grants what was seen.

    Of an application that can be looked into, all is declared, and granted is what was asked for. The
    grants are named `observed`, `observed_2` and so on: one has room for 64 capabilities.
    """
    left_out = Counter(sight.odd)
    drafted = _drafted(sight, left_out)
    declared = sight.declared
    lines = [_HEAD]
    if declared is not None and declared.reads_tokens:
        lines += [_CARRIER, ""]
    for place, one in drafted.items():
        passes = set(declared.passes.get(place, ()) if declared is not None else ())
        hides = set(declared.hides.get(place, ()) if declared is not None else ())
        carried = one.seen.credentials if one.seen is not None else {}
        lines += [
            _comment("not asked for" if one.seen is None else "answered", place, one.seen),
            *(f"# passes unjudged, for the application itself to check: {n!a}" for n in carried),
            f"tracker.add_tool({python_tool(one.tool)})",
            python_route(one.route, passes | {*carried.values()}, hides - carried.keys()),
            "",
        ]
    checks = sorted(place for place in sight.checks if not sight.is_late(place))
    lines += [python_route(Route(*place, "")) for place in checks]
    lines += _refused(sight, drafted)
    lines += [
        f"{_comment('not understood', (method, path), times)}: {why!a}"
        for (method, path, why), times in sorted(left_out.items())
    ]
    capabilities = [_capability(one, one.seen) for one in drafted.values() if one.seen is not None]
    for number, grant in enumerate(_grants(capabilities, sight.audience), 1):
        lines += ["", python_grant(grant, name="observed" + f"_{number}" * (number > 1)).rstrip()]
    return "\n".join(lines) + "\n"


def _comment(what: str, place: Place, seen: SeenRoute | int | None) -> str:
    times = seen.calls if isinstance(seen, SeenRoute) else seen
    said = "" if times is None else " once" if times == 1 else f" {times} times"
    return f"# {what}{said}: {ascii(' '.join(place))[1:-1]}"


def _refused(sight: Sight, drafted: Container[Place]) -> Iterator[str]:
    """Yield what says that nobody reaches what an application has and nothing can declare."""
    checks = sight.checks
    for name, why in () if sight.declared is None else sight.declared.left_out:
        method, _, path = name.partition(" ")
        if (method, path) not in drafted and (method, path) not in checks:
            yield f"guard.refuse({method!a}, {path!a})  # {ascii(why)[1:-1]}"


def _drafted(sight: Sight, left_out: Counter[tuple[str, str, str]]) -> dict[Place, _Drafted]:
    """Return what is declared by place, and note what cannot be."""
    checks = sight.checks
    asked = {(one.method, one.path) for one in sight.routes.values()} - checks
    found = {
        place: _Drafted(tool, route)
        for place, (tool, route) in sight.made.items()
        if place in asked or not (place in checks or place in sight.pages)
    }
    taken = {one.tool.name for one in found.values()}
    refused = dict(sight.declared.left_out) if sight.declared is not None else {}
    for seen in sorted(sight.routes.values(), key=lambda one: (one.path, one.method, -one.calls)):
        place = (seen.method, seen.path)
        if place in checks:
            continue
        if place in sight.made and found[place].seen is None:
            found[place] = _Drafted(*_with_seen(*sight.made[place], seen), seen)
            continue
        if " ".join(place) in refused:
            left_out[*place, refused[" ".join(place)]] += seen.calls
            continue
        if sight.is_late(place):
            left_out[*place, _LATE] += seen.calls
            continue
        if place in found:
            left_out[*place, f"most of its requests are not {seen.media or 'empty'}"] += seen.calls
            continue
        try:
            tool, route = _inferred(seen, taken)
            if not sight.lists_routes:
                _refuse_undecided(sight.audience, route, found)
        except MalformedError as error:
            left_out[*place, str(error)] += seen.calls
            continue
        taken.add(tool.name)
        found[place] = _Drafted(tool, route, seen)
    return found


def _inferred(seen: SeenRoute, taken: Container[str]) -> tuple[Tool, Route]:
    """Return the tool and route that a route seems to be, of which only requests are known."""
    name, effect = _tool_name(seen, taken), _EFFECTS.get(seen.method, "write")
    return _with_seen(Tool(name, effect=effect), Route(seen.method, seen.path, name), seen)


def _with_seen(tool: Tool, route: Route, seen: SeenRoute) -> tuple[Tool, Route]:
    """Return a tool and route with the inputs that requests stated and nothing declares."""
    more = {name: one for name, one in seen.inputs.items() if name not in tool.arguments}
    if not more:
        return tool, route
    optional = {
        name for name, one in more.items()
        if one.place != "path" and (one.times < seen.calls or seen.lacks_bodies)
    }  # fmt: skip
    inputs = tuple(
        Input(name, one.place, one.name, _kind(one) if one.place in TEXT_PLACES else "text", one.is_many)
        for name, one in more.items()
    )  # fmt: skip
    has_body = any(one.place in IN_BODIES for one in inputs)
    body = tool.to_json()
    types = {name + "?" * (name in optional): _type(more[name]) for name in sorted(more)}
    body["arguments"] = {**cast("dict[str, Json]", body["arguments"]), **types}
    media = seen.media if has_body else route.media
    return Tool.from_json(body), Route(
        route.method, route.path, tool.name, (*route.inputs, *inputs), media
    )


def _type(seen: SeenInput) -> Json:
    """Return the type of what came; of an input of which too much came nothing is known."""
    values = list(seen.values.values())
    if seen.is_many:
        return {"type": "list", "of": _kind(seen)}
    if seen.place in TEXT_PLACES:
        return _kind(seen)
    kinds = {KINDS.get(type(value), "number") for value in values}
    if None in values or len(kinds) != 1 or not kinds <= {"text", "boolean", "number"}:
        return "json"
    kind = kinds.pop()
    return "integer" if kind == "number" and all(type(v) is int for v in values) else kind


def _kind(seen: SeenInput) -> str:
    """Return as what the texts of an input are read."""
    values = [
        v for value in seen.values.values() for v in (value if isinstance(value, list) else [value])
    ]
    is_whole = values and all(isinstance(v, str) and _NUMBER.fullmatch(v) for v in values)
    return "integer" if is_whole else "text"


def _capability(one: _Drafted, seen: SeenRoute) -> Capability:
    """Return what admits the calls that were seen, and little else."""
    limits: dict[str, Constraint] = {}
    told = seen.tool.arguments if seen.tool is not None else {}  # canonical as they were seen
    kinds = {i.argument: i.kind for i in one.route.inputs if i.argument not in told}
    for name, argument in one.tool.arguments.items():
        limits[name] = anything()
        found = seen.inputs.get(name)
        if found is None or found.is_open or (seen.lacks_bodies and found.place in IN_BODIES):
            limits[name] = absent() if found is None and not seen.lacks_bodies else anything()
            continue
        given: list[Json] = []
        special: dict[str, str] = {}
        for value in found.values.values():
            with suppress(NoCanonicalFormError):  # one odd value is no reason to admit it
                given.append(argument.read(name, _read(value, kinds.get(name, "text")), special))
        if given:
            # Each counts as having come often, so that a few are listed one by one.
            gone = [ABSENT] if found.times < seen.calls else []
            if special:
                named = _naming(given, argument.type)
                limits[name] = any_of(absent(), named) if gone else named
            else:
                limits[name] = generalise([*given * REPEATED, *gone], argument.type, anything())
    return may(one.tool.name, arguments=limits)


def _naming(given: list[Json], of: ArgumentType) -> Constraint:
    """Return what names the hosts of values, some of which only the inside of a network answers.

    No other constraint does: what was answered is to be asked again, and nothing beside it.
    """
    of = inner(of)
    items = [item for value in given for item in (value if isinstance(value, list) else [value])]
    texts = [item for item in items if isinstance(item, str)]
    try:
        if isinstance(of, ListType):
            return each(_naming(items, of.of))
        if of.name == "host":
            return host(*dict.fromkeys(texts))
        tops = dict.fromkeys(text.partition("?")[0] for text in texts)
        return url(*tops, query=any("?" in text for text in texts))
    except MalformedError:
        return anything()  # too many: then none of the inside is granted


def _read(value: Json, kind: str) -> Json:
    if isinstance(value, list):
        return [_read(item, kind) for item in value]
    return stated(value, kind) if isinstance(value, str) else value


def _grants(capabilities: Iterable[Capability], audience: str) -> Iterator[Grant]:
    """Yield grants of a size that a link can hold, which together admit these."""
    waiting: list[Capability] = []
    for capability in capabilities:
        if waiting and not _has_room([*waiting, capability], audience):
            yield Grant(waiting, audience=[audience])
            waiting = []
        waiting.append(capability)
    if waiting:
        yield Grant(waiting, audience=[audience])


def _has_room(capabilities: list[Capability], audience: str) -> bool:
    if len(capabilities) > MAX_CAPABILITIES:
        return False
    try:
        grant = Grant(capabilities, audience=[audience])
        size = len(canonical.encode(grant.to_json()))
    except MalformedError:
        return False
    return size <= MAX_GRANT and grant.caveat_count <= _MAX_CAVEATS


def _tool_name(seen: SeenRoute, taken: Container[str]) -> str:
    """Return a name of the route's words and method that no other route has."""
    parts = [part for part in seen.path.lower().split("/") if "{" not in part]
    words = [word for part in parts if (word := "_".join(_WORD.findall(part))[:40])]
    name = ".".join([*(words[:12] or ["root"]), seen.method.lower()])
    numbered = (f"{name}_{number}" for number in count(2))
    return name if name not in taken else next(one for one in numbered if one not in taken)


def _refuse_undecided(audience: str, route: Route, drafted: Mapping[Place, _Drafted]) -> None:
    """Refuse a route beside one that might take the same request, where nobody knows which does.

    Raises:
        MalformedError: There is one.
    """
    for other in (one.route for one in drafted.values() if one.route.method == route.method):
        is_fixed = not other.placeholders and not route.placeholders
        if is_fixed or not other.template.may_meet(route.template):
            continue
        Routes(audience, tuple(in_order([other, route])))
        if undecided([other, route]) is not None:
            raise MalformedError("The path", wanted="of one template only")
