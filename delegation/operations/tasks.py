"""Declares how tasks are opened by operators and by agents, read and closed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from delegation.authority.grant import Grant
from delegation.authority.ids import TaskId
from delegation.commands import questions
from delegation.commands.named import found
from delegation.commands.open_child import Opening
from delegation.errors import ConflictError, NotFoundError, UnverifiedError
from delegation.graph.view import LineageView
from delegation.identity.roles import OPERATOR, PUBLIC, READERS
from delegation.judge.limits import LASTS, Limits
from delegation.lineage.entry import TaskEntry, TaskState
from delegation.lineage.filter import TaskFilter
from delegation.operations.operation import get, post
from delegation.operations.parameters import At, Limit, Told
from delegation.tokens.token import Token

Ended = Literal["completed", "failed", "aborted"]


class Tasks:
    """Operations on tasks."""

    @post("/v1/tasks", OPERATOR, status=201)
    def open_task(
        self,
        title: Annotated[str, Told(max_length=200)],
        *,
        owner: Annotated[str, Told(max_length=128)],
        ceiling: Annotated[Grant, Told("A grant; fields may be left out.")],
        lasts: Annotated[int, Told("Seconds until the deadline.")] = LASTS,
        inferred: bool = False,
        unsafe_wildcards: bool = False,
        idle: Annotated[
            int | None, Told("Seconds without an allowed call after which it is over.")
        ] = None,
        limits: Annotated[
            Limits | None, Told("Limits of growth and pace, where lower than the service's.")
        ] = None,
    ) -> TaskEntry:
        """Open a task with a ceiling and a ledger; `lasts` and `idle` are in seconds."""

    @post(
        "/v1/tasks/below",
        PUBLIC,
        status=201,
        member=("task", "token"),
        refuses=(UnverifiedError, NotFoundError, ConflictError),
    )
    def open_child_task(
        self,
        token: Token | str,
        proof: str,
        opening: Annotated[Opening, Told("The arguments that the proof covers.")],
    ) -> tuple[TaskEntry, Token]:
        """Let a holder open a task under its own link; the proof says who asks and for what."""

    @get(
        "/v1/tasks",
        READERS,
        member="tasks",
        following="id",
        does=lambda reader, when, owner, is_open, **page: reader.tasks(
            TaskFilter(owner, is_open), at=when.at, **page
        ),
    )
    def tasks(
        self,
        *,
        owner: str | None = None,
        is_open: bool | None = None,
        after: str | None = None,
        limit: Limit = 100,
    ) -> Sequence[TaskEntry]:
        """List tasks, newest first."""

    @get(
        "/v1/tasks/{task}",
        READERS,
        does=lambda reader, when, task: found("task", task, reader.task(task, at=when.at)),
    )
    def task(self, task: TaskId | str) -> TaskEntry:
        """Return a task.

        Raises:
            NotFoundError: There is none.
        """

    @get("/v1/tasks/{task}/children", READERS, member="tasks", does=questions.child_tasks)
    def child_tasks(self, task: TaskEntry | TaskId | str, *, at: At = None) -> Sequence[TaskEntry]:
        """List the tasks that agents opened below a task, parents before children.

        Raises:
            NotFoundError: There is no such task.
        """

    @post("/v1/tasks/{task}/close", OPERATOR, refuses=(ConflictError,))
    def close_task(
        self,
        task: TaskEntry | TaskId | str,
        state: Annotated[TaskState, Told(wire=Ended)] = "completed",
    ) -> TaskEntry:
        """Close a task; all authority under it ends."""

    @get(
        "/v1/tasks/{task}/lineage",
        READERS,
        does=lambda reader, when, task: LineageView(questions.lineage(reader, when, task)),
    )
    def lineage(self, task: TaskEntry | TaskId | str, *, at: At = None) -> LineageView:
        """Return a task's links and decisions with those of the tasks below it, ready to be drawn.

        Raises:
            NotFoundError: There is no such task, or there was none then.
        """
