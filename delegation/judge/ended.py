"""What a subject's end means for a call: one refusal for each kind, revoked or suspended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from delegation.authority.refusal import Refusal
from delegation.judge.facts import EVERYTHING, Facts, Subject, SubjectKind

_SHOWN: Final = frozenset({"link", "task", "agent", "owner", "tool", "system"})  # never a key
REVOKED: Final[Mapping[SubjectKind, Refusal]] = {
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
SUSPENDED: Final[Mapping[SubjectKind, Refusal]] = {
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


def refuse_ended(kind: SubjectKind, name: str, facts: Facts, at: int) -> Refusal | None:
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
        return _about(REVOKED[kind], kind, name)
    if facts.suspended and subject in facts.suspended:
        return _about(SUSPENDED[kind], kind, name)
    return None


def refuse_frozen(facts: Facts) -> Refusal | None:
    """Return the refusal of every call while everything is frozen, or None."""
    return SUSPENDED["everything"] if EVERYTHING in facts.suspended else None


def _about(refusal: Refusal, kind: SubjectKind, name: str) -> Refusal:
    return replace(refusal, offered=name) if kind in _SHOWN else refusal
