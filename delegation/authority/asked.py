"""Finds which part of a refused value is to blame, and the finest constraint that refuses it."""

from __future__ import annotations

from typing import Final, NamedTuple

from delegation.authority import constraints
from delegation.authority.arguments import (
    ArgumentType,
    MapType,
    ObjectType,
    TextType,
    parts_of,
)
from delegation.authority.arguments.either import kinds_of
from delegation.authority.arguments.free import KINDS
from delegation.authority.arguments.member import place_of
from delegation.authority.arguments.nullable import inner
from delegation.authority.constraints import Constraint
from delegation.authority.constraints.constraint import ABSENT
from delegation.authority.constraints.text_links import foreign_link
from delegation.authority.constraints.wording import cut, item_of
from delegation.canonical import Json
from delegation.shown import shown_text

LINK: Final = 200  # characters of a link that is shown


class RefusedPart(NamedTuple):
    """The part of a refused value that is to blame.

    Args:
        place: Where in the value it stands: `[2].size`, empty for the whole.
        value: It; of a text whose links are bounded the link that was found, escaped and cut.
        by: What refuses it.
        of: Its type, where that is known.
    """

    place: str
    value: Json
    by: Constraint
    of: ArgumentType | None


def refused_part(
    constraint: Constraint, value: Json, of: ArgumentType | None = None
) -> RefusedPart:
    """Return which part of a refused value is to blame, and the finest constraint that refuses it.

    Of several constraints that all count it is the first that refuses; of a choice between a bound and
    absence it is that bound, since the value is there.

    Args:
        constraint: A constraint that does not admit the value.
        value: A canonical value.
        of: The value's type, where it is known.
    """
    of = _reader(of, value)
    whole = RefusedPart("", value, constraint, of)
    match constraint:
        case constraints.AllOf():
            for part in constraint.parts:
                if not part.admits(value):
                    return refused_part(part, value, of)
        case constraints.AnyOf():
            stated = of_value(constraint)
            return whole if stated is constraint else refused_part(stated, value, of)
        case constraints.Each() if isinstance(value, list):
            return _item_refused(value, [constraint.item] * len(value), item_of(of)) or whole
        case constraints.Members() if isinstance(value, dict):
            for name, part in constraint.parts:
                if not part.admits(value.get(name, ABSENT)):
                    if name not in value:
                        return RefusedPart(place_of(name), None, part, _member(of, name))
                    found = refused_part(part, value[name], _member(of, name))
                    return found._replace(place=f"{place_of(name)}{found.place}")
        case constraints.Subset() if isinstance(value, list):
            each = constraints.OneOf(constraint.values)
            return _item_refused(value, [each] * len(value), item_of(of)) or whole
        case constraints.Argv() if isinstance(value, list) and len(value) >= len(constraint.head):
            rest = [constraint.rest] * (len(value) - len(constraint.head))
            by = [*constraint.head, *(one or constraints.Missing() for one in rest)]
            return _item_refused(value, by, TextType()) or whole
        case constraints.Links() if isinstance(value, str):
            found_link = foreign_link(value, constraint)
            if found_link:
                return whole._replace(value=cut(shown_text(found_link), LINK))
    return whole


def of_value(constraint: Constraint) -> Constraint:
    """Return what a constraint asks of a value that is there: of a bound or absence that bound."""
    if not isinstance(constraint, constraints.AnyOf):
        return constraint
    stated = [
        one for one in constraint.parts if not isinstance(one, constraints.Missing)
    ] or constraint.parts
    return of_value(stated[0]) if len(stated) == 1 else constraint


def _item_refused(
    items: list[Json], by: list[Constraint], of: ArgumentType | None
) -> RefusedPart | None:
    for number, (item, one) in enumerate(zip(items, by, strict=True)):
        if not one.admits(item):
            found = refused_part(one, item, of)
            return found._replace(place=f"[{number}]{found.place}")
    return None


def _reader(of: ArgumentType | None, value: Json) -> ArgumentType | None:
    """Return the type that reads such values: of an `either` one of its own."""
    if of is None or value is None:
        return of
    kind = KINDS.get(type(value), "number")
    return next((inner(one) for one in parts_of(of) if kind in kinds_of(one)), of)


def _member(of: ArgumentType | None, name: str) -> ArgumentType | None:
    if isinstance(of, ObjectType):
        return of.members.get(name)
    return of.of if isinstance(of, MapType) else None
