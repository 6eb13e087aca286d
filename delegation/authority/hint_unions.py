"""Unions of hints: a type for each kind of JSON, and what is common to those of one kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from delegation.authority.arguments import parse_type
from delegation.authority.arguments.either import either, kinds_of
from delegation.authority.arguments.free import JsonType
from delegation.canonical import Json

_PLAIN: Final = frozenset({"text", "number"})  # kinds that one plain type reads whole, of that name


def union_of(types: Sequence[Json], *, by_place: bool = False) -> tuple[Json, list[int]]:
    """Return the type of what one of several types reads, and which of them it does not keep as they are.

    Args:
        types: The JSON of each, one at least.
        by_place: Whether each is of its own place of a list, so that none reads what another does.
    """
    groups = list[tuple[frozenset[str], list[int]]]()
    plain = [_bare(one) for one in types]
    for number, one in enumerate(plain):
        kinds, members = kinds_of(parse_type(one)), [number]
        for group in [group for group in groups if group[0] & kinds]:
            groups.remove(group)
            kinds, members = group[0] | kinds, group[1] + members
        groups.append((kinds, members))
    found, lost = list[Json](), list[int]()
    for kinds, members in sorted(groups, key=lambda group: min(group[1])):
        made, unkept = _hull(
            kinds, {number: plain[number] for number in sorted(members)}, by_place=by_place
        )
        found += made
        lost += unkept
    whole = either(found)
    if plain == list(types):
        return whole, lost
    return {**(whole if isinstance(whole, dict) else {"type": whole}), "nullable": True}, lost


def _bare(kind: Json) -> Json:
    """Return a type without null."""
    if not isinstance(kind, dict) or "nullable" not in kind:
        return kind
    body = {key: value for key, value in kind.items() if key != "nullable"}
    return body["type"] if len(body) == 1 else body


def _hull(
    kinds: frozenset[str], types: Mapping[int, Json], *, by_place: bool
) -> tuple[list[Json], list[int]]:
    """Return what reads all that types read which share a kind of JSON, and which of them it widens."""
    first, *others = types.values()
    if all(one == first for one in others):
        return [first], []
    values = [value for one in types.values() for value in _fixed(one)]
    if all(map(_fixed, types.values())):
        every = {(type(v), v): v for v in values}
        return [{"type": "enum", "values": [*every.values()]}], list(types) if by_place else []
    wide = sorted(kinds) if kinds <= _PLAIN else [JsonType(kinds=tuple(kinds)).to_json()]
    covered = (
        frozenset()
        if by_place
        else frozenset(one for one in types.values() if isinstance(one, str)) & _PLAIN
    )
    lost = [number for number, one in types.items() if not kinds_of(parse_type(one)) <= covered]
    return cast("list[Json]", wide), lost


def _fixed(kind: Json) -> list[str | int | float]:
    """Return the values of a fixed set, none of other types."""
    is_set = isinstance(kind, dict) and kind["type"] == "enum"
    return cast("Any", kind)["values"] if is_set else []
