"""The bounds inside of schemas that no type is made of, so that they are counted as lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from delegation.authority.documents.facts import BOUNDS, Part
from delegation.authority.documents.imported import UnmappableError
from delegation.authority.documents.references import References

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
