"""Observing: what an unguarded service is asked for, drafted as tools and grants. Believed by nobody.

Nothing is refused and nothing is recorded: what was seen was not verified, so it never enters
lineage. The draft is text for a human to read, correct and paste.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

from delegation.canonical import Json, parse_one_way
from delegation.errors import MalformedError

MAX_ROUTES: Final = 1000
MAX_ARGUMENTS: Final = 64
MAX_VALUES: Final = 8  # distinct values that are remembered; more mean that it is open
MAX_BODY: Final = 64 * 1024
_NUMBER: Final = re.compile(r"0|-?[1-9][0-9]{0,15}")
_ID: Final = re.compile(r"[0-9]+|[0-9a-fA-F-]{16,}|[A-Za-z]*[-_]?[0-9][A-Za-z0-9_-]*")
_WORD: Final = re.compile(r"[a-z0-9]+")
_EFFECTS: Final = {"GET": "read", "HEAD": "read", "DELETE": "delete"}

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


@dataclass(slots=True)
class SeenArgument:
    """What was seen of one argument."""

    place: str
    kinds: Counter[str] = field(default_factory=Counter)
    values: set[str] = field(default_factory=set)

    def see(self, value: Json) -> None:
        """Remember a value's kind, and the value while they are few."""
        self.kinds[_kind(value)] += 1
        if len(self.values) <= MAX_VALUES and isinstance(value, str | int):
            self.values.add(str(value)[:100])


@dataclass(slots=True)
class SeenRoute:
    """What was seen of one route."""

    method: str
    path: str
    calls: int = 0
    arguments: dict[str, SeenArgument] = field(default_factory=dict)

    def see(self, place: str, name: str, value: Json) -> None:
        """Remember an argument."""
        if name in self.arguments or len(self.arguments) < MAX_ARGUMENTS:
            self.arguments.setdefault(name, SeenArgument(place)).see(value)


class Observer:
    """Remembers routes and arguments, within bounds, in this process only."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self.routes: dict[tuple[str, str], SeenRoute] = {}

    async def watch(self, scope: MutableMapping[str, Any], receive: Receive) -> Receive:
        """Note a request and return a channel from which the application reads it unchanged."""
        if scope["type"] != "http":
            return receive
        messages: list[MutableMapping[str, Any]] = []
        body = b""
        while len(body) <= MAX_BODY:
            message = await receive()
            messages.append(message)
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        self._note(scope, body if len(body) <= MAX_BODY else b"")
        left = iter(messages)

        async def replay() -> MutableMapping[str, Any]:
            return next(left, None) or await receive()

        return replay

    def _note(self, scope: MutableMapping[str, Any], body: bytes) -> None:
        segments = scope["path"].split("/")
        names: dict[str, str] = {}
        template = []
        for before, part in zip(["", *segments], segments, strict=False):
            if part and _ID.fullmatch(part):
                stem = "".join(_WORD.findall(before.lower())).rstrip("s")
                name = f"{stem or 'value'}_id"
                name = name if name not in names else f"{name}_{len(names) + 1}"
                names[name] = part
                template.append("{" + name + "}")
            else:
                template.append(part)
        key = (scope["method"], "/".join(template))
        if key not in self.routes and len(self.routes) >= MAX_ROUTES:
            return
        seen = self.routes.setdefault(key, SeenRoute(*key))
        seen.calls += 1
        for name, value in names.items():
            seen.see("path", name, value)
        query = scope.get("query_string", b"").decode("latin-1")
        for name, value in parse_qsl(query, keep_blank_values=True)[:MAX_ARGUMENTS]:
            seen.see("query", name, value)
        try:
            members = parse_one_way(body) if body else {}
        except MalformedError:
            members = {}
        if isinstance(members, dict):
            for name, value in members.items():
                seen.see("body", name, value)

    def draft(self) -> str:
        """Return Python text that declares what was seen: tools, routes, and a grant for it."""
        lines = [
            "# Drafted from observed requests: nothing here was verified. Read it, then narrow it.",
            "from delegation import Grant, Tool, anything, may, one_of",
            "",
        ]
        grants = []
        for seen in sorted(self.routes.values(), key=lambda one: (one.path, one.method)):
            tool = _tool_name(seen)
            types = {
                name: "integer" if set(a.kinds) == {"integer"} else "opaque" if a.place == "path"
                else "boolean" if set(a.kinds) == {"boolean"}
                else "number" if set(a.kinds) <= {"integer", "number"} else "text"
                for name, a in sorted(seen.arguments.items())
            }  # fmt: skip
            effect = _EFFECTS.get(seen.method, "write")
            by_place = {
                place: [n for n, a in sorted(seen.arguments.items()) if a.place == place]
                for place in ("query", "body")
            }
            inputs = ", ".join(f"{place}={names!r}" for place, names in by_place.items())
            lines += [
                f"# {seen.method} {seen.path!r}: seen {seen.calls} times",
                f"tracker.add_tool(Tool({tool!r}, effect={effect!r}, arguments={types!r}))",
                f"guard.route({seen.method!r}, {seen.path!r}, {tool!r}, {inputs})",
            ]
            limits = ", ".join(
                f"{name}={_limit(a, types[name])}" for name, a in sorted(seen.arguments.items())
                if name.isidentifier()
            )  # fmt: skip
            grants.append(f"may({tool!r}{', ' if limits else ''}{limits})")
        lines += ["", "observed = Grant([", *(f"    {grant}," for grant in grants), "])"]
        return "\n".join(lines) + "\n"


def _kind(value: Json) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int) or (isinstance(value, str) and _NUMBER.fullmatch(value)):
        return "integer"
    if isinstance(value, float):
        return "number"
    return "text" if isinstance(value, str) else "other"


def _limit(seen: SeenArgument, kind: str) -> str:
    if len(seen.values) > MAX_VALUES or {"other", "number"} & seen.kinds.keys() or not seen.values:
        return "anything()"
    values = sorted(seen.values)
    shown = [int(v) for v in values] if kind == "integer" else values
    return f"one_of({', '.join(repr(v) for v in shown)})"


def _tool_name(seen: SeenRoute) -> str:
    words = [
        "".join(_WORD.findall(part.lower())) for part in seen.path.split("/")
        if part and not part.startswith("{")
    ]  # fmt: skip
    return ".".join([*(w for w in words if w), seen.method.lower()]) or "root.get"
