"""Maps requests of a protected service to tools, by a table that an operator declares in TOML.

Read whole at start-up and refused whole: a route that could be read two ways, or that leaves an
argument of its tool where nobody sees it, keeps the service from starting.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Final

from delegation.authority.arguments import parts_of
from delegation.authority.arguments.url_text import stated_as
from delegation.authority.catalogue import Catalogue, Tool
from delegation.authority.fields import ARGUMENT_NAME
from delegation.canonical import Json
from delegation.errors import RouteTableError
from delegation.integrations.target import Target

MAX_FILE: Final = 1024 * 1024
MAX_ROUTES: Final = 500  # each is compared with each
METHOD: Final = re.compile(r"(?!CONNECT$|TRACE$)[A-Z]{1,16}")  # no tunnel is one call
_LITERAL: Final = re.compile(r"[A-Za-z0-9._~-]+", re.ASCII)
_PARAMETER: Final = re.compile(r"[A-Za-z0-9._~-]{1,64}", re.ASCII)
_PLACE: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_-]{0,63})(\.\.\.)?\}")
_NESTED: Final = frozenset({"argv", "json", "list", "map", "object"})
_PATHS: Final = frozenset({"path", "relative_path"})


@dataclass(frozen=True, slots=True)
class Place:
    """A segment of a path template.

    Args:
        text: A literal segment, or the name of the argument that stands here.
        is_argument: Whether it is an argument.
        takes_rest: Whether it takes all segments that are left, as a path that begins with a slash.
    """

    text: str
    is_argument: bool = False
    takes_rest: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """One declared method and path.

    Args:
        method: Upper-case HTTP method.
        path: The template as it was declared.
        places: Its segments.
        tool: Name or alias of the tool that a request calls, as its proof names it.
        query: Argument name by query parameter.
        service_checks: Whether the service behind compares the receipt with the arguments it read.
    """

    method: str
    path: str
    places: tuple[Place, ...]
    tool: str
    query: Mapping[str, str]
    service_checks: bool

    @property
    def placed(self) -> frozenset[str]:
        """Arguments that stand in path or query."""
        return frozenset([p.text for p in self.places if p.is_argument] + [*self.query.values()])

    def matches(self, segments: tuple[str, ...]) -> bool:
        """Return whether a path has this template's form."""
        whole = self.places[-1].takes_rest
        if len(segments) < len(self.places) or (len(segments) > len(self.places) and not whole):
            return False
        if segments[-1] == "" and self.places[-1] != Place(""):
            return False
        return all(
            place.is_argument or place.text == segment
            for place, segment in zip(self.places, segments, strict=False)
        )

    def overlaps(self, other: Route) -> bool:
        """Return whether some request might be either's."""
        if self.method != other.method:
            return False
        short, long = sorted((self.places, other.places), key=len)
        if len(short) < len(long) and not short[-1].takes_rest:
            return False
        if Place("") in {short[-1], long[-1]} and short[-1] != long[-1]:
            return False
        pairs = zip(short, long, strict=False)
        return all(a.is_argument or b.is_argument or a == b for a, b in pairs)

    def arguments(self, target: Target, tool: Tool) -> dict[str, Json]:
        """Return the arguments that stand in a request's path and query, each read by its type."""
        texts = self._texts(target)
        for place in self.places:
            if place.takes_rest and tool.arguments[place.text].type.name == "relative_path":
                texts[place.text] = texts[place.text].removeprefix("/")
        return {name: stated_as(text, tool.arguments[name].type) for name, text in texts.items()}

    def _texts(self, target: Target) -> dict[str, str]:
        found = {self.query[name]: value for name, value in target.query.items()}
        for number, place in enumerate(self.places):
            if place.takes_rest:
                found[place.text] = "/" + "/".join(target.segments[number:])
            elif place.is_argument:
                found[place.text] = target.segments[number]
        return found

    def misfit(self, tool: Tool | None) -> str | None:
        """Return why the route cannot stand for its tool, or None.

        An optional argument counts as well: the service behind might read it from the body.
        """
        if tool is None:
            return "its tool is not in the catalogue"
        unknown = self.placed - tool.arguments.keys()
        if unknown:
            return f"its tool has no argument {min(unknown)}"
        unseen = tool.arguments.keys() - self.placed
        if unseen and not self.service_checks:
            return (
                f"the argument {min(unseen)} is neither in path nor query, where alone a proxy "
                "shows it; say service_checks = true if the service behind checks the receipt"
            )
        for name in sorted(self.placed):
            for kind in sorted(_NESTED & {of.name for of in parts_of(tool.arguments[name].type)}):
                return f"the argument {name} is a {kind}, which has no one spelling in a URL"
        for place in self.places:
            kind = tool.arguments[place.text].type.name if place.is_argument else ""
            if place.takes_rest != (kind in _PATHS) and (place.takes_rest or kind == "path"):
                return f"a path fills {{name...}} and nothing else does; see {place.text}"
        return None


