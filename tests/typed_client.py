"""What mypy shows of operations, and what it refuses; read by `make lint`, never run.

Each `type: ignore` is a fact: in strict mode one that refuses nothing is an error itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_type

from delegation import Grant, HolderKey, Token
from delegation.client import AsyncClient, Client
from delegation.lineage.entry import TaskEntry
from delegation.lineage.feed import Revocation
from delegation.operations.backend import Backend
from delegation.tracker import Tracker


def of_a_client(client: Client, key: HolderKey) -> None:
    """Results are typed, and arguments are those that were declared."""
    task = client.open_task("T", owner="ana@acme.example", ceiling=Grant([]), lasts=60)
    assert_type(task, TaskEntry)
    assert_type(client.issue(task, to=key.public), Token)
    assert_type(client.tasks(limit=3), Sequence[TaskEntry])
    assert_type(client.revoke("link", "lnk_x", reason="test"), Revocation)
    client.revoke("link", "lnk_x", reson="test")  # type: ignore[call-arg]
    client.revoke("links", "lnk_x")  # type: ignore[arg-type]
    client.open_task("T", owner="ana@acme.example")  # type: ignore[call-arg]
    client.revoke("link", "lnk_x", by="ana")  # type: ignore[call-arg]


async def of_an_asynchronous_client(client: AsyncClient) -> None:
    """The same, awaited."""
    assert_type(await client.revoke("link", "lnk_x"), Revocation)
    assert_type(await client.open_child_task("t", "p", opening=...), tuple[TaskEntry, Token])  # type: ignore[arg-type]
    await client.tasks(limt=3)  # type: ignore[call-arg]


def of_either(tracker: Tracker, url: str) -> None:
    """A tracker on whose behalf somebody acts, and a client, are one protocol."""
    for backend in (tracker.acting_as("ana"), Client(url)):
        assert_type(backend, Backend)
        assert_type(backend.close_task("tsk_x", "failed"), TaskEntry)
