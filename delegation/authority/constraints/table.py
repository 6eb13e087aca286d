"""Lists the constraint kinds of each version of a link's payload, and how each is read.

A later version has all kinds of the earlier ones. A kind that a version lacks is refused by its name,
in whatever later version it stands: a verifier that skipped it would widen authority.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from types import MappingProxyType
from typing import Final, TypeAlias

from delegation import canonical
from delegation.authority.constraints.collection import Contains, Each, Subset
from delegation.authority.constraints.combination import AllOf, AnyOf
from delegation.authority.constraints.constraint import (
    FIRST_DEPTH,
    MAX_DEPTH,
    MAX_MEMBERS,
    MAX_VALUES,
    SPELLED,
    Constraint,
    refuse_deep,
)
from delegation.authority.constraints.equality import Exact, NotOneOf, OneOf
from delegation.authority.constraints.length import Count, Length
from delegation.authority.constraints.literal import unspell
from delegation.authority.constraints.network import AddressIn, EmailAt, HostNamed
from delegation.authority.constraints.objects import Members
from delegation.authority.constraints.paths import NotBelow, PathUnder
from delegation.authority.constraints.place import MAX_ENTRIES, Glob, UrlUnder
from delegation.authority.constraints.position import Argv
from delegation.authority.constraints.presence import Anything, Missing
from delegation.authority.constraints.range import Range
from delegation.authority.constraints.text_links import Links
from delegation.authority.constraints.time_span import During
from delegation.authority.fields import closed_object, list_of
from delegation.canonical import Json, same
from delegation.errors import MalformedError

NEWEST: Final = 2  # payload version
_MOST_SHOWN: Final = 200  # characters of the right form that an error shows
_KIND: Final = re.compile(r"[a-z][a-z_]{0,31}")
Inner: TypeAlias = Callable[[Json], Constraint]
Reader: TypeAlias = Callable[[Json, Inner], Constraint]


def parse_constraint(value: Json, *, version: int | None = None) -> Constraint:
    """Return the constraint that this JSON states.

    Args:
        value: An object of exactly one kind.
        version: The payload version that it stands in; None where people write it, who may count
            times from a task's opening.

    Raises:
        MalformedError: An unknown kind, a field missing, unknown or of another form, a literal that
            is not canonical, another order than the canonical one, or too many or too deep.
    """
    constraint = _parse(
        value, FIRST_DEPTH if version == 1 else MAX_DEPTH, NEWEST if version is None else version
    )
    refuse_deep(constraint)
    if _count(constraint) > MAX_MEMBERS:
        raise MalformedError("A constraint", wanted=f"made of at most {MAX_MEMBERS} constraints")
    if version is not None and constraint.version > version:
        raise MalformedError(constraint.kind, wanted=f"in a form of payload version {version}")
    if version is not None and constraint.opened(0) != constraint:
        raise MalformedError("during", wanted="counted from no opening: a payload states instants")
    said = constraint.to_json()
    if not same(said, value):
        text = canonical.text_of(said)
        shown = text if len(text) <= _MOST_SHOWN else "in its canonical order"
        raise MalformedError("A constraint", wanted=f"in its one form: {shown}")
    return constraint


def _count(constraint: Constraint) -> int:
    return 1 + sum(_count(member) for member in constraint.members())


def _parse(value: Json, depth: int, version: int) -> Constraint:
    if not isinstance(value, dict) or len(value) != 1:
        raise MalformedError("A constraint", wanted="an object of exactly one kind")
    if depth == 0:
        most = FIRST_DEPTH if version == 1 else MAX_DEPTH
        raise MalformedError("A constraint", wanted=f"nested at most {most} deep")
    ((kind, body),) = value.items()
    read = TABLES[version].get(kind)
    if read is None:
        named = f", not {kind}" if _KIND.fullmatch(kind) else ""
        known = ", ".join(TABLES[version])
        raise MalformedError(
            f"A constraint's kind in payload version {version}", wanted=f"one of {known}{named}"
        )
    return read(body, lambda inner: _parse(inner, depth - 1, version))


def _texts(kind: str, field: str, body: Json) -> tuple[str, ...]:
    fields = closed_object(kind, body, frozenset({field}))
    return tuple(list_of(kind, fields[field], MAX_ENTRIES))  # type: ignore[arg-type]  # `entries`


def _presence(made: Constraint) -> Reader:
    def read(body: Json, _: Inner) -> Constraint:
        if body is not True:
            raise MalformedError(made.kind, wanted="true")
        return made

    return read


def _values(kind: str, body: Json) -> tuple[Json, ...]:
    return tuple(list_of(kind, body, MAX_VALUES))


def _parts(kind: str, body: Json, inner: Inner) -> tuple[Constraint, ...]:
    return tuple(inner(part) for part in list_of(kind, body, MAX_MEMBERS))


def _argv(body: Json, inner: Inner) -> Constraint:
    fields = closed_object("argv", body, frozenset({"head", "rest"}))
    rest = None if fields["rest"] is None else inner(fields["rest"])
    return Argv(_parts("argv", fields["head"], inner), rest)


def _members(body: Json, inner: Inner) -> Constraint:
    if not isinstance(body, dict):
        raise MalformedError("members", wanted="an object of constraints by member")
    return Members(tuple((name, inner(part)) for name, part in body.items()))


def _spelled(body: Json, inner: Inner) -> Constraint:
    """Read a kind of literals that are spelled; that each must be is shown by writing it again."""
    if not isinstance(body, dict) or len(body) != 1 or not body.keys() <= _LITERAL.keys():
        raise MalformedError(SPELLED, wanted="an object of one of " + ", ".join(_LITERAL))
    ((kind, said),) = body.items()
    if kind == "exact":
        return Exact(unspell(said, kind))
    return _LITERAL[kind]([unspell(one, kind) for one in _values(kind, said)], inner)


_LITERAL: Final[dict[str, Reader]] = {
    "exact": lambda body, _: Exact(body),
    "one_of": lambda body, _: OneOf(_values("one_of", body)),
    "not_one_of": lambda body, _: NotOneOf(_values("not_one_of", body)),
    "contains": lambda body, _: Contains(_values("contains", body)),
    "subset": lambda body, _: Subset(_values("subset", body)),
}
_FIRST: Final[dict[str, Reader]] = {
    **_LITERAL,
    "any": _presence(Anything()),
    "absent": _presence(Missing()),
    "range": lambda body, _: Range.parse(body),
    "length": lambda body, _: Length.parse(body),
    "path": lambda body, _: PathUnder(_texts("path", "under", body)),
    "url": lambda body, _: UrlUnder.parse(body),
    "host": lambda body, _: HostNamed(_texts("host", "names", body)),
    "email": lambda body, _: EmailAt(_texts("email", "domains", body)),
    "cidr": lambda body, _: AddressIn(_texts("cidr", "networks", body)),
    "glob": lambda body, _: Glob(tuple(list_of("glob", body, MAX_ENTRIES))),  # type: ignore[arg-type]
    "each": lambda body, inner: Each(inner(body)),
    "all": lambda body, inner: AllOf(_parts("all", body, inner)),
    "any_of": lambda body, inner: AnyOf(_parts("any_of", body, inner)),
}
_SECOND: Final[dict[str, Reader]] = {
    **_FIRST,
    SPELLED: _spelled,
    "argv": _argv,
    "count": lambda body, _: Count.parse(body),
    "during": lambda body, _: During.parse(body),
    "links": lambda body, _: Links(_texts("links", "hosts", body)),
    "members": _members,
    "not_below": lambda body, _: NotBelow(_texts("not_below", "paths", body)),
}
TABLES: Final = MappingProxyType({1: MappingProxyType(_FIRST), 2: MappingProxyType(_SECOND)})
KINDS: Final = tuple(TABLES[NEWEST])
