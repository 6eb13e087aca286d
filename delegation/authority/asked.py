"""Says what a constraint asks of a value, in words that follow "must be", and which part it refuses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from delegation.authority import constraints
from delegation.authority.arguments import (
    ArgumentType,
    ListType,
    MapType,
    MoneyType,
    ObjectType,
    TextType,
    parts_of,
)
from delegation.authority.arguments.character import counted
from delegation.authority.arguments.either import kinds_of
from delegation.authority.arguments.free import KINDS
from delegation.authority.arguments.member import place_of
from delegation.authority.arguments.nullable import inner
from delegation.authority.constraints import Constraint
from delegation.authority.constraints.constraint import ABSENT
from delegation.authority.constraints.literal import shown as literal
from delegation.authority.constraints.text_links import foreign_link
from delegation.canonical import Json
from delegation.shown import shown, shown_text

_MOST: Final = 12  # values or entries that are said; of more, how many there are
_LONG: Final = 120  # characters of one of them
LINK: Final = 200  # characters of a link that is shown


def asked(constraint: Constraint, of: ArgumentType | None = None) -> str:  # one line a kind
    """Return what a value must be for a constraint: `at most 50`, `an e-mail address at acme.example`.

    Args:
        constraint: What asks.
        of: The argument's type where it is known: amounts of money are said with their currency.
    """
    match constraint:
        case constraints.Anything():
            return "anything that the tool takes"
        case constraints.Missing():
            return "left out"
        case constraints.Exact():
            return f"exactly {_said(constraint.value, of)}"
        case constraints.OneOf():
            return f"one of {_values(constraint.values, of)}"
        case constraints.NotOneOf():
            return f"anything but {_values(constraint.values, of)}"
        case constraints.Range():
            if constraint.min is not None and constraint.max is not None:
                return f"from {_said(constraint.min, of)} to {_said(constraint.max, of)}"
            ends = {"at least": constraint.min, "above": constraint.above,
                    "at most": constraint.max, "below": constraint.below}  # fmt: skip
            return " and ".join(f"{w} {_said(b, of)}" for w, b in ends.items() if b is not None)
        case constraints.Length():
            return f"{_span(constraint.min, constraint.max)}{_unit(of, constraint.max)} long"
        case constraints.Count():
            most = counted(constraint.max, "item")
            return f"a list of {_span(constraint.min, constraint.max, said=most)}"
        case constraints.During():
            ends_of = {"from": constraint.start, "before": constraint.end}
            said = " and ".join(f"{word} {end}" for word, end in ends_of.items() if end)
            return f"a {'day' if constraint.is_of_days else 'moment'} {said}"
        case constraints.Argv():
            heads = "; ".join(f"word {n} {asked(one)}" for n, one in enumerate(constraint.head, 1))
            rest = "no more" if constraint.rest is None else f"each {asked(constraint.rest)}"
            return f"a command line: {heads}; then {rest}" if heads else f"words, {rest}"
        case constraints.Links():
            hosts = _entries(constraint.hosts)
            return (
                f"text with no links but to {hosts}" if constraint.hosts else "text without links"
            )
        case constraints.NotBelow():
            return f"a path that is not under {_entries(constraint.under)}"
        case constraints.Contains():
            return f"a list that holds {_values(constraint.values, of)}"
        case constraints.Subset():
            return f"a list of none but {_values(constraint.values, of)}"
        case constraints.Each():
            return f"a list, each item {asked(constraint.item, _item(of))}"
        case constraints.Members():
            of = None if of is None else inner(of)
            known = of.members if isinstance(of, ObjectType) else {}
            parts = [f"{n} {asked(part, known.get(n))}" for n, part in constraint.parts[:_MOST]]
            more = len(constraint.parts) - len(parts)
            return f"an object with {'; '.join([*parts, f'{more} more'] if more else parts)}"
        case constraints.AllOf() | constraints.AnyOf():
            between = " and " if isinstance(constraint, constraints.AllOf) else " or "
            parts = [asked(part, of) for part in constraint.parts[:_MOST]]
            more = len(constraint.parts) - len(parts)
            return between.join([*parts, f"{more} more"] if more else parts)
        case constraints.PathUnder():
            return f"a path under {_entries(constraint.under)}"
        case constraints.UrlUnder():
            query = "" if constraint.query else ", without a query"
            return f"a URL under {_entries(constraint.under)}{query}"
        case constraints.HostNamed():
            return f"the host {_entries(constraint.names)}"
        case constraints.AddressIn():
            return f"an address in {_entries(constraint.networks)}"
        case constraints.EmailAt():
            whole = [one for one in constraint.domains if "@" in one]
            at = [one for one in constraint.domains if "@" not in one]
            said_at = f"an e-mail address at {_entries(at)}" if at else ""
            return " or ".join(filter(None, (_entries(whole) if whole else "", said_at)))
        case constraints.Glob():
            return f"text like {_entries(constraint.patterns)}"
    return f"what {shown(constraint.to_json())} admits"


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
            return _item_refused(value, [constraint.item] * len(value), _item(of)) or whole
        case constraints.Members() if isinstance(value, dict):
            for name, part in constraint.parts:
                if not part.admits(value.get(name, ABSENT)):
                    if name not in value:
                        return RefusedPart(place_of(name), None, part, _member(of, name))
                    found = refused_part(part, value[name], _member(of, name))
                    return found._replace(place=f"{place_of(name)}{found.place}")
        case constraints.Subset() if isinstance(value, list):
            each = constraints.OneOf(constraint.values)
            return _item_refused(value, [each] * len(value), _item(of)) or whole
        case constraints.Argv() if isinstance(value, list) and len(value) >= len(constraint.head):
            rest = [constraint.rest] * (len(value) - len(constraint.head))
            by = [*constraint.head, *(one or constraints.Missing() for one in rest)]
            return _item_refused(value, by, TextType()) or whole
        case constraints.Links() if isinstance(value, str):
            found_link = foreign_link(value, constraint)
            if found_link:
                return whole._replace(value=_cut(shown_text(found_link), LINK))
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


def _item(of: ArgumentType | None) -> ArgumentType | None:
    of = None if of is None else inner(of)
    return of.of if isinstance(of, ListType) else None


def _span(least: int, most: int, *, said: str = "") -> str:
    return f"{least} to {said or most}" if least else f"at most {said or most}"


def _unit(of: ArgumentType | None, number: int) -> str:
    if of is None:
        return ""
    word = "item" if isinstance(inner(of), ListType) else "character"
    return f" {counted(number, word).partition(' ')[2]}"


def _values(values: Iterable[Json], of: ArgumentType | None) -> str:
    return _few([_said(value, of) for value in values])


def _entries(entries: Iterable[str]) -> str:
    return _few([shown_text(entry) for entry in entries])


def _few(said: list[str]) -> str:
    shown_ = [_cut(one, _LONG) for one in said[:_MOST]]
    more = len(said) - len(shown_)
    if more:
        return f"{', '.join(shown_)} and {more} more"
    return " or ".join(filter(None, (", ".join(shown_[:-1]), *shown_[-1:])))


def _said(value: Json, of: ArgumentType | None) -> str:
    of = None if of is None else inner(of)
    if isinstance(of, ListType):
        of = inner(of.of)
    return of.shown(value) if isinstance(of, MoneyType) and type(value) is int else literal(value)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
