"""Imports unions: `oneOf` and `anyOf` that come to one type, and the facts common to the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias, TypeVar

from delegation.authority.arguments.enum import MAX_ENUM
from delegation.authority.documents.enums import fits, kind_of
from delegation.authority.documents.facts import ALL_TYPES, Facts, Part, equal, is_plain
from delegation.authority.documents.imported import UnmappableError
from delegation.authority.documents.numbers import NeverError
from delegation.authority.documents.parted import parted

_MAX_WITHIN: Final = 64  # unions, one in the other
_MOST_BRANCHES: Final = MAX_ENUM + 1  # each may be one value, or null
_NULL: Final = frozenset({"null"})
Gather: TypeAlias = "Callable[[Part], Facts]"
Leave: TypeAlias = "Callable[[Union, str], None]"
T = TypeVar("T")
_LOOSER: Final[dict[str, Callable[..., Any]]] = {
    "minimum": min, "exclusiveMinimum": min, "maximum": max, "exclusiveMaximum": max,
    "minLength": min, "maxLength": max, "minItems": min, "maxItems": max,
    "minProperties": min, "maxProperties": max, "uniqueItems": min,
}  # fmt: skip
_NUMBERS: Final = frozenset({"integer", "fraction"})


@dataclass(frozen=True, slots=True)
class Union:
    """A union that no type stands for.

    Args:
        keyword: `oneOf` or `anyOf`.
        branches: What each says, but null alone.
        lost: Place and keyword of what their hull does not say.
    """

    keyword: str
    branches: list[Facts]
    lost: set[tuple[str, str]]


def settled(
    facts: Facts, place: str, gather: Gather, leave: Leave, within: frozenset[int] = frozenset()
) -> Facts:
    """Return the facts with what their unions come to.

    A union of one branch and null is that branch, or null; of fixed values the set of them; of types
    without more, these types. Of every other the types are known, and `leave` is told of it.

    Args:
        facts: What is known beside the unions.
        place: Where they stand.
        gather: Returns what a branch says; may raise `NeverError`.
        leave: Is told of each union that is not kept.
        within: The unions that they stand in.

    Raises:
        NeverError: A union leaves no branch.
        UnmappableError: One is a branch of itself, or has too many.
    """
    result = replace(facts, unions=[])
    for keyword, parts in facts.unions:
        _settle(result, keyword, _branches(keyword, parts, gather, leave, within), place, leave)
    return result


def _settle(
    result: Facts,
    keyword: str,
    branches: list[Facts],
    place: str,
    leave: Leave,
) -> None:
    branches = [one for one in branches if _may_meet(one, result)]
    nulls = sum(map(_admits_null, branches))
    has_null = nulls == 1 if keyword == "oneOf" else nulls > 0
    rest = [one for one in branches if one.types != _NULL and one.enum != [None]]
    if not branches:
        raise NeverError("its branches exclude what stands beside them")
    if not rest:
        result.meet(Facts(types=_NULL if has_null else frozenset()))
    elif len(rest) == 1:
        result.meet(_with_null(rest[0], has_null=has_null))
    elif all(one.enum is not None and fits(None, one) is not None for one in rest):
        said = {key: places for one in rest for key, places in one.said.items()}
        result.meet(Facts(enum=_values(keyword, rest) + [None] * has_null, said=said))
        if result.types is not None and not has_null:
            result.types -= _NULL
    else:
        hull = _hull(keyword, rest, place, leave)
        if hull.types is not None:
            hull.types = hull.types | {"null"} if has_null else hull.types - {"null"}
        result.meet(hull)


def _hull(keyword: str, branches: list[Facts], place: str, leave: Leave) -> Facts:
    """Return what holds for every branch; of each kind of JSON apart, where their types are known."""
    groups: dict[str, list[Facts]] = {}
    branches = [_typed(one) for one in branches]
    for one in branches:
        for kind, of in parted(one).items():
            groups.setdefault(kind, []).append(of)
    if len(groups) > 1 and all(one.types is not None for one in branches):
        apart = {}
        for kind, some in groups.items():
            found = Facts(types=frozenset().union(*(one.types or () for one in some)))
            try:
                _settle(found, keyword, some, place, leave)
            except NeverError:
                continue
            apart[kind] = found
        types = [one.types or frozenset() for one in apart.values()]
        circles = [one.circles for one in branches]
        return Facts(
            types=frozenset[str]().union(*types),
            apart=apart,
            circles=frozenset[int]().union(*circles),
        )
    rest = _widest(branches) if keyword == "anyOf" else branches
    hull, lost = hull_of(rest)
    known = [one.types for one in rest if one.types is not None]
    is_apart = len(hull.types or ()) == sum(map(len, known))
    says_types = len(known) == len(rest) and all(map(is_plain, rest))
    if len(rest) > 1 and not (says_types and (keyword == "anyOf" or is_apart)):
        leave(Union(keyword, rest, lost), place)
    return hull


def _typed(one: Facts) -> Facts:
    """Return what a branch says with the types of its fixed values, where it states none."""
    if one.types is not None or one.enum is None:
        return one
    return replace(one, types=frozenset(map(kind_of, one.enum)))


def _widest(branches: list[Facts]) -> list[Facts]:
    """Return the branches without those that another one admits whole."""
    kept: list[Facts] = []
    for one in branches:
        if not any(_covers(other, one) for other in kept):
            kept = [*(other for other in kept if not _covers(one, other)), one]
    return kept


def _covers(wide: Facts, one: Facts) -> bool:
    """Return whether a branch says nothing but a type, which the other one has."""
    return (
        wide.types is not None
        and one.types is not None
        and one.types <= wide.types
        and is_plain(wide)
    )


def _branches(
    keyword: str, parts: list[Part], gather: Gather, leave: Leave, within: frozenset[int]
) -> list[Facts]:
    if id(parts) in within or len(within) > _MAX_WITHIN:
        raise UnmappableError("a union is a branch of itself, or one of too many")
    within |= {id(parts)}  # what is referred to twice is one list
    found: list[Facts] = []
    for part in parts:
        try:
            one = gather(part)
            if one.unions and len(one.unions) == 1 and not one.said and one.types is None:
                inner, inner_parts = one.unions[0]
                if inner == keyword == "anyOf":
                    found += _branches(inner, inner_parts, gather, leave, within)
                    continue
            found.append(settled(one, part[1], gather, leave, within) if one.unions else one)
        except NeverError:
            continue
        if len(found) > _MOST_BRANCHES:
            raise UnmappableError("a union has too many branches")
    return found


def _may_meet(one: Facts, other: Facts) -> bool:
    return one.types is None or other.types is None or not one.types.isdisjoint(other.types)


def _admits_null(one: Facts) -> bool:
    return (one.types is None or "null" in one.types) and (
        one.enum is None or any(value is None for value in one.enum)
    )


def _values(keyword: str, branches: list[Facts]) -> list[Any]:
    """Return the values that one branch admits, of `oneOf` not those that several do."""
    every = [
        value
        for one in branches
        for value in one.enum or []
        if value is not None and fits(value, one)
    ]
    found: list[Any] = []
    for value in every:
        times = sum(equal(value, other) for other in every)
        if not any(equal(value, other) for other in found) and (times == 1 or keyword == "anyOf"):
            found.append(value)
    return found


def _with_null(one: Facts, *, has_null: bool) -> Facts:
    types, enum = one.types, one.enum
    if has_null:
        types = None if types is None else types | {"null"}
        enum = enum if enum is None or None in enum else [*enum, None]
    else:
        types = (ALL_TYPES if types is None else types) - _NULL
    return replace(one, types=types, enum=enum)


def hull_of(branches: Sequence[Facts]) -> tuple[Facts, set[tuple[str, str]]]:
    """Return what holds for every branch, and the place and keyword of each bound that does not.

    It admits all that the branches admit. Of objects it has the members of all; which of them go
    together is not known any more.

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
