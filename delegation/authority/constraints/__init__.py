"""Defines constraints: the closed set of restrictions on arguments, and the words to write them with.

There are no regular expressions: whether one lies within another is not decidable cheaply, and what
they admit is not seen by a reviewer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from delegation.authority.arguments import NoCanonicalFormError
from delegation.authority.arguments.email import canonical_email
from delegation.authority.arguments.host import canonical_host
from delegation.authority.arguments.url import parse_url
from delegation.authority.constraints.collection import Contains, Each, Subset
from delegation.authority.constraints.combination import AllOf, AnyOf
from delegation.authority.constraints.constraint import ABSENT, Absent, Constraint, Value
from delegation.authority.constraints.equality import Exact, NotOneOf, OneOf
from delegation.authority.constraints.length import MAX_LENGTH, Count, Length
from delegation.authority.constraints.network import AddressIn, EmailAt, HostNamed
from delegation.authority.constraints.objects import Members
from delegation.authority.constraints.paths import NotBelow, PathUnder
from delegation.authority.constraints.place import Glob, UrlUnder
from delegation.authority.constraints.position import Argv
from delegation.authority.constraints.presence import Anything, Missing
from delegation.authority.constraints.range import Range, bound_of
from delegation.authority.constraints.table import KINDS, NEWEST, TABLES, parse_constraint
from delegation.authority.constraints.text_links import Links
from delegation.authority.constraints.time_span import During, end_of
from delegation.canonical import Json
from delegation.errors import MalformedError


def anything() -> Anything:
    """Admit whatever the argument's type allows, and its absence."""
    return Anything()


def absent() -> Missing:
    """Admit only that the argument is not given."""
    return Missing()


def exact(value: Json) -> Exact:
    """Admit exactly this value."""
    return Exact(value)


def one_of(*values: Json) -> OneOf:
    """Admit one of these values."""
    return OneOf(values)


def not_one_of(*values: Json) -> NotOneOf:
    """Admit any value but these."""
    return NotOneOf(values)


def between(
    least: float | str | Decimal | None = None,
    most: float | str | Decimal | None = None,
    *,
    above: float | str | Decimal | None = None,
    below: float | str | Decimal | None = None,
) -> Range:
    """Admit numbers from `least` to `most`, both inclusive, or `above` and `below` others, exclusive.

    Raises:
        MalformedError: A bound is no number, or together they admit none.
    """
    return Range(bound_of(least), bound_of(most), bound_of(above), bound_of(below))


def count(min: int = 0, max: int = MAX_LENGTH) -> Count:  # noqa: A002  # read as `count(max=5)`
    """Admit lists of `min` to `max` items, and objects of so many members."""
    return Count(min, max)


def during(start: date | str | None = None, end: date | str | None = None) -> During:
    """Admit instants, or days, from `start` on and before `end`.

    Args:
        start: An RFC 3339 instant, a day, `task+3600s` or `task+7d` from the task's opening, or one of
            Python's `datetime` with a zone and `date`.
        end: Likewise; the first that is not admitted.

    Raises:
        MalformedError: An end is none of these, or they admit nothing.
    """
    return During(end_of(start), end_of(end))


def argv(*head: str | Constraint, rest: Constraint | None = None) -> Argv:
    """Admit command lines that begin so, each word by its own constraint or being that text.

    Args:
        head: What the first words are.
        rest: What each word after them is; None admits none.
    """
    return Argv(tuple(Exact(one) if isinstance(one, str) else one for one in head), rest)


def contains(*values: Json) -> Contains:
    """Admit lists that hold all of these values."""
    return Contains(values)


def subset(*values: Json) -> Subset:
    """Admit lists of none but these values."""
    return Subset(values)


def each(item: Constraint) -> Each:
    """Admit lists whose every item is admitted by this."""
    return Each(item)


def members(fields: Mapping[str, Constraint] | None = None, /, **named: Constraint) -> Members:
    """Admit objects whose named members are each admitted: `members(size=between(1, 5000))`.

    Args:
        fields: Constraints by name, for names that are no Python identifiers.
        named: Constraints by name.
    """
    return Members((*(fields or {}).items(), *named.items()))


def all_of(*parts: Constraint) -> AllOf:
    """Admit what all of these admit."""
    return AllOf(parts)


def any_of(*parts: Constraint) -> AnyOf:
    """Admit what one of these admits."""
    return AnyOf(parts)


def text(max: int = MAX_LENGTH, min: int = 0) -> Length:  # noqa: A002  # read as `text(max=2000)`
    """Admit texts of `min` to `max` characters, or lists of so many items."""
    return Length(min, max)


