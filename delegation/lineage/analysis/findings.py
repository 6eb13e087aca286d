"""Finds what a reviewer should look at, each by one documented rule. See docs/reference/findings.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from delegation.authority.explain import instant
from delegation.lineage.analysis.ability import effects
from delegation.lineage.analysis.hidden_text import hidden_text
from delegation.lineage.analysis.names import hides, scripts, skeleton
from delegation.lineage.entry import LinkEntry
from delegation.lineage.finding import SEVERITIES, Finding, Severity, finding, of_link
from delegation.lineage.survey import UNSAID, Extent, Survey, called

LONG_SECONDS: Final = 24 * 3600
VERY_LONG_SECONDS: Final = 7 * 24 * 3600
DEEP: Final = 4
BROAD_TOOLS: Final = 10
BROAD_EFFECTS: Final = 3
GROWTH_LINKS: Final = 20
GROWTH_SECONDS: Final = 3600
IDLE_SECONDS: Final = 3600
LIMITS: Final[dict[str, tuple[Severity, str]]] = {  # by code, see `judge.creation_limits`
    "growth_depth": ("medium", "A chain was to have more links than it may"),
    "growth_parent": ("high", "One link was handed on more often than it may be"),
    "growth_task": ("high", "The task was to have more links than it may"),
    "growth_rate": ("high", "Links were made faster than they may be"),
    "growth_tasks": ("high", "More child tasks were to be opened than may be"),
    "tasks_too_deep": ("medium", "Child tasks were to nest deeper than they may"),
    "rate_task": ("medium", "The task called faster than it may"),
    "rate_holder": ("medium", "One holder called faster than it may"),
    "rate_branch": ("medium", "One branch of the task called faster than it may"),
    "circuit_open": ("high", "So many calls were denied that the circuit breaker opened"),
}


@dataclass(frozen=True, slots=True)
class Dismissal:
    """A finding that somebody looked at and let stand.

    Args:
        finding: The finding's id.
        rule: Its rule.
        subject: Its subject.
        by: Who dismissed it.
        reason: Why, in their words.
        at: Unix seconds.
    """

    finding: str
    rule: str
    subject: str
    by: str
    reason: str
    at: int


@dataclass(frozen=True, slots=True)
class Findings:
    """All findings, and those that were dismissed.

    Args:
        open: Findings to look at, the most severe first.
        dismissed: Findings that still hold and were dismissed, with their dismissals.
        links: How many links were looked at.
        is_complete: Whether those were all.
        extent: How many were looked at, of how many; those above them are not counted.
    """

    open: tuple[Finding, ...]
    dismissed: tuple[tuple[Finding, Dismissal], ...]
    links: int
    is_complete: bool
    extent: Extent = UNSAID

    def count(self, severity: Severity) -> int:
        """Return how many open findings have this severity."""
        return sum(one.severity == severity for one in self.open)


def sort_out(survey: Survey, dismissals: Iterable[Dismissal]) -> Findings:
    """Return what the rules find, with the dismissed apart."""
    kept = {one.finding: one for one in dismissals}
    found = find(survey)
    return Findings(
        tuple(one for one in found if one.id not in kept),
        tuple((one, kept[one.id]) for one in found if one.id in kept),
        len(survey.links),
        survey.is_complete,
        survey.extent,
    )


def find(survey: Survey) -> tuple[Finding, ...]:
    """Return all findings about links that stand, the most severe first, then by rule and subject.

    Links that ended are not looked at, but they count as names that were used before.
    """
    found = [one for rule in RULES.values() for one in rule(survey)]
    return tuple(
        sorted(found, key=lambda one: (SEVERITIES.index(one.severity), one.rule, one.subject))
    )


def _active(survey: Survey) -> Iterator[LinkEntry]:
    return (link for link in survey.links if link.standing == "active")


def long_lived(survey: Survey) -> Iterator[Finding]:
    """Yield active links that hold for more than a day from when they were recorded."""
    for link in _active(survey):
        lasts = survey.until(link) - max(link.grant.not_before, link.recorded_at)
        if lasts > LONG_SECONDS:
            yield of_link(
                "long_lived",
                "high" if lasts > VERY_LONG_SECONDS else "medium",
                link,
                f"{called(link)} holds it for {round(lasts / 3600)} hours, "
                f"until {instant(survey.until(link))}.",
                "Issue it for hours, and renew it while it is needed.",
            )


def deep(survey: Survey) -> Iterator[Finding]:
    """Yield active links at depth 4 or more: five holders or more share the answer for a call."""
    for link in _active(survey):
        if link.depth >= DEEP:
            yield of_link(
                "deep",
                "medium",
                link,
                f"{called(link)} is {link.depth} delegations below the root.",
                "Lower delegations_left at the root, or delegate from higher up.",
            )


def broad(survey: Survey) -> Iterator[Finding]:
    """Yield active links that reach ten tools, or three effects beyond read."""
    for link in _active(survey):
        reached = survey.reach(link)
        tools = len({one.tool.name for one in reached})
        harmful = [effect for effect in effects(reached) if effect != "read"]
        if tools >= BROAD_TOOLS or len(harmful) >= BROAD_EFFECTS:
            words = f", with {', '.join(harmful)}" if harmful else ""
            yield of_link(
                "broad",
                "high" if harmful and tools >= BROAD_TOOLS else "medium",
                link,
                f"{called(link)} reaches {tools} tools{words}.",
                "Look at what was never used, and delegate without it.",
                tools,
            )


def orphaned(survey: Survey) -> Iterator[Finding]:
    """Yield active links whose holder is unregistered, and whose delegator is none or is so too."""
    for link in _active(survey):
        above = None if link.above is None else survey.by_id.get(link.above)
        if not link.registered and (above is None or not above.registered):
            who = "the service" if above is None else "a key that is unregistered, too"
            yield of_link(
                "orphaned",
                "low",
                link,
                f"Nobody registered the holder {link.holder_fingerprint}, "
                f"which got its authority from {who}.",
                "Register the agent under its owner, or revoke the link.",
            )


def look_alike(survey: Survey) -> Iterator[Finding]:
    """Yield active links whose holder's name looks like another name of another key."""
    known: dict[str, set[str]] = {}
    for agent in survey.known.agents:
        known.setdefault(skeleton(agent.name), set()).add(agent.name)
    for link in survey.links:
        known.setdefault(skeleton(link.claimed_name), set()).add(link.claimed_name)
    for link in _active(survey):
        others = known[skeleton(link.claimed_name)] - {link.claimed_name}
        if others and skeleton(link.claimed_name) and not link.registered:
            name = min(others)
            yield of_link(
                "look_alike",
                "high",
                link,
                f"“{link.claimed_name}” with the key {link.holder_fingerprint} looks like “{name}”.",
                "Ask its delegator who that is, and compare the fingerprints.",
                sorted(others),
            )


