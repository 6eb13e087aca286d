"""Compares two instants: links added, links ended, holders that can do less or more."""

from __future__ import annotations

from dataclasses import dataclass

from delegation.lineage.analysis.ability import ability
from delegation.lineage.entry import LinkEntry
from delegation.lineage.survey import UNSAID, Extent, Survey


@dataclass(frozen=True, slots=True)
class Shift:
    """A holder that stood at both instants and reaches other tools now.

    Args:
        name: Its registered name; empty without one.
        claimed: What its delegator calls it.
        fingerprint: Of its key.
        lost: Tools that it reached before and not after.
        gained: Tools that it reaches after and did not before.
    """

    name: str
    claimed: str
    fingerprint: str
    lost: tuple[str, ...]
    gained: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The differences between two instants.

    Args:
        before: The earlier instant, Unix seconds.
        after: The later one.
        added: Links that stand after and were not recorded before.
        revoked: Links that stood before and are revoked after.
        ended: Links that stood before and ended otherwise: expired, task closed, suspended.
        passed: How many links were made and ended in between.
        narrowed: Holders that lost tools and gained none.
        widened: Holders that gained tools.
        is_complete: Whether every link was looked at.
        extent: How many were, of how many, at the later instant.
    """

    before: int
    after: int
    added: tuple[LinkEntry, ...]
    revoked: tuple[LinkEntry, ...]
    ended: tuple[LinkEntry, ...]
    passed: int
    narrowed: tuple[Shift, ...]
    widened: tuple[Shift, ...]
    is_complete: bool
    extent: Extent = UNSAID


def compare(then: Survey, now: Survey) -> Comparison:
    """Return what changed from one survey to a later one of the same links.

    A grant never changes, so "narrowed" speaks of holders: one that stood at both instants and
    reaches fewer tools by all its links together.
    """
    added: list[LinkEntry] = []
    revoked: list[LinkEntry] = []
    ended: list[LinkEntry] = []
    passed = 0
    for link in now.links:
        old = then.by_id.get(link.id)
        stood = old is not None and old.standing == "active"
        stands = link.standing == "active"
        if stands and old is None:
            added.append(link)
        elif stood and not stands:
            (revoked if link.standing == "revoked" else ended).append(link)
        elif old is None:
            passed += 1
    shifts = _shifts(then, now)
    return Comparison(
        then.at,
        now.at,
        tuple(added),
        tuple(revoked),
        tuple(ended),
        passed,
        tuple(one for one in shifts if not one.gained),
        tuple(one for one in shifts if one.gained),
        then.is_complete and now.is_complete,
        now.extent,
    )


def _shifts(then: Survey, now: Survey) -> list[Shift]:
    before, after = _reached(then), _reached(now)
    found = []
    for key in sorted(before.keys() & after.keys()):
        link, old = before[key]
        _, new = after[key]
        if old != new:
            found.append(
                Shift(
                    link.holder_name,
                    link.claimed_name,
                    link.holder_fingerprint,
                    tuple(sorted(old - new)),
                    tuple(sorted(new - old)),
                )
            )
    return found


def _reached(survey: Survey) -> dict[tuple[str, str], tuple[LinkEntry, set[str]]]:
    """Return the tools that each holder reaches, told apart by key and name."""
    found: dict[tuple[str, str], tuple[LinkEntry, set[str]]] = {}
    for link in survey.links:
        if link.standing != "active":
            continue
        key = (link.claimed_name, link.holder_fingerprint)
        _, tools = found.setdefault(key, (link, set()))
        tools |= {one.tool for one in ability(survey, link).abilities}
    return found
