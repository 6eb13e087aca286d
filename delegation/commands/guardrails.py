"""Asserting guardrails on what is recorded: one root task after the other, from one snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from delegation.authority.catalogue import Catalogue
from delegation.authority.chain import parse_payload
from delegation.authority.ids import LinkId, TaskId
from delegation.commands.work import Reader, Store
from delegation.errors import NotFoundError
from delegation.lineage.entry import LinkEntry
from delegation.lineage.filter import LinkFilter, TaskFilter
from delegation.lineage.guardrails import (
    Assessment,
    Guardrail,
    RecordedLinks,
    assess,
    refuse_unfit_rules,
)

_PAGE: Final = 1000


def assert_guardrails(
    store: Store,
    guardrails: Sequence[Guardrail],
    *,
    task: TaskId | None,
    ended: bool,
    at: int,
) -> Assessment:
    """Return what becomes of each guardrail over all recorded links.

    Links that were never announced, checked or issued here are not known and not looked at.

    Args:
        store: Where links are recorded.
        guardrails: The rules.
        task: Only the root task of this one, with its child tasks; None for all.
        ended: Whether links that no longer stand are looked at as well.
        at: Unix seconds.

    Raises:
        NotFoundError: There is no such task.
        UnfitError: A rule names what the catalogue does not have.
    """
    with store.read() as reader:
        catalogue = reader.catalogue()
        refuse_unfit_rules(guardrails, catalogue)
        roots = _tasks_by_root(reader, at)
        if task is not None:
            root = next((root for root, tasks in roots.items() if task in tasks), None)
            if root is None:
                raise NotFoundError("task", task)
            roots = {root: roots[root]}
        forests = (
            _forest(reader, tasks, catalogue, ended=ended, at=at) for tasks in roots.values()
        )
        return assess(guardrails, forests)


def _tasks_by_root(reader: Reader, at: int) -> dict[TaskId, list[TaskId]]:
    """Return every root task with itself and its child tasks, which share its history."""
    under: dict[TaskId, LinkId | None] = {}
    last: str | None = None
    while page := reader.tasks(TaskFilter(), after=last, limit=_PAGE, at=at):
        under |= {entry.id: entry.under for entry in page}
        last = page[-1].id
    opener: dict[LinkId, TaskId] = {}
    roots: dict[TaskId, list[TaskId]] = {}
    for task in under:
        root = task
        for _ in range(len(under)):  # a circle cannot be recorded; nor is one followed for ever
            link = under.get(root)
            if link is None:
                break
            if link not in opener:
                found = reader.link(link, at=0)
                opener[link] = root if found is None else found.task
            root = opener[link]
        roots.setdefault(root, []).append(task)
    return roots


def _forest(
    reader: Reader, tasks: Sequence[TaskId], catalogue: Catalogue, *, ended: bool, at: int
) -> RecordedLinks:
    links = [link for task in tasks for link in _links(reader, task, at)]
    pinned: dict[LinkId, int] = {}
    for link in links:
        payload = reader.link_payload(link.id) if link.parent is None else None
        origin = None if payload is None else parse_payload(payload, root=True).origin
        if origin is not None:
            pinned[link.id] = origin.catalogue
    links.sort(key=lambda link: link.depth)
    return RecordedLinks(links, pinned, catalogue, ended=ended)


def _links(reader: Reader, task: TaskId, at: int) -> Iterator[LinkEntry]:
    last: LinkId | None = None
    while page := reader.links(LinkFilter(task=task), after=last, limit=_PAGE, at=at):
        yield from page
        last = page[-1].id
