"""Follows references within a document, and finds those that lead back to themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

from delegation.authority.documents.facts import BOUNDS, Part
from delegation.authority.documents.imported import UnmappableError
from delegation.errors import MalformedError

_MAX_CHAIN: Final = 32  # references that lead to references
_MOST_SEEN: Final = (
    16_000_000  # values behind all references together, each time that one is behind one
)
_ONE: Final = (
    "additionalProperties",
    "unevaluatedProperties",
    "not",
    "contains",
    "propertyNames",
    "if",
    "then",
    "else",
)
_LISTS: Final = ("allOf", "oneOf", "anyOf", "prefixItems")


class References:
    """The local references of a document.

    Args:
        root: The document, or the schema that references begin at.
    """

    def __init__(self, root: Any) -> None:
        self._root = root
        self._found: dict[str, Any] = {}
        self._circles: dict[str, int] | None = None

    def target(self, reference: object) -> Any:
        """Return what a reference leads to.

        Raises:
            UnmappableError: To another document, or nowhere.
        """
        if type(reference) is not str or not (reference == "#" or reference.startswith("#/")):
            raise UnmappableError("it refers to another document, or by an anchor")
        if reference in self._found:
            return self._found[reference]
        found = self._root
        for key in _keys(reference):
            if isinstance(found, dict) and key in found:
                found = found[key]
            elif isinstance(found, list) and key.isdecimal() and int(key) < len(found):
                found = found[int(key)]
            else:
                raise UnmappableError("a reference leads nowhere")
        self._found[reference] = found
        return found

    def resolved(self, entry: Any) -> tuple[dict[str, Any], str]:
        """Return an object with its references followed, and the last of them.

        Raises:
            UnmappableError: They lead elsewhere, in a circle, or to no object.
        """
        reference = ""
        for _ in range(_MAX_CHAIN):
            if not isinstance(entry, dict):
                break
            if "$ref" not in entry:
                return entry, reference
            entry, reference = self.target(entry["$ref"]), entry["$ref"]
        raise UnmappableError("a reference leads to no object, or in a circle")

    def circle(self, reference: str) -> int:
        """Return the number of the circle that a reference stands in, 0 for none."""
        if self._circles is None:
            self._circles = _circles(self._edges())
        return self._circles.get(spelled(reference), 0)

    def _edges(self) -> dict[str, set[str]]:
        edges: dict[str, set[str]] = {}
        left = [_MOST_SEEN]
        waiting = list(set(references_in(self._root, left)))
        while waiting:
            if (one := waiting.pop()) in edges:
                continue
            try:
                edges[one] = set(references_in(self.target(one), left))
            except UnmappableError:
                edges[one] = set()
            waiting += edges[one] - edges.keys()
        return edges


def spelled(reference: str) -> str:
    """Return a reference in one spelling: what is percent-encoded, or not, leads to the same."""
    if "%" not in reference or not reference.startswith("#/"):
        return reference
    keys = (key.replace("~", "~0").replace("/", "~1") for key in _keys(reference))
    return "/".join(["#", *keys])


def _keys(reference: str) -> list[str]:
    parts = reference.split("/")[1:]
    return [unquote(part).replace("~1", "/").replace("~0", "~") for part in parts]


def references_in(value: Any, left: list[int] | None = None) -> Iterator[str]:
    """Yield every reference in a value.

    Args:
        value: What is looked through.
        left: How many values may still be looked at, counted down; so many as in all where left out.

    Raises:
        MalformedError: None is left.
    """
    left = [_MOST_SEEN] if left is None else left
    waiting = [value]
    while waiting:
        one = waiting.pop()
        left[0] -= 1
        if left[0] < 0:
            raise MalformedError("The document", wanted="one whose references lead to less")
        if isinstance(one, dict):
            reference = one.get("$ref")
            if type(reference) is str:
                yield spelled(reference)
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _circles(edges: Mapping[str, set[str]]) -> dict[str, int]:
    """Return the strongly connected components that hold a circle (Tarjan's algorithm), numbered."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    found: dict[str, int] = {}
    count = 0
    for start in edges:
        if start in index:
            continue
        calls = [(start, iter(sorted(edges[start])))]
        index[start] = low[start] = len(index)
        stack.append(start)
        on_stack.add(start)
        while calls:
            node, rest = calls[-1]
            for near in rest:
                if near not in index:
                    index[near] = low[near] = len(index)
                    stack.append(near)
                    on_stack.add(near)
                    calls.append((near, iter(sorted(edges[near]))))
                    break
                if near in on_stack:
                    low[node] = min(low[node], index[near])
            else:
                calls.pop()
                if calls:
                    low[calls[-1][0]] = min(low[calls[-1][0]], low[node])
                if low[node] == index[node]:
                    group = list[str]()
                    while not group or group[-1] != node:
                        group.append(stack.pop())
                        on_stack.discard(group[-1])
                    if len(group) > 1 or node in edges[node]:
                        count += 1
                        found.update(dict.fromkeys(group, count))
    return found


def bounds_inside(parts: Sequence[Part], references: References) -> set[tuple[str, str]]:
    """Return the place and keyword of each bound in schemas and in all that they hold or refer to.

    Args:
        parts: Schemas with their places.
        references: Of their document.
    """
    found: set[tuple[str, str]] = set()
    seen: set[str] = set()
    waiting = list(parts)
    while waiting:
        schema, place = waiting.pop()
        if not isinstance(schema, dict):
            continue
        reference = schema.get("$ref")
        if type(reference) is str and reference not in seen:
            seen.add(reference)
            try:
                waiting.append((references.target(reference), reference))
            except UnmappableError:
                found.add((place, "$ref"))
        found |= {(place, key) for key in schema.keys() & BOUNDS}
        waiting += [(one, f"{place}.{name}") for name, one in _named(schema)]
        waiting += [(schema[key], f"{place}.*") for key in _ONE if key in schema]
        for key in _LISTS:
            some = schema.get(key)
            waiting += (
                [(one, f"{place}({n})") for n, one in enumerate(some, 1)]
                if isinstance(some, list)
                else []
            )
        items = schema.get("items")
        waiting += [(one, f"{place}[]") for one in (items if isinstance(items, list) else [items])]
    return found


def _named(schema: dict[str, Any]) -> list[tuple[str, Any]]:
    named = schema.get("properties")
    return list(named.items()) if isinstance(named, dict) else []
