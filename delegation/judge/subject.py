"""Lists the kinds of subjects that can be revoked or suspended, and what each kind ends.

Four kinds hold up links, by who holds them and in which task; two are named by definitions of tools and
end calls of these; everything ends all. A new kind is declared here: what asks for its subjects derives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Final, Literal, NamedTuple, TypeAlias

from delegation.authority.catalogue import Catalogue
from delegation.authority.grant import Grant
from delegation.authority.refusal import Refusal

SubjectKind: TypeAlias = Literal[
    "link", "task", "agent", "key", "owner", "tool", "system", "everything"
]


# Keys of sets and dicts that every call asks several times: tuples, whose hashes C computes.
class Subject(NamedTuple):
    """One thing that can be revoked or suspended.

    Args:
        kind: `link`, `task`, `agent`, `key`, `owner`, `tool`, `system` or `everything`.
        id: Link id, task id, the name of an agent, owner, tool or system, the key's base64url text,
            or `*` for everything.
    """

    kind: SubjectKind
    id: str


EVERYTHING: Final = Subject("everything", "*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of subjects.

    Args:
        suspended: Refuses what a suspended one ends.
        revoked: Refuses what a revoked one ends; None if it is never revoked.
        is_shown: Whether a refusal names the subject.
        of_tool: The field of a tool's definition that names one; empty where the kind ends links and
            not calls of tools.
        choice: What a list says to choose one from; empty where each has a page of its own.
    """

    suspended: Refusal
    revoked: Refusal | None = None
    is_shown: bool = True
    of_tool: str = ""
    choice: str = ""


KINDS: Final[Mapping[SubjectKind, Kind]] = {
    "link": Kind(
        suspended=Refusal(
            "link_suspended", "A link of the chain is suspended.", "link",
            remedy="Wait until an operator resumes it.",
        ),
        revoked=Refusal(
            "link_revoked", "A link of the chain was revoked.", "link",
            remedy="Ask the delegator above it for a new link.",
        ),
    ),
    "task": Kind(
        suspended=Refusal(
            "task_suspended", "The task is suspended.", "task",
            remedy="Wait until an operator resumes it.",
        ),
        revoked=Refusal(
            "task_revoked", "The task was revoked.", "task",
            remedy="Ask whoever opened the task for a new one.",
        ),
    ),
    "agent": Kind(
        suspended=Refusal(
            "agent_suspended", "An agent on the chain is suspended.", "holder.name",
            remedy="Wait until an operator resumes it, or delegate to another agent.",
        ),
        revoked=Refusal(
            "agent_revoked", "An agent on the chain was revoked.", "holder.name",
            remedy="Delegate to another agent.",
        ),
    ),
    "key": Kind(
        suspended=Refusal(
            "key_suspended", "A holder key on the chain is suspended.", "holder.key",
            remedy="Wait until an operator resumes it.",
        ),
        revoked=Refusal(
            "key_revoked", "A holder key on the chain was revoked.", "holder.key",
            remedy="Make a new key, register it, and ask for a new link to it.",
        ),
        is_shown=False,
    ),
    "owner": Kind(
        suspended=Refusal(
            "owner_suspended", "Whoever answers for the task or an agent on the chain is suspended.",
            "owner", remedy="Wait until an operator resumes the owner.",
        ),
        revoked=Refusal(
            "owner_revoked", "Whoever answers for the task or an agent on the chain was revoked.",
            "owner", remedy="Have another owner register the agent or open the task.",
        ),
        choice="An owner: its agents, its tasks and all below them",
    ),
    "tool": Kind(
        suspended=Refusal(
            "tool_suspended", "The tool is suspended.", "tool",
            remedy="Wait until an operator resumes it, or use another tool.",
        ),
        revoked=Refusal(
            "tool_revoked", "The tool was revoked.", "tool", remedy="Use another tool.",
        ),
        of_tool="name",
        choice="A tool: nobody may call it",
    ),
    "system": Kind(
        suspended=Refusal(
            "system_suspended", "The system that the tool acts on is suspended.", "tool",
            remedy="Wait until an operator resumes it.",
        ),
        revoked=Refusal(
            "system_revoked", "The system that the tool acts on was revoked.", "tool",
            remedy="Use a tool of another system.",
        ),
        of_tool="system",
        choice="A system: nobody may call its tools",
    ),
    "everything": Kind(
        suspended=Refusal(
            "frozen", "Everything is frozen: no call is allowed.", "",
            remedy="Wait until an operator ends the freeze.",
        ),
        is_shown=False,
    ),
}  # fmt: skip
REVOCABLE: Final = tuple(name for name, kind in KINDS.items() if kind.revoked is not None)
OF_TOOLS: Final = tuple(name for name, kind in KINDS.items() if kind.of_tool)
named_by: Final = attrgetter(*(KINDS[name].of_tool for name in OF_TOOLS))
_KNOWN: Final = 16_384  # the same few are asked for again and again


@lru_cache(maxsize=_KNOWN)
def definition_subjects(names: tuple[str, ...]) -> tuple[Subject, ...]:
    """Return the subjects that a tool's definition names, itself first; told by `named_by(tool)`."""
    return tuple(Subject(kind, name) for kind, name in zip(OF_TOOLS, names, strict=True) if name)


def tool_subjects(catalogue: Catalogue, name: str, since: int = 0) -> tuple[Subject, ...]:
    """Return the subjects that a tool's definitions name, in force at a revision or after it.

    What was ended with a system does not stand again because a later definition names another.

    Args:
        catalogue: All definitions.
        name: Exact tool name.
        since: The first revision that counts; 0 for all there ever were.
    """
    entries = catalogue.history.get(name, ())
    first = max((n for n, (at, _) in enumerate(entries) if at <= since), default=0)
    return tuple(
        dict.fromkeys(
            one for _, tool in entries[first:] for one in definition_subjects(named_by(tool))
        )
    )


def tools_of(catalogue: Catalogue, subject: Subject) -> tuple[str, ...]:
    """Return the names of the tools of which any definition ever named a subject, itself or its system."""
    return tuple(
        tool for tool in sorted(catalogue.history) if subject in tool_subjects(catalogue, tool)
    )


def grants(grant: Grant, tools: tuple[str, ...]) -> bool:
    """Return whether a grant admits calls of one of these tools."""
    return any(c.tool.matches(tool) for c in grant.capabilities for tool in tools)


@lru_cache(maxsize=_KNOWN)
def link_subjects(link: str, key: str) -> tuple[Subject, Subject]:
    """Return the subjects that a link is by itself: its own, and its holder's key as base64url."""
    return Subject("link", link), Subject("key", key)


@lru_cache(maxsize=_KNOWN)
def agent_subjects(name: str, owner: str) -> tuple[Subject, Subject]:
    """Return the subjects that a registered agent is: itself, and who answers for it."""
    return Subject("agent", name), Subject("owner", owner)


@lru_cache(maxsize=_KNOWN)
def task_subjects(task: str, owner: str) -> tuple[Subject, Subject]:
    """Return the subjects that a task is: itself, and who answers for it."""
    return Subject("task", task), Subject("owner", owner)
