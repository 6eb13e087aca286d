"""Denies a call if anything on its chain is revoked, suspended or over: step 10, standing.

The deciding transaction reads these facts under the gate that a revocation takes alone, so it needs
no lease. Whoever applies this rule outside of it does so only under the rule of `judge.lease`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Final

from delegation.authority.agent_name import claim_of
from delegation.authority.catalogue import Catalogue
from delegation.authority.chain import Chain, Link
from delegation.authority.prohibition import asking
from delegation.authority.refusal import Refusal
from delegation.canonical import b64u
from delegation.judge.decision import Denial
from delegation.judge.facts import Facts, TaskFact
from delegation.judge.line import OPENER, Line, who_granted_at
from delegation.judge.subject import (
    EVERYTHING,
    KINDS,
    Subject,
    agent_subjects,
    link_subjects,
    task_subjects,
)
from delegation.judge.window import STEP as WINDOW_STEP
from delegation.judge.window import refuse_expired

STEP = 10
# By nobody and nothing brought back: not suspended, not with an owner or a registration to come.
FOR_GOOD: Final = frozenset({
    "link_revoked", "key_revoked", "agent_revoked", "task_revoked", "task_closed", "task_expired",
    "task_idle", "expired",
})  # fmt: skip
_key_text = lru_cache(maxsize=16_384)(b64u)  # the same few holders call again and again


def own_subject(catalogue: Catalogue, subject: Subject) -> Subject:
    """Return the subject by its own name, where it is a tool that is named by an alias."""
    if subject.kind != "tool":
        return subject
    return Subject("tool", catalogue.names.own_name(subject.id, catalogue.revision))


def deny_without_standing(
    line: Line, called: Iterable[Subject], facts: Facts, at: int
) -> Denial | None:
    """Return the denial of a call of which something no longer stands, root first, or None.

    Not checked here: expiry of grants (step 7).

    Args:
        line: The verified chain, with those of the openers above its task.
        called: What the call acts on: its tool, and every system that the catalogue gave that, from the
            revision that the root pins to the present one: what was ended under a definition does
            not return with the next.
        facts: What the store knows.
        at: The service's clock, Unix seconds.
    """
    chain = line.chain
    if (frozen := _refuse_frozen(facts)) is not None:
        return Denial.at(STEP, frozen)
    if not facts.is_root_recorded:
        return _root_denial(
            chain,
            "root_not_recorded",
            "This root was not recorded when it was issued: it may be forged with a stolen key.",
            "Ask the issuer for a root from an open task.",
        )
    # A child task stands on its opener's chain: without it as little is known as without the task.
    if not line.is_whole or not facts.tasks or facts.tasks[0].id != line.task:
        return _root_denial(
            chain, "task_unknown", "The task is not known here.", "Open a task, then issue a root."
        )
    for task in facts.tasks:
        refusal = _refuse_ended(task_subjects(task.id, task.owner), facts, at)
        if refusal is not None:
            return Denial.at(STEP, refusal, link=chain.root.id, depth=0)
        if (refusal := _over(task, at)) is not None:
            over = line.limited(refusal, task.id)
            return Denial.at(STEP, over, link=chain.root.id, depth=0)
    for place in line.places:
        if (refusal := _of_link(place.link, facts, at)) is not None:
            return line.denied(STEP, refusal, place)
    refusal = _refuse_ended(called, facts, at)
    return None if refusal is None else Denial.at(STEP, refusal)


def deny_under_ended(line: Line, facts: Facts, at: int) -> Denial | None:
    """Return the denial of whatever is called at the end of a line that is over or does not stand.

    What steps 7 and 10 say of the line alone: windows that have passed, and standing. Not looked at:
    the call, its tool and its systems.

    Args:
        line: The verified chain, with those of the openers above its task.
        facts: What the store knows.
        at: The service's clock, Unix seconds.
    """
    if (denial := deny_without_standing(line, (), facts, at)) is not None:
        return denial
    for place in line.places:
        if (refusal := refuse_expired(place.link.grant, at)) is not None:
            return line.denied(WINDOW_STEP, asking(refusal, who_granted_at(line, place)), place)
    return None


def deny_behind(at_least_epoch: int, facts: Facts) -> Denial | None:
    """Return the denial of a caller who has seen a later change than these facts hold, or None.

    The store's own transaction reads the newest change, so it is behind only when the database was
    restored or has lost what it acknowledged. Then what the caller knows to be revoked may be
    allowed here: refused.
    """
    if facts.epoch >= at_least_epoch:
        return None
    return Denial.at(
        STEP,
        Refusal(
            "epoch_behind",
            "The caller has seen a later change of standing than is known here.",
            "at_least_epoch",
            at_least_epoch,
            facts.epoch,
            "Try again; if it persists, find out whether the database was restored.",
        ),
    )


def _root_denial(chain: Chain, code: str, message: str, remedy: str) -> Denial:
    return Denial.at(
        STEP,
        Refusal(code, message, "task", chain.origin.task, None, remedy),
        link=chain.root.id,
        depth=0,
    )


def _over(task: TaskFact, at: int) -> Refusal | None:
    subject, remedy = ("task", task.id, None), f"Ask {OPENER} for a new one."
    if not task.is_open:
        return Refusal("task_closed", "The task is closed.", *subject, remedy)
    if at >= task.deadline:
        return Refusal("task_expired", "The task's deadline has passed.", *subject, remedy)
    if task.idle_at is not None and at >= task.idle_at:
        return Refusal("task_idle", "The task has been idle for too long.", *subject, remedy)
    return None


def _of_link(link: Link, facts: Facts, at: int) -> Refusal | None:
    ended = _refuse_ended(link_subjects(link.id, _key_text(link.holder_key)), facts, at)
    first = facts.renewed.get(link.id) if facts.renewed else None
    if ended is None and first is not None:
        # Renewed offline since the line was suspended, or revoked from an instant on: nobody has
        # ended this very link yet.
        ended = _refuse_ended((Subject("link", first),), facts, at)
    if ended is not None:
        return ended
    agent = facts.agents_by_key.get(link.holder_key)
    named = facts.agents_by_name.get(link.claim)
    # Both directions: a registered key under a foreign name, and a registered name over a foreign
    # key, which is how a forged lineage makes an innocent agent look like the one who acted.
    if (agent is not None and claim_of(agent.name) != link.claim) or (
        named is not None and (agent is None or agent.name != named.name)
    ):
        return Refusal(
            "holder_contradicts_registry",
            "The chain calls a holder by a name that the registry gives to another key.",
            "holder.name",
            link.holder_name,
            None,
            "Delegate to the registered key under its registered name.",
        )
    if agent is None:
        return None
    ended = _refuse_ended(agent_subjects(agent.name, agent.owner), facts, at)
    if ended is None and agent.recertify_by is not None and at >= agent.recertify_by:
        return Refusal(
            "recertification_due",
            "Nobody has vouched for an agent on the chain for too long.",
            "holder.name",
            agent.name,
            agent.recertify_by,
            "Have its owner register it again with a later recertify-by date.",
        )
    return ended


def _refuse_ended(subjects: Iterable[Subject], facts: Facts, at: int) -> Refusal | None:
    """Return why the first of these subjects stands no more that does not, or None.

    Revoked outranks suspended: of the two it is the one that does not pass.
    """
    for subject in subjects:
        kind = KINDS[subject.kind]
        if subject in facts.revoked or (facts.ends and facts.ends.get(subject, at + 1) <= at):
            refusal = kind.revoked or kind.suspended
        elif facts.suspended and subject in facts.suspended:
            refusal = kind.suspended
        else:
            continue
        return replace(refusal, offered=subject.id) if kind.is_shown else refusal
    return None


def _refuse_frozen(facts: Facts) -> Refusal | None:
    """Return the refusal of every call while everything is frozen, or None."""
    return KINDS["everything"].suspended if EVERYTHING in facts.suspended else None
