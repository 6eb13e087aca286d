"""Joins a chain with the chains of the openers above its task: the line of authority.

What is refused under a link is refused in every child task opened under it, however deep and by
however many. So no rule of steps 10 to 13 is given a chain: it is given a line and walks that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final, NamedTuple

from delegation.authority.arguments.member import shown_name
from delegation.authority.chain import MAX_LINKS, Chain, Link
from delegation.authority.grant import Grant
from delegation.authority.ids import LinkId, TaskId
from delegation.authority.refusal import Refusal
from delegation.judge.decision import Denial

MAX_LINE: Final = MAX_LINKS  # a line is no longer than one chain may be: a task is no way around
OPENER: Final = "whoever opened the task"


class Place(NamedTuple):
    """One link on a line.

    Args:
        link: The link.
        depth: Its place in its own chain, 0 for a root.
        task: The task of that chain.
    """

    link: Link
    depth: int
    task: TaskId


@dataclass(frozen=True, slots=True)
class Line:
    """A chain, with the chains under which its task and the tasks above were opened.

    Args:
        chain: The verified chain.
        above: The opener's chain, then the one under which that task was opened, nearest first.
    """

    chain: Chain
    above: tuple[Chain, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether each task on it is followed by the very link under which it was opened."""
        if not self.above:
            return self.chain.origin.under is None
        leaves: tuple[LinkId | None, ...] = (*(one.leaf.id for one in self.above), None)
        unders = (one.origin.under for one in (self.chain, *self.above))
        return all(under == leaf for under, leaf in zip(unders, leaves, strict=True))

    @property
    def task(self) -> TaskId:
        """The task of its own chain."""
        return self.chain.origin.task

    @property
    def places(self) -> Iterator[Place]:
        """Every link on it: the top task's root first, its own leaf last."""
        for chain in (*reversed(self.above), self.chain):
            task = chain.origin.task
            for depth, link in enumerate(chain.links):
                yield Place(link, depth, task)

    @property
    def links(self) -> Iterator[Link]:
        """The same without their places."""
        if not self.above:  # most lines, on the hot path
            return iter(self.chain.links)
        return (place.link for place in self.places)

    def below(self, task: TaskId) -> tuple[Link, ...]:
        """Return the links from a task's root down to the leaf, that root first."""
        found: list[Link] = []
        for chain in (self.chain, *self.above):
            found[:0] = chain.links
            if chain.origin.task == task:
                break
        return tuple(found)

    def denied(self, step: int, refusal: Refusal, place: Place) -> Denial:
        """Return the denial by a link on it: its depth where the caller holds it, else its task."""
        if place.task == self.task:
            return Denial.at(step, refusal, link=place.link.id, depth=place.depth)
        return Denial.at(
            step,
            _with(refusal, f"set on link {place.link.id} of task {place.task}, above this task."),
            link=place.link.id,
        )

    def limited(self, refusal: Refusal, task: TaskId) -> Refusal:
        """Return a refusal by a limit of a task on it, which it names where it is one above."""
        return refusal if task == self.task else limit_above(refusal, task)


def above_task(denial: Denial, task: TaskId) -> Denial:
    """Return the denial by a chain above a call's task, as that call gets it."""
    words = f"on the line above, in task {task}."
    return replace(denial, depth=None, message=f"{denial.message} That is {words}")


def limit_above(refusal: Refusal, task: str) -> Refusal:
    """Return the refusal by a limit of a task above, which it names."""
    return _with(refusal, f"set on task {task}, above this task.")


def heights(chains: Sequence[Chain]) -> tuple[int, ...]:
    """Return how many links of these chains, nearest first, stand above a root at each task."""
    return tuple(accumulate((len(chain.links) for chain in chains), initial=0))


def _with(refusal: Refusal, words: str) -> Refusal:
    return replace(refusal, message=f"{refusal.message} That is {words}")


def set_at(chain: Chain, has_limit: Callable[[Grant], bool]) -> int:
    """Return the depth of the link that set a limit which the leaf has: those below it kept it.

    Args:
        chain: The chain.
        has_limit: Returns whether a grant has the same limit.
    """
    depth = chain.depth
    while depth and has_limit(chain.links[depth - 1].grant):
        depth -= 1
    return depth


def who_granted(chain: Chain, depth: int) -> str:
    """Return who may grant more than a link does: its delegator, by the name that a chain claims.

    Args:
        chain: The chain.
        depth: The link's place in it; a root was granted for whoever opened the task.
    """
    if depth == 0:
        return OPENER
    name = chain.links[depth - 1].holder_name
    return (
        f"{shown_name(name)}, who delegated link {depth},"
        if name
        else f"the holder of link {depth - 1}"
    )


def who_granted_at(line: Line, place: Place) -> str:
    """Return who may grant more than a link on a line does; of a task above, whoever opened it."""
    return who_granted(line.chain, place.depth) if place.task == line.task else OPENER
