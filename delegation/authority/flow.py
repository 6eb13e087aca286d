"""Defines flow rules: the order of calls within one task, separation of duties, amounts.

The rules travel in grants and only accumulate. They are judged at step 11 on the history of the
whole root task, whichever agents of it made the calls. Source: docs/reference/caveats.md, "Flow rules".

They speak of terms: a label (`pii`), or one of `effect:write`, `system:crm`, `domain:finance` and
`tool:crm.**`, the last by pattern. What calls leave in their task's history are marks: terms without
pattern, what one call was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations
from typing import Final, Literal, TypeAlias, get_args

from delegation.authority.fields import closed_object, list_of, matching_text, units
from delegation.authority.pattern import MAX_PATTERN, SegmentPattern, tool_pattern
from delegation.canonical import Json
from delegation.errors import MalformedError

LABEL: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")
MAX_LABELS: Final = 32
_TERM: Final = re.compile(
    r"[a-z][a-z0-9_-]{0,63}"
    r"|effect:(read|write|delete|admin|actuate)"
    r"|(system|domain):[a-z0-9._-]{1,64}"
    rf"|tool:[a-z0-9_.*-]{{1,{MAX_PATTERN}}}"
)
_TOOL: Final = "tool:"
By: TypeAlias = Literal["agent", "owner"]
Counted: TypeAlias = Literal[
    "calls", "reads", "writes", "deletes", "admins", "actuations", "changes",
    "systems", "domains", "tools",
]  # fmt: skip
COUNTED: Final[tuple[Counted, ...]] = get_args(Counted)
MAX_SETS: Final = 8
_BY: Final = re.compile("|".join(get_args(By)))


def terms(what: str, value: object) -> tuple[str, ...]:
    """Return terms sorted and without repetition, at least one.

    Raises:
        MalformedError: One has another form, or there are none, or more than `MAX_LABELS`.
    """
    items = list_of(what, list(value) if isinstance(value, tuple) else value, MAX_LABELS)
    found = {
        matching_text(what, item, _TERM, "a label, or a term such as effect:write")
        for item in items
    }
    for term in found:
        if term.startswith(_TOOL):
            _pattern(term)
    if not found:
        raise MalformedError(what, wanted="at least one label or term")
    return tuple(sorted(found))


def version_of(term: str) -> int:
    """Return the lowest payload version that has such a term."""
    return _pattern(term).version if term.startswith(_TOOL) else 1


def is_label(term: str) -> bool:
    """Return whether the term is a label, not a kind with a value."""
    return ":" not in term


def matches(term: str, mark: str) -> bool:
    """Return whether a call with this mark is one that the term speaks of."""
    is_pattern = "*" in term and mark.startswith(_TOOL)
    return term == mark or (is_pattern and _pattern(term).matches(mark.removeprefix(_TOOL)))


def covers(term: str, other: str) -> bool:
    """Return whether whatever the other term speaks of, this one speaks of too."""
    is_pattern = "*" in term and other.startswith(_TOOL)
    return term == other or (is_pattern and _pattern(other).is_within(_pattern(term)))


def all_covered(wider: tuple[str, ...], narrower: tuple[str, ...]) -> bool:
    """Return whether each term of the second is covered by one of the first."""
    return all(any(covers(mine, other) for mine in wider) for other in narrower)


@lru_cache(maxsize=4096)
def _pattern(term: str) -> SegmentPattern:
    return tool_pattern(term.removeprefix(_TOOL))


@dataclass(frozen=True, slots=True)
class AfterNever:
    """Once the task has seen one of `after`, no call that is one of `never` may be made in it.

    Args:
        after: Labels of tools or resources, or other terms, at least one.
        never: What is refused from then on, at least one.
    """

    after: tuple[str, ...]
    never: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "after", terms("after", self.after))
        object.__setattr__(self, "never", terms("never", self.never))

    def implies(self, other: FlowRule) -> bool:
        """Return whether whatever the other refuses, this refuses too."""
        return (
            isinstance(other, AfterNever)
            and all_covered(self.after, other.after)
            and all_covered(self.never, other.never)
        )

    def terms(self) -> Iterator[str]:
        """Return every term that the rule speaks of."""
        yield from (*self.after, *self.never)

    def to_json(self) -> dict[str, Json]:
        """Return the rule's JSON."""
        return {"after": list(self.after), "never": list(self.never)}


