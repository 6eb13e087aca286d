"""Calls about tasks: opening, reading, closing."""

from __future__ import annotations

from collections.abc import Sequence

from delegation.authority.grant import Grant
from delegation.authority.ids import TaskId
from delegation.client.calls import Call, part, partial, task_of
from delegation.lineage.entry import TaskEntry, TaskState
from delegation.messages.values import read_task


def open_task(
    title: str, *, owner: str, ceiling: Grant, lasts: int = 3600, inferred: bool = False
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
        },
    )


def task(task: TaskId | str) -> Call[TaskEntry]:
    """Return a task."""
    return Call("GET", f"/v1/tasks/{part(task)}", read_task, is_repeatable=True)


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
