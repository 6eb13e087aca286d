"""Constraints: the closed set of restrictions on arguments, and the words to write them with.

There are no regular expressions: whether one lies within another is not decidable cheaply, and what
they admit is not seen by a reviewer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from delegation.authority.arguments import NoCanonicalFormError
from delegation.authority.arguments.email import canonical_email
from delegation.authority.arguments.host import canonical_host
from delegation.authority.arguments.url import parse_url
from delegation.authority.constraints.collection import Contains, Each, Subset
from delegation.authority.constraints.combination import AllOf, AnyOf
from delegation.authority.constraints.constraint import (
    ABSENT,
    MAX_DEPTH,
    MAX_MEMBERS,
    MAX_VALUES,
    Absent,
    Constraint,
    Value,
)
from delegation.authority.constraints.equality import Exact, NotOneOf, OneOf
from delegation.authority.constraints.length import MAX_LENGTH, Length
from delegation.authority.constraints.network import AddressIn, EmailAt, HostNamed
from delegation.authority.constraints.place import MAX_ENTRIES, Glob, PathUnder, UrlUnder
from delegation.authority.constraints.presence import Anything, Missing
from delegation.authority.constraints.range import Range
from delegation.authority.fields import closed_object, list_of
from delegation.canonical import Json, same
from delegation.errors import MalformedError


def parse_constraint(value: Json) -> Constraint:
    """Return the constraint that this JSON states.

    Raises:
        MalformedError: An unknown kind, a field missing, unknown or of another form, a literal that
            is not canonical, another order than the canonical one, or too many or too deep.
    """
    constraint = _parse(value, MAX_DEPTH)
    if _count(constraint) > MAX_MEMBERS:
        raise MalformedError("A constraint", wanted=f"made of at most {MAX_MEMBERS} constraints")
    if not same(constraint.to_json(), value):
        raise MalformedError("A constraint", wanted="in its canonical order")
    return constraint


def _count(constraint: Constraint) -> int:
    return 1 + sum(_count(member) for member in constraint.members())


def _parse(value: Json, depth: int) -> Constraint:
    if not isinstance(value, dict) or len(value) != 1:
        raise MalformedError("A constraint", wanted="an object of exactly one kind")
    if depth == 0:
        raise MalformedError("A constraint", wanted=f"nested at most {MAX_DEPTH} deep")
    ((kind, body),) = value.items()
    if kind == "each":
        return Each(_parse(body, depth - 1))
    if kind in {"all", "any_of"}:
        parts = tuple(_parse(part, depth - 1) for part in list_of(kind, body, MAX_MEMBERS))
        return AllOf(parts) if kind == "all" else AnyOf(parts)
    read = _KINDS.get(kind)
    if read is None:
        raise MalformedError("A constraint's kind", wanted="one of " + ", ".join(KINDS))
    return read(body)


def _texts(kind: str, field: str, body: Json) -> tuple[str, ...]:
    fields = closed_object(kind, body, frozenset({field}))
    return tuple(list_of(kind, fields[field], MAX_ENTRIES))  # type: ignore[arg-type]  # `entries`


def _presence(made: Constraint) -> Callable[[Json], Constraint]:
    def read(body: Json) -> Constraint:
        if body is not True:
            raise MalformedError(made.kind, wanted="true")
        return made

    return read


def _values(kind: str, body: Json) -> tuple[Json, ...]:
    return tuple(list_of(kind, body, MAX_VALUES))


_KINDS: Final[dict[str, Callable[[Json], Constraint]]] = {
    "any": _presence(Anything()),
    "absent": _presence(Missing()),
    "exact": Exact,
    "one_of": lambda body: OneOf(_values("one_of", body)),
    "not_one_of": lambda body: NotOneOf(_values("not_one_of", body)),
    "range": Range.parse,
    "contains": lambda body: Contains(_values("contains", body)),
    "subset": lambda body: Subset(_values("subset", body)),
    "length": Length.parse,
    "path": lambda body: PathUnder(_texts("path", "under", body)),
    "url": UrlUnder.parse,
    "host": lambda body: HostNamed(_texts("host", "names", body)),
    "email": lambda body: EmailAt(_texts("email", "domains", body)),
    "cidr": lambda body: AddressIn(_texts("cidr", "networks", body)),
    "glob": lambda body: Glob(tuple(list_of("glob", body, MAX_ENTRIES))),  # type: ignore[arg-type]
}
KINDS: Final = (*_KINDS, "each", "all", "any_of")


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


def between(least: int | str | None = None, most: int | str | None = None) -> Range:
    """Admit numbers from `least` to `most`, both inclusive; decimals are written as text."""
    return Range(least, most)


def contains(*values: Json) -> Contains:
    """Admit lists that hold all of these values."""
    return Contains(values)


def subset(*values: Json) -> Subset:
    """Admit lists of none but these values."""
    return Subset(values)


def each(item: Constraint) -> Each:
    """Admit lists whose every item is admitted by this."""
    return Each(item)


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
    """Admit these paths and what is below them."""
    return PathUnder(under)


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


__all__ = [
    "ABSENT",
    "KINDS",
    "Absent",
    "AddressIn",
    "AllOf",
    "AnyOf",
    "Anything",
    "Constraint",
    "Contains",
    "Each",
    "EmailAt",
    "Exact",
    "Glob",
    "HostNamed",
    "Length",
    "Missing",
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
    "between",
    "cidr",
    "contains",
    "each",
    "email",
    "exact",
    "glob",
    "host",
    "not_one_of",
    "one_of",
    "parse_constraint",
    "path",
    "subset",
    "text",
    "url",
]
