"""Finds what callers name, or refuses names that nothing recorded has."""

from __future__ import annotations

from typing import TypeVar

from delegation.authority.ids import TaskId
from delegation.errors import NotFoundError
from delegation.lineage.entry import TaskEntry

T = TypeVar("T")


def no_nul(kind: str, text: str) -> str:
    """Return an id that every database takes.

    Raises:
        NotFoundError: It has a NUL, which no recorded id has and PostgreSQL would not even read.
    """
    if "\x00" in text:
        raise NotFoundError(kind, "with a NUL")
    return text


def found(kind: str, name: str, value: T | None) -> T:
    """Return the value.

    Raises:
        NotFoundError: It is None.
    """
    if value is None:
        raise NotFoundError(kind, name)
    return value


def task_id(task: TaskEntry | TaskId | str) -> TaskId:
    """Return a task's id, whichever way it was named."""
    return task.id if isinstance(task, TaskEntry) else TaskId(task)
