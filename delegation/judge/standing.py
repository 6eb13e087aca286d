"""Step 10, standing: is everything on the chain still recognised by those who answer for it?

The deciding transaction reads these facts under the gate that a revocation takes alone, so it needs
no lease. Whoever applies this rule outside of it does so only under the rule of `judge.lease`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Final, NamedTuple

from delegation.authority.agent_name import claim_of
from delegation.authority.catalogue import Catalogue
from delegation.authority.chain import Chain, Link
from delegation.authority.prohibition import asking
from delegation.authority.refusal import Refusal
from delegation.canonical import b64u
from delegation.judge.decision import Denial
from delegation.judge.facts import EVERYTHING, Facts, Subject, SubjectKind, TaskFact
from delegation.judge.line import OPENER, Line, who_granted_at
from delegation.judge.window import STEP as WINDOW_STEP
from delegation.judge.window import refuse_expired

STEP = 10
# By nobody and nothing brought back: not suspended, not with an owner or a registration to come.
FOR_GOOD: Final = frozenset({
    "link_revoked", "key_revoked", "agent_revoked", "task_revoked", "task_closed", "task_expired",
    "task_idle", "expired",
})  # fmt: skip
_SHOWN: Final = frozenset({"link", "task", "agent", "owner", "tool", "system"})  # never a key
_REVOKED: Final[Mapping[SubjectKind, Refusal]] = {
    "link": Refusal(
        "link_revoked", "A link of the chain was revoked.", "link",
        remedy="Ask the delegator above it for a new link.",
    ),
    "task": Refusal(
        "task_revoked", "The task was revoked.", "task",
        remedy="Ask whoever opened the task for a new one.",
    ),
    "agent": Refusal(
        "agent_revoked", "An agent on the chain was revoked.", "holder.name",
        remedy="Delegate to another agent.",
    ),
    "key": Refusal(
        "key_revoked", "A holder key on the chain was revoked.", "holder.key",
        remedy="Make a new key, register it, and ask for a new link to it.",
    ),
    "owner": Refusal(
        "owner_revoked", "Whoever answers for the task or an agent on the chain was revoked.",
        "owner", remedy="Have another owner register the agent or open the task.",
    ),
    "tool": Refusal(
        "tool_revoked", "The tool was revoked.", "tool", remedy="Use another tool.",
    ),
    "system": Refusal(
        "system_revoked", "The system that the tool acts on was revoked.", "tool",
        remedy="Use a tool of another system.",
    ),
}  # fmt: skip
_SUSPENDED: Final[Mapping[SubjectKind, Refusal]] = {
    "link": Refusal(
        "link_suspended", "A link of the chain is suspended.", "link",
        remedy="Wait until an operator resumes it.",
    ),
    "task": Refusal(
        "task_suspended", "The task is suspended.", "task",
        remedy="Wait until an operator resumes it.",
    ),
    "agent": Refusal(
        "agent_suspended", "An agent on the chain is suspended.", "holder.name",
        remedy="Wait until an operator resumes it, or delegate to another agent.",
    ),
    "key": Refusal(
        "key_suspended", "A holder key on the chain is suspended.", "holder.key",
        remedy="Wait until an operator resumes it.",
    ),
    "owner": Refusal(
        "owner_suspended", "Whoever answers for the task or an agent on the chain is suspended.",
        "owner", remedy="Wait until an operator resumes the owner.",
    ),
    "tool": Refusal(
        "tool_suspended", "The tool is suspended.", "tool",
        remedy="Wait until an operator resumes it, or use another tool.",
    ),
    "system": Refusal(
        "system_suspended", "The system that the tool acts on is suspended.", "tool",
        remedy="Wait until an operator resumes it.",
    ),
    "everything": Refusal(
        "frozen", "Everything is frozen: no call is allowed.", "",
        remedy="Wait until an operator ends the freeze.",
    ),
}  # fmt: skip
_key_text = lru_cache(maxsize=16_384)(b64u)  # the same few holders call again and again


class Called(NamedTuple):
    """What a call acts on, as far as standing asks.

    Args:
        tool: The tool's name.
        systems: Every system that the catalogue gave it, from the revision that the root pins to the
            present one: what was ended under a definition does not return with the next.
    """

    tool: str
    systems: tuple[str, ...] = ()


def own_subject(catalogue: Catalogue, subject: Subject) -> Subject:
    """Return the subject by its own name, where it is a tool that is named by an alias."""
    if subject.kind != "tool":
        return subject
    return Subject("tool", catalogue.names.own_name(subject.id, catalogue.revision))


def deny_without_standing(line: Line, called: Called, facts: Facts, at: int) -> Denial | None:
    """Return the denial of a call of which something no longer stands, root first, or None.

    Not checked here: expiry of grants (step 7).

    Args:
        line: The verified chain, with those of the openers above its task.
        called: Tool and systems.
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
        refusal = _refuse_ended("task", task.id, facts, at)
        refusal = refusal or _refuse_ended("owner", task.owner, facts, at)
        if refusal is not None:
            return Denial.at(STEP, refusal, link=chain.root.id, depth=0)
        if (refusal := _over(task, at)) is not None:
            over = line.limited(refusal, task.id)
            return Denial.at(STEP, over, link=chain.root.id, depth=0)
    for place in line.places:
        if (refusal := _of_link(place.link, facts, at)) is not None:
            return line.denied(STEP, refusal, place)
    refusal = _refuse_ended("tool", called.tool, facts, at)
    for system in called.systems:
        refusal = refusal or _refuse_ended("system", system, facts, at)
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
    if (denial := deny_without_standing(line, Called(""), facts, at)) is not None:
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
            "The caller has seen a later change of what stands than is known here.",
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
    ended = _refuse_ended("link", link.id, facts, at)
    ended = ended or _refuse_ended("key", _key_text(link.holder_key), facts, at)
    first = facts.renewed.get(link.id) if facts.renewed else None
    if ended is None and first is not None:
        # Renewed offline since the line was suspended, or revoked from an instant on: nobody has
        # ended this very link yet.
        ended = _refuse_ended("link", first, facts, at)
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
    ended = _refuse_ended("agent", agent.name, facts, at)
    ended = ended or _refuse_ended("owner", agent.owner, facts, at)
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


def _refuse_ended(kind: SubjectKind, name: str, facts: Facts, at: int) -> Refusal | None:
    """Return why a subject stands no more, or None.

    Revoked outranks suspended: of the two it is the one that does not pass.

    Args:
        kind: The subject's kind.
        name: Its id.
        facts: What the store knows.
        at: Unix seconds.
    """
    subject = Subject(kind, name)
    if subject in facts.revoked or (facts.ends and facts.ends.get(subject, at + 1) <= at):
        return _about(_REVOKED[kind], kind, name)
    if facts.suspended and subject in facts.suspended:
        return _about(_SUSPENDED[kind], kind, name)
    return None


def _refuse_frozen(facts: Facts) -> Refusal | None:
    """Return the refusal of every call while everything is frozen, or None."""
    return _SUSPENDED["everything"] if EVERYTHING in facts.suspended else None


def _about(refusal: Refusal, kind: SubjectKind, name: str) -> Refusal:
    return replace(refusal, offered=name) if kind in _SHOWN else refusal
