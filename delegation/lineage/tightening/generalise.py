"""Generalises recorded values to a constraint: as narrow as they allow, no narrower than their kind.

What comes out admits every value that went in and lies within the constraint that is held. Values of
a kind are generalised by what a reviewer would say of them: domains of mailboxes, folders of paths.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import date, timedelta
from itertools import takewhile
from operator import itemgetter
from typing import Final
from urllib.parse import urlsplit

from delegation.authority.arguments import ArgumentType, ListType
from delegation.authority.arguments.families import FREE_TEXTS, NUMBERS
from delegation.authority.arguments.nullable import inner
from delegation.authority.arguments.number import as_number
from delegation.authority.constraints import (
    ABSENT,
    Anything,
    Argv,
    Constraint,
    During,
    EmailAt,
    Exact,
    Glob,
    HostNamed,
    Length,
    Missing,
    OneOf,
    PathUnder,
    Range,
    Subset,
    UrlUnder,
    Value,
    all_of,
    any_of,
    each,
)
from delegation.authority.constraints.literal import spell
from delegation.authority.constraints.range import bound_of
from delegation.canonical import Json
from delegation.errors import MalformedError
from delegation.sent_json import encode

FEW: Final = 5  # different values that are listed one by one
MOST_PLACES: Final = 8  # domains, folders, hosts that are listed; beyond that there is no pattern
REPEATED: Final = 3  # how often, in the mean, a value must have come before it is listed
_CLOSED: Final = frozenset({"enum", "boolean"})


def generalise(values: Sequence[Value], of: ArgumentType, held: Constraint) -> Constraint:
    """Return a constraint within the held one that admits all the values.

    Args:
        values: Canonical values that the held constraint admits, `ABSENT` among them where the
            argument was not given; at least one.
        of: The argument's type.
        held: What is held now; returned where nothing narrower is found.
    """
    given = [value for value in values if value is not ABSENT]
    absent = len(given) != len(values)
    cleared = None in given
    given = [value for value in given if value is not None]
    beside: list[Constraint] = [Missing()] * absent + [Exact(None)] * cleared
    if not given:
        found = beside[0] if len(beside) == 1 else any_of(*beside)
        return found if found.is_within(held) else held
    found = _within(_candidates(given, of, held), given, of, held)
    if not beside or found is held:
        return found
    either = any_of(*beside, found)
    return either if either.is_within(held) else held


def _within(
    candidates: Iterable[Constraint | None],
    given: Sequence[Json],
    of: ArgumentType,
    held: Constraint,
) -> Constraint:
    for candidate in candidates:
        if candidate is None or not candidate.suits(of) or not all(map(candidate.admits, given)):
            continue
        if candidate.is_within(held):
            return candidate
        try:
            both = all_of(held, candidate)
        except MalformedError:
            continue
        if both.is_within(held):  # what is not proven to be no wider is not proposed
            return both
    return held


def _candidates(
    given: Sequence[Json], of: ArgumentType, held: Constraint
) -> Iterable[Constraint | None]:
    """Return constraints that might do, the best first."""
    unique = {encode(value): value for value in given}
    if held.finite() is not None:  # a list that people wrote: what was used of it stays
        yield _listed(unique.values())
        return
    # Values that hardly repeat say little about the next one: to list them would refuse all others.
    repeats = REPEATED * len(unique) <= len(given)
    if len(unique) <= FEW and (repeats or of.name in _CLOSED):
        yield _listed(unique.values())
    texts = [value for value in unique.values() if isinstance(value, str)]
    match of.name:
        case name if name in NUMBERS:
            yield _range(list(unique.values()))
        case "email":
            yield _places(EmailAt, {text.rpartition("@")[2] for text in texts})
        case "host":
            yield _places(HostNamed, set(texts))
        case "path" | "relative_path":
            yield _places(PathUnder, folders(texts))
        case "url":
            yield _url(texts)
        case "datetime" | "date":
            yield _during(texts)
        case "argv":
            yield _argv(given)
        case "list" if isinstance(plain := inner(of), ListType):
            yield from _list(given, plain, held)
        case name if name in FREE_TEXTS:
            yield _glob(texts)
            yield Length(0, max(map(len, texts))) if texts else None
        case "bytes":
            yield Length(0, max(map(len, texts))) if texts else None


def _places(kind: type[EmailAt | HostNamed | PathUnder], found: set[str]) -> Constraint | None:
    if not 0 < len(found) <= MOST_PLACES:
        return None
    try:
        return kind(tuple(sorted(found)))
    except MalformedError:
        return None


def _range(values: Sequence[Json]) -> Constraint | None:
    numbers = [
        (number, value)
        for value in values
        if isinstance(value, int | float | str) and (number := as_number(value)) is not None
    ]
    if not numbers:
        return None
    (_, least), (_, most) = (pick(numbers, key=itemgetter(0)) for pick in (min, max))
    try:
        return Range(bound_of(least), bound_of(most))
    except MalformedError:  # a number that is too long for a bound
        return None


def _during(texts: Sequence[str]) -> Constraint | None:
    """Return the days from the first to the last, or the instants from midnight to midnight."""
    days = sorted(text[:10] for text in texts)
    try:
        after = (date.fromisoformat(days[-1]) + timedelta(days=1)).isoformat()
        midnight = "T00:00:00Z" if any("T" in text for text in texts) else ""
        return During(days[0] + midnight, after + midnight)
    except (MalformedError, ValueError, IndexError, OverflowError):
        return None


def _argv(lines: Sequence[Json]) -> Constraint | None:
    """Return the words that all command lines begin with, the program at least, and any after them."""
    words = [line for line in lines if isinstance(line, list)]
    common = list(
        takewhile(lambda column: len(set(map(spell, column))) == 1, zip(*words, strict=False))
    )
    if not common:
        return None
    rest = Anything() if any(len(line) > len(common) for line in words) else None
    return Argv(tuple(Exact(column[0]) for column in common), rest)


def _listed(values: Iterable[Json]) -> Constraint | None:
    """Return the constraint that admits these alone, if a grant can spell them."""
    listed = tuple(values)
    try:
        return Exact(listed[0]) if len(listed) == 1 else OneOf(listed)
    except MalformedError:
        return None


def folders(paths: Iterable[str]) -> set[str]:
    """Return the folders that hold the paths: few, and each as deep as that allows."""
    found = {path.rpartition("/")[0] or "/" for path in paths}
    while len(found) > MOST_PLACES:
        # The deepest go up first; at the top nothing is left to say.
        deepest = max(folder.count("/") for folder in found)
        found = {
            (folder.rpartition("/")[0] or "/") if folder.count("/") == deepest else folder
            for folder in found
        }
        if found == {"/"}:
            break
    return {f for f in found if not any(f != top and _is_below(f, top) for top in found)}


def _is_below(path: str, top: str) -> bool:
    return top == "/" or path.startswith(top + "/")


def _url(texts: Sequence[str]) -> Constraint | None:
    hosts: dict[str, set[str]] = {}
    for text in texts:
        parts = urlsplit(text)
        hosts.setdefault(f"{parts.scheme}://{parts.netloc}", set()).add(parts.path)
    tops = [
        host + ("/" if folder == "/" else folder)
        for host, paths in hosts.items()
        for folder in folders(paths)
    ]
    if not 0 < len(tops) <= MOST_PLACES:
        return None
    try:
        return UrlUnder(tuple(sorted(tops)), any("?" in text for text in texts))
    except MalformedError:
        return None


def _list(given: Sequence[Json], of: ListType, held: Constraint) -> Iterable[Constraint | None]:
    items = [item for value in given if isinstance(value, list) for item in value]
    unique = {encode(item): item for item in items}
    if items and len(unique) <= FEW and REPEATED * len(unique) <= len(items):
        with suppress(MalformedError):
            yield Subset(tuple(unique.values()))
    if items:
        each_held = held.members()[0] if held.kind == "each" else None
        for candidate in _candidates(items, of.of, held if each_held is None else each_held):
            yield None if candidate is None else each(candidate)
    lengths = [len(value) for value in given if isinstance(value, list)]
    yield Length(0, max(lengths)) if lengths else None


def _glob(texts: Sequence[str]) -> Constraint | None:
    """Return the one pattern of texts whose segments are alike in number and in their beginning."""
    split = [text.split("/") for text in texts]
    if not split or len(split[0]) < 2 or len({len(parts) for parts in split}) != 1:  # noqa: PLR2004  # one segment is no pattern
        return None
    columns = list(zip(*split, strict=True))
    pattern = [column[0] if len(set(column)) == 1 else "*" for column in columns]
    if pattern[0] == "*" or any("*" in part for parts in split for part in parts):
        return None
    try:
        return Glob(("/".join(pattern),))
    except MalformedError:
        return None


def feature(value: Value, of: ArgumentType) -> str | None:
    """Return what a value is counted by when rare ones are left out; None where nothing is."""
    if value is ABSENT or not isinstance(value, str | bool):
        return None
    text = str(value)
    match of.name:
        case "email":
            return text.rpartition("@")[2]
        case "url":
            parts = urlsplit(text)
            return f"{parts.scheme}://{parts.netloc}"
        case "path":
            return "/".join(text.split("/")[:2])
        case "host" | "enum" | "boolean":
            return text
    return None