@dataclass(frozen=True, slots=True)
class Mount:
    """The routes of one protected service.

    Args:
        audience: The service, exactly as grants name it.
        hosts: Host headers under which it is reached; empty looks at none.
        routes: What is declared; all else is refused.
    """

    audience: str
    hosts: frozenset[str]
    routes: tuple[Route, ...]

    def route(self, method: str, target: Target) -> Route | None:
        """Return the one route of a request, or None; parameters that are not declared leave none."""
        for route in self.routes:
            if route.method == method and route.matches(target.segments):
                return route if target.query.keys() <= route.query.keys() else None
        return None


def tool_of(catalogue: Catalogue, route: Route) -> Tool | None:
    """Return the tool that a route names, by its own name or by an alias; None if there is none."""
    return catalogue.tool(catalogue.names.own_name(route.tool, catalogue.revision))


def load_routes(file: Path, catalogue: Catalogue) -> dict[str, Mount]:
    """Return the mounts of a table by audience.

    Args:
        file: TOML, as docs/deploy/proxies.md describes it.
        catalogue: All tools, against which each route is held.

    Raises:
        RouteTableError: It cannot be read, has an unknown member, or a route is refused.
    """
    try:
        if file.stat().st_size > MAX_FILE:
            raise RouteTableError(f"The route table has more than {MAX_FILE} bytes.")
        body = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise RouteTableError(
            f"The route table {file} (DELEGATION_FORWARD_ROUTES) is no readable TOML file: {why}."
        ) from error
    _members("The table", body, required={"mount"})
    mounts: dict[str, Mount] = {}
    for entry in _list(body["mount"], "mount"):
        mount = _mount(entry)
        if mount.audience in mounts:
            raise RouteTableError("Two mounts have one audience.")
        for route in mount.routes:
            why = route.misfit(tool_of(catalogue, route))
            if why is not None:
                raise RouteTableError(f"Route {route.method} {route.path}: {why}.")
        mounts[mount.audience] = mount
    return mounts


def _mount(entry: Any) -> Mount:
    _members("A mount", entry, required={"audience", "route"}, optional={"hosts"})
    hosts = entry.get("hosts", [])
    if not isinstance(entry["audience"], str) or not _texts(hosts):
        raise RouteTableError("A mount has an audience that is text, and hosts that are texts.")
    routes = tuple(map(_route, _list(entry["route"], "route")))
    if not routes or len(routes) > MAX_ROUTES:
        raise RouteTableError(f"A mount has 1 to {MAX_ROUTES} routes.")
    for one, other in combinations(routes, 2):
        if one.overlaps(other):
            raise RouteTableError(
                f"Routes {one.method} {one.path} and {other.path} may both be meant by one request."
            )
    return Mount(entry["audience"], frozenset(host.lower() for host in hosts), routes)


def _route(entry: Any) -> Route:
    _members(
        "A route", entry, required={"method", "path", "tool"}, optional={"query", "service_checks"}
    )
    method, path, tool = entry["method"], entry["path"], entry["tool"]
    query, checks = entry.get("query", {}), entry.get("service_checks", False)
    if not _texts([method, path, tool]) or METHOD.fullmatch(method) is None:
        raise RouteTableError("A route has an upper-case method, a path and a tool.")
    if not isinstance(query, dict) or not _texts(query.values()) or type(checks) is not bool:
        raise RouteTableError(f"Route {method} {path}: query maps names; service_checks is a flag.")
    if not all(_PARAMETER.fullmatch(k) and ARGUMENT_NAME.fullmatch(v) for k, v in query.items()):
        raise RouteTableError(f"Route {method} {path}: a query name has another form.")
    places = _places(method, path)
    names = [place.text for place in places if place.is_argument] + [*query.values()]
    if len(set(names)) != len(names):
        raise RouteTableError(f"Route {method} {path}: an argument stands in two places.")
    return Route(method, path, places, tool, query, checks)


def _places(method: str, path: str) -> tuple[Place, ...]:
    spelled = path[1:].split("/")
    places: list[Place] = []
    for number, segment in enumerate(spelled):
        is_last = number == len(spelled) - 1
        found = _PLACE.fullmatch(segment)
        if found and (is_last or not found[2]):
            places.append(Place(found[1], is_argument=True, takes_rest=bool(found[2])))
        elif (_LITERAL.fullmatch(segment) and segment not in {".", ".."}) or (
            is_last and segment == ""
        ):
            places.append(Place(segment))
        else:
            raise RouteTableError(
                f"Route {method} {path}: a segment is neither plain nor {{name}}."
            )
    if not path.startswith("/"):
        raise RouteTableError(f"Route {method} {path}: it does not begin with a slash.")
    return tuple(places)


def _members(what: str, value: Any, *, required: set[str], optional: Iterable[str] = ()) -> None:
    if not isinstance(value, dict) or not required <= value.keys() <= {*required, *optional}:
        raise RouteTableError(
            f"{what} has the members {', '.join(sorted({*required, *optional}))}."
        )


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise RouteTableError(f"[[{what}]] is a list of tables.")
    return value


def _texts(values: Any) -> bool:
    is_many = isinstance(values, Iterable) and not isinstance(values, str | dict)
    return is_many and all(isinstance(value, str) for value in values)
