"""The clients' methods about tasks: opening, by operators and by agents, reading, closing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from delegation.authority.grant import Grant
from delegation.authority.ids import TaskId
from delegation.client import task_calls
from delegation.client.calls import Call
from delegation.identity.keyring import PublicRing
from delegation.judge.limits import Limits
from delegation.lineage.entry import TaskEntry, TaskState
from delegation.tokens.token import Token
from delegation.tracker.open_child import Opening

T = TypeVar("T")


class Tasks:
    """What the synchronous client does with tasks."""

    def _run(self, call: Call[T]) -> T:
        raise AssertionError  # the client sends

    def public_ring(self) -> PublicRing:
        """Return the issuer's public keys."""
        raise AssertionError

    def open_task(
        self,
        title: str,
        *,
        owner: str,
        ceiling: Grant,
        lasts: int = 3600,
        inferred: bool = False,
        idle: int | None = None,
        limits: Limits | None = None,
    ) -> TaskEntry:
        """Open a task; `lasts` and `idle` are in seconds."""
        return self._run(
            task_calls.open_task(
                title,
                owner=owner,
                ceiling=ceiling,
                lasts=lasts,
                inferred=inferred,
                idle=idle,
                limits=limits,
            )
        )

    def open_child_task(
        self, token: Token | str, proof: str, opening: Opening
    ) -> tuple[TaskEntry, Token]:
        """Open a task under a holder's link; its root is verified with the public keys."""
        task, text = self._run(task_calls.open_child_task(token, proof, opening))
        return task, Token.read(text, self.public_ring())

    def task(self, task: TaskId | str) -> TaskEntry:
        """Return a task."""
        return self._run(task_calls.task(task))

    def child_tasks(
        self, task: TaskEntry | TaskId | str, *, at: int | None = None
    ) -> Sequence[TaskEntry]:
        """Return the tasks that agents opened below a task, parents before children."""
        return self._run(task_calls.child_tasks(task, at=at))

    def tasks(
        self,
        *,
        owner: str | None = None,
        is_open: bool | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> Sequence[TaskEntry]:
        """Return tasks, newest first."""
        return self._run(task_calls.tasks(owner=owner, is_open=is_open, after=after, limit=limit))

    def close_task(
        self, task: TaskEntry | TaskId | str, state: TaskState = "completed"
    ) -> TaskEntry:
        """Close a task; all authority under it ends."""
        return self._run(task_calls.close_task(task, state))


class AsyncTasks:
    """What the asynchronous client does with tasks."""

    async def _run(self, call: Call[T]) -> T:
        raise AssertionError

    async def public_ring(self) -> PublicRing:
        """Return the issuer's public keys."""
        raise AssertionError

    async def open_task(
        self,
        title: str,
        *,
        owner: str,
        ceiling: Grant,
        lasts: int = 3600,
        inferred: bool = False,
        idle: int | None = None,
        limits: Limits | None = None,
    ) -> TaskEntry:
        """Open a task; `lasts` and `idle` are in seconds."""
        return await self._run(
            task_calls.open_task(
                title,
                owner=owner,
                ceiling=ceiling,
                lasts=lasts,
                inferred=inferred,
                idle=idle,
                limits=limits,
            )
        )

    async def open_child_task(
        self, token: Token | str, proof: str, opening: Opening
    ) -> tuple[TaskEntry, Token]:
        """Open a task under a holder's link; its root is verified with the public keys."""
        task, text = await self._run(task_calls.open_child_task(token, proof, opening))
        return task, Token.read(text, await self.public_ring())

    async def task(self, task: TaskId | str) -> TaskEntry:
        """Return a task."""
        return await self._run(task_calls.task(task))

    async def child_tasks(
        self, task: TaskEntry | TaskId | str, *, at: int | None = None
    ) -> Sequence[TaskEntry]:
        """Return the tasks that agents opened below a task, parents before children."""
        return await self._run(task_calls.child_tasks(task, at=at))

    async def tasks(
        self,
        *,
        owner: str | None = None,
        is_open: bool | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> Sequence[TaskEntry]:
        """Return tasks, newest first."""
        return await self._run(
            task_calls.tasks(owner=owner, is_open=is_open, after=after, limit=limit)
        )

    async def close_task(
        self, task: TaskEntry | TaskId | str, state: TaskState = "completed"
    ) -> TaskEntry:
        """Close a task; all authority under it ends."""
        return await self._run(task_calls.close_task(task, state))