def mixed_script(survey: Survey) -> Iterator[Finding]:
    """Yield active links whose holder's name mixes scripts, or has marks that hide."""
    for link in _active(survey):
        found = scripts(link.claimed_name)
        if len(found) > 1 or hides(link.claimed_name):
            what = f"mixes {' and '.join(found)}" if len(found) > 1 else "has marks that hide"
            yield of_link(
                "mixed_script",
                "medium",
                link,
                f"The name “{link.claimed_name}” {what.lower()}.",
                "Have agents named in one script, without marks that are not seen.",
            )


def shared_key(survey: Survey) -> Iterator[Finding]:
    """Yield keys under which active links name more than one holder."""
    names: dict[bytes, set[str]] = {}
    prints: dict[bytes, str] = {}
    for link in _active(survey):
        key = survey.known.keys.get(link.id)
        if key is not None:
            names.setdefault(key, set()).add(link.claimed_name)
            prints[key] = link.holder_fingerprint
    for key, found in sorted(names.items()):
        if len(found) > 1:
            shown = ", ".join(f"“{name}”" for name in sorted(found)[:5])
            yield finding(
                "shared_key", "high", "key", prints[key], None,
                f"The key {prints[key]} holds links under {len(found)} names: {shown}.",
                "Give each agent a key of its own; a shared key cannot be told apart or revoked alone.",
                sorted(found),
            )  # fmt: skip


