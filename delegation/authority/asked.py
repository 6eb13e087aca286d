"""Says what a constraint asks of a value, in words that follow "must be", and which part it refuses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from delegation.authority.arguments import ArgumentType, ListType, MoneyType
from delegation.authority.arguments.character import counted
from delegation.authority.arguments.nullable import inner
from delegation.authority.constraints import (
    AddressIn,
    AllOf,
    AnyOf,
    Anything,
    Argv,
    Constraint,
    Contains,
    Count,
    During,
    Each,
    EmailAt,
    Exact,
    Glob,
    HostNamed,
    Length,
    Links,
    Missing,
    NotBelow,
    NotOneOf,
    OneOf,
    PathUnder,
    Range,
    Subset,
    UrlUnder,
)
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
        case Anything():
            return "anything that the tool takes"
        case Missing():
            return "left out"
        case Exact():
            return f"exactly {_said(constraint.value, of)}"
        case OneOf():
            return f"one of {_values(constraint.values, of)}"
        case NotOneOf():
            return f"anything but {_values(constraint.values, of)}"
        case Range():
            if constraint.min is not None and constraint.max is not None:
                return f"from {_said(constraint.min, of)} to {_said(constraint.max, of)}"
            ends = {"at least": constraint.min, "above": constraint.above,
                    "at most": constraint.max, "below": constraint.below}  # fmt: skip
            return " and ".join(f"{w} {_said(b, of)}" for w, b in ends.items() if b is not None)
        case Length():
            return f"{_span(constraint.min, constraint.max)}{_unit(of, constraint.max)} long"
        case Count():
            most = counted(constraint.max, "item")
            return f"a list of {_span(constraint.min, constraint.max, said=most)}"
        case During():
            ends_of = {"from": constraint.start, "before": constraint.end}
            said = " and ".join(f"{word} {end}" for word, end in ends_of.items() if end)
            return f"a {'day' if constraint.is_of_days else 'moment'} {said}"
        case Argv():
            heads = "; ".join(f"word {n} {asked(one)}" for n, one in enumerate(constraint.head, 1))
            rest = "no more" if constraint.rest is None else f"each {asked(constraint.rest)}"
            return f"a command line: {heads}; then {rest}" if heads else f"words, {rest}"
        case Links():
            hosts = _entries(constraint.hosts)
            return (
                f"text with no links but to {hosts}" if constraint.hosts else "text without links"
            )
        case NotBelow():
            return f"a path that is not under {_entries(constraint.under)}"
        case Contains():
            return f"a list that holds {_values(constraint.values, of)}"
        case Subset():
            return f"a list of none but {_values(constraint.values, of)}"
        case Each():
            return f"a list, each item {asked(constraint.item, _item(of))}"
        case AllOf() | AnyOf():
            between = " and " if isinstance(constraint, AllOf) else " or "
            parts = [asked(part, of) for part in constraint.parts[:_MOST]]
            more = len(constraint.parts) - len(parts)
            return between.join([*parts, f"{more} more"] if more else parts)
        case PathUnder():
            return f"a path under {_entries(constraint.under)}"
        case UrlUnder():
            query = "" if constraint.query else ", without a query"
            return f"a URL under {_entries(constraint.under)}{query}"
        case HostNamed():
            return f"the host {_entries(constraint.names)}"
        case AddressIn():
            return f"an address in {_entries(constraint.networks)}"
        case EmailAt():
            whole = [one for one in constraint.domains if "@" in one]
            at = [one for one in constraint.domains if "@" not in one]
            said_at = f"an e-mail address at {_entries(at)}" if at else ""
            return " or ".join(filter(None, (_entries(whole) if whole else "", said_at)))
        case Glob():
            return f"text like {_entries(constraint.patterns)}"
    return f"what {shown(constraint.to_json())} admits"


def refused_part(constraint: Constraint, value: Json) -> tuple[str, Json, Constraint]:
    """Return where in a refused value the part stands that is refused, that part, and what refuses it.

    Of a text whose links are bounded the part is the link that was found, escaped and cut.

    Args:
        constraint: A constraint that does not admit the value.
        value: A canonical value.
    """
    match constraint:
        case AllOf():
            for part in constraint.parts:
                if not part.admits(value):
                    return refused_part(part, value)
        case AnyOf() if len(constraint.parts) == 1:
            return refused_part(constraint.parts[0], value)
        case Each() if isinstance(value, list):
            return _item_refused(value, [constraint.item] * len(value)) or ("", value, constraint)
        case Subset() if isinstance(value, list):
            each = OneOf(constraint.values)
            return _item_refused(value, [each] * len(value)) or ("", value, constraint)
        case Argv() if isinstance(value, list) and len(value) >= len(constraint.head):
            rest = [constraint.rest] * (len(value) - len(constraint.head))
            words = _item_refused(value, [*constraint.head, *(one or Missing() for one in rest)])
            return words or ("", value, constraint)
        case Links() if isinstance(value, str):
            found = foreign_link(value, constraint)
            if found:
                return "", _cut(shown_text(found), LINK), constraint
    return "", value, constraint


def _item_refused(items: list[Json], by: list[Constraint]) -> tuple[str, Json, Constraint] | None:
    for number, (item, one) in enumerate(zip(items, by, strict=True)):
        if not one.admits(item):
            place, part, finest = refused_part(one, item)
            return f"[{number}]{place}", part, finest
    return None


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
