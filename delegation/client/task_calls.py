"""Calls about tasks: opening, reading, closing."""

from __future__ import annotations

from collections.abc import Sequence

from delegation.authority.grant import Grant
from delegation.authority.ids import TaskId
from delegation.client.calls import Call, part, partial, task_of, text_of
from delegation.judge.limits import Limits
from delegation.lineage.entry import TaskEntry, TaskState
from delegation.messages.values import read_task
from delegation.tokens.token import Token
from delegation.tracker.open_child import Opening


def open_task(
    title: str,
    *,
    owner: str,
    ceiling: Grant,
    lasts: int = 3600,
    inferred: bool = False,
    idle: int | None = None,
    limits: Limits | None = None,
) -> Call[TaskEntry]:
    """Open a task; `lasts` is in seconds."""
    return Call(
        "POST",
        "/v1/tasks",
        read_task,
        body={
            "title": title,
            "owner": owner,
            "ceiling": partial(ceiling),
            "lasts": lasts,
            "inferred": inferred,
            "idle": idle,
            "limits": None if limits is None else limits.to_json(),
        },
    )


def open_child_task(
    token: Token | str, proof: str, opening: Opening
) -> Call[tuple[TaskEntry, str]]:
    """Open a task under a holder's link; the root's text is verified by whoever reads it."""
    body = {"token": text_of(token), "proof": proof, "opening": opening.to_json()}
    return Call(
        "POST", "/v1/tasks/below", lambda a: (read_task(a["task"]), str(a["token"])), body=body
    )


def task(task: TaskId | str) -> Call[TaskEntry]:
    """Return a task."""
    return Call("GET", f"/v1/tasks/{part(task)}", read_task, is_repeatable=True)


def child_tasks(
    task: TaskEntry | TaskId | str, *, at: int | None = None
) -> Call[Sequence[TaskEntry]]:
    """Return the tasks that agents opened below a task."""
    return Call(
        "GET",
        f"/v1/tasks/{part(task_of(task))}/children",
        lambda a: tuple(map(read_task, a["tasks"])),
        query={"at": at},
        is_repeatable=True,
    )


def tasks(
    *,
    owner: str | None = None,
    is_open: bool | None = None,
    after: str | None = None,
    limit: int = 100,
) -> Call[Sequence[TaskEntry]]:
    """Return tasks, newest first."""
    return Call(
        "GET",
        "/v1/tasks",
        lambda a: [read_task(one) for one in a["tasks"]],
        query={"owner": owner, "is_open": is_open, "after": after, "limit": limit},
        is_repeatable=True,
    )


def close_task(task: TaskEntry | TaskId | str, state: TaskState = "completed") -> Call[TaskEntry]:
    """Close a task; all authority under it ends."""
    return Call("POST", f"/v1/tasks/{part(task_of(task))}/close", read_task, body={"state": state})
