"""The hull of a union: what holds for every branch, and how much of each branch is lost in it.

A hull admits all that the branches admit. Of objects it has the members of all; which of them go
together is not known any more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from delegation.authority.documents.facts import Facts, Part, equal

T = TypeVar("T")
_LOOSER: Final[dict[str, Callable[..., Any]]] = {
    "minimum": min, "exclusiveMinimum": min, "maximum": max, "exclusiveMaximum": max,
    "minLength": min, "maxLength": max, "minItems": min, "maxItems": max,
    "minProperties": min, "maxProperties": max, "uniqueItems": min,
}  # fmt: skip
_NUMBERS: Final = frozenset({"integer", "fraction"})


def hull_of(branches: Sequence[Facts]) -> tuple[Facts, set[tuple[str, str]]]:
    """Return what holds for every branch, and the place and keyword of each bound that does not.

    Of branches of several types only the types are known, and the second result is all that they say.
    """
    types = [one.types for one in branches if one.types is not None]
    circles = frozenset[int]().union(*(one.circles for one in branches))
    all_said = {(p, key) for one in branches for key, places in one.said.items() for p in places}
    result = Facts(circles=circles)
    if len(types) == len(branches):
        result.types = frozenset[str]().union(*types)
    kinds = {one.kinds - _NUMBERS or (one.kinds and _NUMBERS) for one in branches}
    if len(kinds) > 1 or len(types) < len(branches):
        return result, all_said
    lost = set()
    whole = _merge(result, branches)
    for one in branches:
        for key, places in one.said.items():
            if key in whole or _is_kept(key, one, result):
                result.said[key] = [*dict.fromkeys(result.said.get(key, []) + places)]
            else:
                lost |= {(place, key) for place in places}
    return result, lost


def _is_kept(key: str, one: Facts, result: Facts) -> bool:
    if key == "required":
        return one.required.keys() == result.required.keys()
    return key in _LOOSER and one.bounds.get(key) == result.bounds.get(key)


def _merge(result: Facts, branches: Sequence[Facts]) -> set[str]:
    """Put into the result what holds for all; return the keywords that no branch loses by that."""
    first = branches[0]
    kept = set()
    for key, looser in _LOOSER.items():
        values = [one.bounds[key] for one in branches if key in one.bounds]
        if len(values) == len(branches):
            result.bounds[key] = looser(values)
    if all(one.multiples == first.multiples for one in branches):
        result.multiples = first.multiples
        kept.add("multipleOf")
    if all(_names(one.patterns) == _names(first.patterns) for one in branches):
        result.patterns = first.patterns
        kept.add("pattern")
    if all(_names(one.formats) == _names(first.formats) for one in branches):
        result.formats, result.encodings, result.media = first.formats, first.encodings, first.media
        kept.add("format")
    names = dict.fromkeys(name for one in branches for name in one.fields)
    result.fields = {
        name: one_of_them([one.fields[name] for one in branches if name in one.fields])
        for name in names
    }
    needed = set.intersection(*(set(one.required) for one in branches))
    result.required = {name: None for name in first.required if name in needed}
    result.is_closed = all(one.is_closed for one in branches)
    kept |= {"additionalProperties", "unevaluatedProperties"} if names else set()
    result.others = [part for one in branches for part in one.others]
    if all(one.items and not one.prefixes for one in branches):
        result.items = one_of_them([one.items for one in branches])
    result.is_read_only = all(one.is_read_only for one in branches)
    result.unsaid = list(dict.fromkeys(entry for one in branches for entry in one.unsaid))
    return kept


def _names(parts: list[tuple[str, str]]) -> set[str]:
    return {name for name, _ in parts}


def one_of_them(alternatives: list[list[Part]]) -> list[Part]:
    """Return schemas of a value that one of several lists of schemas describes."""
    different: list[list[Part]] = []
    for parts in alternatives:
        if not any(_same(parts, known) for known in different):
            different.append(parts)
    if len(different) == 1:
        return different[0]
    whole = [
        parts[0][0] if len(parts) == 1 else {"allOf": [schema for schema, _ in parts]}
        for parts in different
    ]
    return [({"anyOf": whole}, different[0][0][1])]


def _same(left: list[Part], right: list[Part]) -> bool:
    return len(left) == len(right) and all(
        equal(one[0], two[0]) for one, two in zip(left, right, strict=True)
    )