@dataclass(frozen=True, slots=True)
class AtMost:
    """The task may not count more than so many of each named thing.

    Args:
        counts: Most by name: `calls`; by effect `reads`, `writes`, `deletes`, `admins`,
            `actuations`, and `changes` for all but reads; `systems`, `domains` and `tools` count
            different ones.

    Raises:
        MalformedError: A name that nobody counts, or an amount that is none.
    """

    counts: Mapping[str, int]

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", units("at_most", self.counts))
        # A name that nobody counts would be a bound that never holds.
        if not self.counts or not self.counts.keys() <= frozenset(COUNTED):
            raise MalformedError("at_most", wanted="counts of " + ", ".join(COUNTED))

    def implies(self, other: FlowRule) -> bool:
        """Return whether whatever the other refuses, this refuses too."""
        return isinstance(other, AtMost) and all(
            name in self.counts and self.counts[name] <= most for name, most in other.counts.items()
        )

    def terms(self) -> Iterator[str]:
        """Return every term that the rule speaks of: none."""
        yield from ()

    def to_json(self) -> dict[str, Json]:
        """Return the rule's JSON."""
        return {"at_most": dict(self.counts)}


@dataclass(frozen=True, slots=True)
class Apart:
    """Whoever made a call of one set may make none of another: separation of duties.

    Args:
        sets: 2 to 8 sets of terms, none of which is in two sets.
        by: `agent`: the registered agent; `owner`: the accountable owner, so that two agents of
            one owner count as one.
    """

    sets: tuple[tuple[str, ...], ...]
    by: By = "agent"

    def __post_init__(self) -> None:
        given = list(self.sets) if isinstance(self.sets, tuple) else self.sets
        parts = [terms("apart", part) for part in list_of("apart", given, MAX_SETS)]
        object.__setattr__(self, "sets", tuple(sorted(parts)))
        matching_text("by", self.by, _BY, "agent or owner")
        named = [term for part in parts for term in part]
        if len(parts) < 2 or len(set(named)) < len(named):  # noqa: PLR2004  # a pair
            raise MalformedError("apart", wanted=f"2 to {MAX_SETS} sets without a common term")

    def implies(self, other: FlowRule) -> bool:
        """Return whether whatever the other refuses, this refuses too."""
        return (
            isinstance(other, Apart)
            and self.by == other.by
            # Any two sets that the other keeps apart lie in two different ones of mine: in one of
            # mine together they would no longer be apart.
            and all(
                any(
                    all_covered(mine, one) and all_covered(yours, two)
                    for mine, yours in permutations(self.sets, 2)
                )
                for one, two in permutations(other.sets, 2)
            )
        )

    def places(self, marks: tuple[str, ...]) -> frozenset[int]:
        """Return which of the sets a call with these marks belongs to."""
        return frozenset(
            place
            for place, part in enumerate(self.sets)
            if any(matches(term, mark) for term in part for mark in marks)
        )

    def terms(self) -> Iterator[str]:
        """Return every term that the rule speaks of."""
        for part in self.sets:
            yield from part

    def to_json(self) -> dict[str, Json]:
        """Return the rule's JSON."""
        return {"apart": [list(part) for part in self.sets], "by": self.by}


FlowRule: TypeAlias = AfterNever | AtMost | Apart


def parse_flow_rule(value: Json) -> FlowRule:
    """Return the flow rule that this JSON states.

    Raises:
        MalformedError: An unknown kind, or a field of another form.
    """
    if isinstance(value, dict) and "at_most" in value:
        return AtMost(closed_object("A flow rule", value, frozenset({"at_most"}))["at_most"])  # type: ignore[arg-type]  # checked by `units`
    if isinstance(value, dict) and "apart" in value:
        body = closed_object("A flow rule", value, frozenset({"apart", "by"}))
        return Apart(body["apart"], body["by"])  # type: ignore[arg-type]  # checked by __post_init__
    body = closed_object("A flow rule", value, frozenset({"after", "never"}))
    return AfterNever(body["after"], body["never"])  # type: ignore[arg-type]  # checked by `terms`


def words(rule: FlowRule) -> str:
    """Return a rule in a few words, for lists and edges."""
    match rule:
        case AfterNever():
            return f"after {' or '.join(rule.after)} never {' or '.join(rule.never)}"
        case AtMost():
            return "at most " + ", ".join(f"{most} {name}" for name, most in rule.counts.items())
        case Apart():
            return " apart from ".join(" or ".join(part) for part in rule.sets) + f" by {rule.by}"