def overdue(survey: Survey) -> Iterator[Finding]:
    """Yield open tasks whose deadline has passed: nobody closed them."""
    for task in survey.known.tasks.values():
        if task.state == "expired" and survey.at >= task.deadline:
            yield finding(
                "overdue", "low", "task", task.id, task.id,
                f"“{task.title}” was due at {instant(task.deadline)} and was never closed.",
                f"Ask {task.owner} what became of it, and close it.",
                task.deadline,
            )  # fmt: skip


def fast_growing(survey: Survey) -> Iterator[Finding]:
    """Yield active links below which twenty links or more were recorded within the last hour."""
    since = survey.at - GROWTH_SECONDS
    fresh: Counter[str] = Counter()
    for link in survey.links:
        if since < link.recorded_at <= survey.at and link.above is not None:
            fresh[link.above] += 1
    for link in _active(survey):
        count = fresh[link.id]
        if count >= GROWTH_LINKS:
            yield of_link(
                "fast_growing",
                "high",
                link,
                f"{called(link)} made {count} links within an hour.",
                "See what it fans out to; a budget does not bound delegations.",
                count // GROWTH_LINKS,
            )


def unused(survey: Survey) -> Iterator[Finding]:
    """Yield active links an hour old or more under which, and below which, no call was allowed."""
    used: set[str] = set()
    for link in reversed(survey.links):  # children come before their parents
        if any(use.allowed for use in survey.known.uses.get(link.id, ())) or link.id in used:
            used.add(link.id)
            if link.above is not None:
                used.add(link.above)
    for link in _active(survey):
        age = survey.at - max(link.recorded_at, link.grant.not_before)
        if link.id not in used and age >= IDLE_SECONDS:
            harmful = [e for e in effects(survey.reach(link)) if e != "read"]
            yield of_link(
                "unused",
                "medium" if harmful else "low",
                link,
                f"{called(link)} never used it in {age // 3600} "
                f"{'hour' if age // 3600 == 1 else 'hours'}.",
                "Revoke it, or ask its owner what it waits for.",
            )


def handed_again(survey: Survey) -> Iterator[Finding]:
    """Yield active links that renew a revoked one: they were seen after it was revoked."""
    for link in _active(survey):
        old = survey.by_id.get(survey.known.renews.get(link.id, link.id))
        if old is not None and old.standing == "revoked" and old.ended_by == old.id:
            yield of_link(
                "handed_again",
                "high",
                link,
                f"{called(link)} holds what was revoked with {old.id}, with a later end.",
                "If it was not meant, revoke it, or what is above it: the delegator can make more.",
            )


def limit_reached(survey: Survey) -> Iterator[Finding]:
    """Yield what limits of growth and pace refused within the last hour, by task and limit."""
    for one in survey.known.stopped:
        severity, words = LIMITS[one.code]
        times = "once" if one.count == 1 else f"{one.count} times"
        yield finding(
            "limit_reached", severity, "task", one.task, one.task,
            f"{words}: refused {times} within an hour with {one.code}.",
            "Find out what fans out, repeats or fails; raise the limit only if it is meant.",
            f"{one.code} {one.last_at // GROWTH_SECONDS}",
        )  # fmt: skip


Rule: TypeAlias = Callable[[Survey], Iterator[Finding]]
RULES: Final[dict[str, Rule]] = {
    "long_lived": long_lived,
    "deep": deep,
    "broad": broad,
    "orphaned": orphaned,
    "look_alike": look_alike,
    "mixed_script": mixed_script,
    "shared_key": shared_key,
    "overdue": overdue,
    "fast_growing": fast_growing,
    "unused": unused,
    "handed_again": handed_again,
    "limit_reached": limit_reached,
    "hidden_text": hidden_text,
}