def path(*under: str) -> PathUnder:
    """Admit these paths and what is below them, all absolute or all relative."""
    return PathUnder(under)


def not_below(*paths: str) -> NotBelow:
    """Admit paths that are none of these nor below one, in whatever case or guise."""
    return NotBelow(paths)


def url(*under: str, query: bool = False) -> UrlUnder:
    """Admit these URLs and what is below them.

    Raises:
        MalformedError: One is no URL.
    """
    return UrlUnder(tuple(_spelled(_url, entry) for entry in under), query)


def host(*names: str) -> HostNamed:
    """Admit these hosts; `*.acme.example` is everything below that name.

    Raises:
        MalformedError: One is no host.
    """
    return HostNamed(tuple(_spelled(_host, entry) for entry in names))


def links(*hosts: str) -> Links:
    """Admit texts in which nobody finds a link but to these hosts; without hosts, none at all.

    Raises:
        MalformedError: One is no host.
    """
    return Links(tuple(_spelled(_host, entry) for entry in hosts))


def cidr(*networks: str) -> AddressIn:
    """Admit addresses within these networks."""
    return AddressIn(networks)


def email(*domains: str) -> EmailAt:
    """Admit mailboxes at these domains; an entry with `@` is one mailbox.

    Raises:
        MalformedError: One is neither.
    """
    return EmailAt(
        tuple(_spelled(canonical_email if "@" in entry else _host, entry) for entry in domains)
    )


def glob(*patterns: str) -> Glob:
    """Admit texts whose segments match one of these patterns."""
    return Glob(patterns)


def _spelled(spell: Callable[[str], str], entry: str) -> str:
    try:
        return spell(entry)
    except NoCanonicalFormError as error:
        raise MalformedError("A constraint's entry", wanted=f"canonical: {error}") from error


def _host(entry: str) -> str:
    prefix = "*." if entry.startswith("*.") else ""
    return prefix + canonical_host(entry.removeprefix("*."), special=True)


def _url(entry: str) -> str:
    text = parse_url(entry, special=True).text
    return text if text.count("/") == 3 else text.rstrip("/")  # noqa: PLR2004  # https://host/


WORDS: Final[Mapping[str, Callable[..., Constraint]]] = MappingProxyType(
    {
        word.__name__: word
        for word in (
            absent, all_of, any_of, anything, argv, between, cidr, contains, count, during, each,
            email, exact, glob, host, links, members, not_below, not_one_of, one_of, path, subset,
            text, url,
        )
    }
)  # fmt: skip
"""Each word by its name."""
# How a kind is written, and one of it: those that fit a type are what its argument may be bound by.
EXAMPLES: Final[tuple[tuple[str, Constraint], ...]] = (
    ("text(max=2000)", text(max=2000)),
    ("between(1, 5)", between(1, 5)),
    ('email("acme.example")', email("acme.example")),
    ('host("acme.example")', host("acme.example")),
    ('cidr("192.0.2.0/24")', cidr("192.0.2.0/24")),
    ('url("https://acme.example/v1")', url("https://acme.example/v1")),
    ('path("/data")', path("/data")),
    ('path("reports")', path("reports")),
    ('not_below("/data/keys")', not_below("/data/keys")),
    ('not_below("reports/keys")', not_below("reports/keys")),
    ('links("acme.example")', links("acme.example")),
    ('glob("reports/*")', glob("reports/*")),
    ('during("2026-01-01", "2026-02-01")', during("2026-01-01", "2026-02-01")),
    ('during("task+0s", "task+3600s")', during("task+0s", "task+3600s")),
    ('argv("git", "status")', argv("git", "status")),
    ("count(1, 5)", count(1, 5)),
)

__all__ = [
    "ABSENT",
    "EXAMPLES",
    "KINDS",
    "NEWEST",
    "TABLES",
    "WORDS",
    "Absent",
    "AddressIn",
    "AllOf",
    "AnyOf",
    "Anything",
    "Argv",
    "Constraint",
    "Contains",
    "Count",
    "During",
    "Each",
    "EmailAt",
    "Exact",
    "Glob",
    "HostNamed",
    "Length",
    "Links",
    "Members",
    "Missing",
    "NotBelow",
    "NotOneOf",
    "OneOf",
    "PathUnder",
    "Range",
    "Subset",
    "UrlUnder",
    "Value",
    "absent",
    "all_of",
    "any_of",
    "anything",
    "argv",
    "between",
    "cidr",
    "contains",
    "count",
    "during",
    "each",
    "email",
    "exact",
    "glob",
    "host",
    "links",
    "members",
    "not_below",
    "not_one_of",
    "one_of",
    "parse_constraint",
    "path",
    "subset",
    "text",
    "url",
]
