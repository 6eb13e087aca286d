"""Calls of oversight as values; see `client.calls`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from delegation.authority.ids import TaskId
from delegation.client.calls import Call, task_of
from delegation.lineage.entry import TaskEntry
from delegation.lineage.tightening import MINIMUM, TightenKind


def assert_guardrails(
    guardrails: str, *, task: TaskEntry | TaskId | str | None = None, ended: bool = False
) -> Call[dict[str, Any]]:
    """Return what becomes of guardrails, as JSON; `holds` is true only if all hold."""
    body = {
        "guardrails": guardrails,
        "task": None if task is None else task_of(task),
        "ended": ended,
    }
    return Call("POST", "/v1/guardrails", dict, body, is_repeatable=True)


def tighten(
    kind: TightenKind,
    id: str,  # noqa: A002  # the word of the wire
    *,
    since: int | None = None,
    minimum: int = MINIMUM,
    ignore: int = 0,
    with_budget: bool = False,
) -> Call[Sequence[dict[str, Any]]]:
    """Return proposals of narrower grants with their evidence, as JSON."""
    body = {
        "kind": kind,
        "id": id,
        "since": since,
        "minimum": minimum,
        "ignore": ignore,
        "with_budget": with_budget,
    }
    return Call("POST", "/v1/tighten", lambda a: list(a["proposals"]), body, is_repeatable=True)
