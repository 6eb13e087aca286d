"""Assesses recorded links by guardrails: for each rule the shortest witness and the link to narrow."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from delegation.authority.grant import FIELDS, Grant
from delegation.authority.narrowing import refuse_replacement
from delegation.cancellation import look
from delegation.errors import MalformedError
from delegation.lineage.entry import LinkEntry
from delegation.lineage.guardrails.recorded_links import RecordedLinks

MOST_SHOWN: Final = 20  # violations of one rule that are kept, shortest chains first


@dataclass(frozen=True, slots=True)
class Guardrail:
    """One rule that no chain may break.

    Args:
        name: What people call it, unique in its file.
        condition: What it asks.
        holders: Names it is about, exact or with `*` at the end; empty is everyone.
        owners: Owners it is about, likewise.
        why: The reason, for whoever meets it.
    """

    name: str
    condition: Condition
    holders: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    why: str = ""

    def is_about(self, link: LinkEntry) -> bool:
        """Return whether the link is looked at.

        A claimed name counts as much as a registered one: whoever is called a retrieval agent is
        treated as one, since the other way round a new key would slip through.
        """
        names = {link.holder_name, link.claimed_name}
        return (not self.holders or any(_named(p, n) for p in self.holders for n in names)) and (
            not self.owners or any(_named(pattern, link.owner) for pattern in self.owners)
        )


def _named(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


@dataclass(frozen=True, slots=True)
class Violation:
    """One way in which a guardrail is broken.

    Args:
        chain: The witness, root first. Its last link is the one to narrow: no link above it that
            the rule is about breaks it.
        broken: How.
        other: The second witness, when two links take part; else empty.
    """

    chain: tuple[LinkEntry, ...]
    broken: Broken
    other: tuple[LinkEntry, ...] = ()

    @property
    def link(self) -> LinkEntry:
        """The link to narrow."""
        return self.chain[-1]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one guardrail.

    Args:
        guardrail: The rule.
        looked_at: How many links it is about.
        broken: How many of them break it, those below a broken one included.
        violations: At most 20, shortest chains first.
    """

    guardrail: Guardrail
    looked_at: int
    broken: int
    violations: tuple[Violation, ...]

    @property
    def holds(self) -> bool:
        """Whether no link breaks it; of a rule that is about no link this says nothing."""
        return not self.broken


@dataclass(frozen=True, slots=True)
class Assessment:
    """What became of all guardrails.

    Args:
        verdicts: In the order of the file.
        links: How many links were there to look at.
    """

    verdicts: tuple[Verdict, ...]
    links: int

    @property
    def holds(self) -> bool:
        """Whether every guardrail holds."""
        return all(verdict.holds for verdict in self.verdicts)

    @property
    def idle(self) -> tuple[Verdict, ...]:
        """The guardrails that are about no link: perhaps a name is misspelt."""
        return tuple(verdict for verdict in self.verdicts if not verdict.looked_at)

    def __bool__(self) -> bool:
        """Return whether every guardrail holds."""
        return self.holds


class _Count:
    """What one guardrail has met so far."""

    def __init__(self) -> None:
        self.looked_at = 0
        self.broken = 0
        self.violations: list[Violation] = []

    def keep(self, violation: Violation) -> None:
        self.violations.append(violation)
        self.violations.sort(key=lambda one: (len(one.chain), len(one.other)))
        del self.violations[MOST_SHOWN:]


def assess(guardrails: Sequence[Guardrail], forests: Iterable[RecordedLinks]) -> Assessment:
    """Return what becomes of each guardrail over all links.

    Not checked here: that the links are verified; recorded ones and tokens that were read are.

    Args:
        guardrails: The rules.
        forests: One for each root task; looked at one after the other, so that a generator keeps
            memory small.
    """
    counts = [_Count() for _ in guardrails]
    links = 0
    for forest in forests:
        links += len(forest.links)
        for guardrail, count in zip(guardrails, counts, strict=True):
            _look(guardrail, forest, count)
    verdicts = (
        Verdict(guardrail, count.looked_at, count.broken, tuple(count.violations))
        for guardrail, count in zip(guardrails, counts, strict=True)
    )
    return Assessment(tuple(verdicts), links)


def _look(guardrail: Guardrail, forest: RecordedLinks, count: _Count) -> None:
    condition = guardrail.condition
    blamed: set[str] = set()
    for link in forest.links:
        look()
        below = condition.passes_down and link.parent in blamed
        if below:
            blamed.add(link.id)
        if not guardrail.is_about(link):
            continue
        count.looked_at += 1
        broken = condition.broken_by(link, link.grant, forest)
        if broken is None:
            continue
        count.broken += 1
        if below:
            continue
        blamed.add(link.id)
        shown = Broken(
            broken.message, broken.field, _tried(condition, link, broken.narrower, forest)
        )
        other = () if broken.also is None else forest.chain(broken.also)
        count.keep(Violation(forest.chain(link), shown, other))


def _tried(
    condition: Condition, link: LinkEntry, narrower: Grant | None, forest: RecordedLinks
) -> Grant | None:
    """Return the proposal if it keeps the rule and is no wider; nothing else is ever shown."""
    if narrower is None or refuse_replacement(narrower, link.grant) is not None:
        return None
    return narrower if condition.broken_by(link, narrower, forest) is None else None


@dataclass(frozen=True, slots=True)
class Broken:
    """How one link breaks a condition.

    Args:
        message: One sentence.
        field: The grant's field to narrow; empty when no field would help.
        narrower: The grant that the link should have had, None when there is none to offer.
        also: A second link of the task that takes part in it.
    """

    message: str
    field: str
    narrower: Grant | None = None
    also: LinkEntry | None = None


class Condition(ABC):
    """One kind of guardrail."""

    __slots__ = ()
    kind: ClassVar[str]
    passes_down: ClassVar[bool] = True
    """Whether a link below one that breaks it breaks it for the same reason."""

    @abstractmethod
    def broken_by(self, link: LinkEntry, grant: Grant, forest: RecordedLinks) -> Broken | None:
        """Return how the link would break this if it held the grant, or None.

        Args:
            link: The link.
            grant: Its own grant, or a narrower one that is being tried.
            forest: All links of its root task.
        """


def changed(grant: Grant, **fields: object) -> Grant | None:
    """Return the grant with other fields, None if they have no form; narrowing is looked at later."""
    try:
        return Grant(**{**{name: getattr(grant, name) for name in FIELDS}, **fields})
    except MalformedError:
        return None
