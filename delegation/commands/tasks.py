"""Opens tasks with a ceiling, and closes them, and with them all authority under them."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Final

from delegation.authority.catalogue import Catalogue
from delegation.authority.chain import MAX_LINKS
from delegation.authority.fields import integer, matching_text
from delegation.authority.fit import matching, raise_unfit, refuse_unfit_grant
from delegation.authority.grant import Grant
from delegation.authority.ids import TaskId
from delegation.authority.refusal import Refusal
from delegation.commands.draft import NewTask
from delegation.commands.named import found
from delegation.commands.retry import tried_again
from delegation.commands.work import Store
from delegation.errors import ConflictError, MalformedError
from delegation.judge.limits import Limits
from delegation.lineage.entry import TaskEntry, TaskState

_LOG: Final = logging.getLogger("delegation.commands")
DEFAULT_DELEGATIONS: Final = 4  # a ceiling that names none: deep enough for a team, no deeper
MAX_LASTS: Final = 90 * 24 * 3600  # seconds; a task is a unit of work, not an account
TITLE: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,200}")
OWNER: Final = re.compile(r"[A-Za-z0-9._@+:/-]{1,128}")
OVER: Final = frozenset({"completed", "failed", "aborted"})


@tried_again
def open_task(  # what a task is fixed by
    store: Store,
    title: str,
    *,
    owner: str,
    ceiling: Grant,
    lasts: int,
    at: int,
    new_id: Callable[[str], str],
    inferred: bool = False,
    unsafe_wildcards: bool = False,
    idle: int | None = None,
    limits: Limits | None = None,
) -> TaskEntry:
    """Open a task; its ceiling and ledger are fixed from now on.

    Fields that the ceiling leaves unset get nothing that it does not name: the effects and the
    sensitivity of the tools it names by a literal name, the task's own time. The audience must be set.

    Args:
        store: Where it is recorded.
        title: What it is about, at most 200 characters.
        owner: The accountable human or service.
        ceiling: The most that any token of it may hold; its budget is the task's ledger.
        lasts: Seconds until the deadline.
        at: Unix seconds.
        new_id: Makes an id with the given prefix.
        inferred: Whether it is rebuilt from a record rather than observed.
        unsafe_wildcards: Admit tool patterns with `*`: tools that are added later are then held by
            tokens that were issued before anybody thought of them. Logged at each use.
        idle: Seconds without an allowed call after which the task is over; None for never.
        limits: How it may grow and how fast it may call, where lower than the service's limits.

    Raises:
        MalformedError: A field has another form, or a tool pattern has a wildcard and
            `unsafe_wildcards` is not set.
        UnfitError: The ceiling does not go with the catalogue (`authority.fit`), or leaves the
            audience unset.
    """
    matching_text("title", title, TITLE, "1 to 200 characters without control characters")
    matching_text("owner", owner, OWNER, "1 to 128 characters such as ana@acme.example")
    integer("lasts", lasts, 1, MAX_LASTS)
    if idle is not None:
        integer("idle", idle, 1, MAX_LASTS)
    if not all(capability.tool.is_literal for capability in ceiling.capabilities):
        if not unsafe_wildcards:
            raise MalformedError("ceiling", wanted="one that names its tools without wildcards")
        _LOG.warning("task opened with wildcard tools (unsafe_wildcards) by owner %s", owner)
    with store.write() as work:
        task = NewTask(
            id=TaskId(new_id("tsk_")),
            title=title,
            owner=owner,
            ceiling=complete_ceiling(ceiling, work.catalogue(), at=at, deadline=at + lasts),
            opened_at=at,
            deadline=at + lasts,
            inferred=inferred,
            idle=idle,
            limits=limits,
        )
        work.open_task(task)
        return found("task", task.id, work.task(task.id, at=at))


def complete_ceiling(ceiling: Grant, catalogue: Catalogue, *, at: int, deadline: int) -> Grant:
    """Return the ceiling with every field set.

    Raises:
        MalformedError: A flow rule's term is unknown to the catalogue, or the ceiling outlives the task.
        UnfitError: A tool is unknown, or something does not go with its definition.
    """
    unfit = refuse_unfit_grant(ceiling, catalogue, is_ceiling=True)
    raise_unfit(unfit or _refuse_without_audience(ceiling))
    tools = [tool for c in ceiling.capabilities for tool in matching(c.tool, catalogue)]
    if not all(catalogue.knows(term) for rule in ceiling.flow for term in rule.terms()):
        raise MalformedError(
            "flow", wanted="rules about labels, systems, domains and tools that the catalogue has"
        )
    if "expires_at" not in ceiling.unset and ceiling.expires_at > deadline:
        raise MalformedError("expires_at", wanted="within the task's time")
    defaults = Grant(
        (),
        effects=sorted({tool.effect for tool in tools}),
        max_sensitivity=max((tool.sensitivity for tool in tools), default=0),
        audience=(),
        purpose="",
        not_before=at,
        expires_at=deadline,
        delegations_left=min(DEFAULT_DELEGATIONS, MAX_LINKS - 1) + 1,
        budget={},
        needs_approval=(),
        flow=(),
    )
    # `filled_from` takes one delegation off, as for any child: hence the one added above.
    return ceiling.opened(at).filled_from(defaults)


def _refuse_without_audience(ceiling: Grant) -> Refusal | None:
    if "audience" not in ceiling.unset or not ceiling.capabilities:
        return None
    return Refusal(
        "audience_missing",
        "The ceiling names no audience, so no service may act on any token of the task.",
        "audience",
        remedy="Name the services that act, each as it calls itself: "
        'audience=["https://desk.acme.example"], or --audience on the command line. If nobody is to act, '
        "say audience=[].",
    )


@tried_again
def close_task(store: Store, task: TaskId, state: TaskState, *, at: int) -> TaskEntry:
    """Close a task with its child tasks; no later transaction allows a call under any of them.

    Raises:
        MalformedError: `state` is no way to end.
        NotFoundError: There is no such task.
        ConflictError: It was closed before.
    """
    if state not in OVER:
        raise MalformedError("state", wanted="one of " + ", ".join(sorted(OVER)))
    with store.write(alone=True) as work:
        found("task", task, work.task(task, at=at))
        if not work.close_task(task, state, at=at):
            raise ConflictError("The task is closed already.")
        return found("task", task, work.task(task, at=at))
