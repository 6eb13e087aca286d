"""Chooses the part of a forest that a map draws: the selected path, its neighbours, bundles for the rest.

A fold never hides what is selected, denied or waiting for people, as far as `MAX_NODES` reaches; what
no longer fits is counted. All numbers of a bundle count the same set: the hidden subtrees.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from delegation.lineage.entry import Standing, TaskEntry
from delegation.lineage.outline import LinkOutline, TaskOutline

Outcome: TypeAlias = Literal["allowed", "denied", "waiting"]
MAX_NODES: Final = 300  # drawn at once: tasks, links and bundles
SIBLINGS: Final = 6  # of one parent that are drawn before the rest is folded
SOON: Final = 40  # a forest is unfolded by itself up to so many nodes


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody looks at.

    Args:
        focus: Id of the selected link; empty selects none.
        opened: Ids of links and tasks whose children are all unfolded, one level.
        standing: Links with one of these; empty lets all pass.
        outcome: Links with such a decision or request of their own; empty lets all pass.
    """

    focus: str = ""
    opened: tuple[str, ...] = ()
    standing: AbstractSet[Standing] = frozenset()
    outcome: AbstractSet[Outcome] = frozenset()

    def admits(self, link: LinkOutline) -> bool:
        """Return whether a link passes both filters."""
        if self.standing and link.standing not in self.standing:
            return False
        return not self.outcome or bool(self.outcome & outcomes_of(link))


def outcomes_of(link: LinkOutline) -> set[Outcome]:
    """Return the outcomes that calls with this link as the leaf had."""
    kinds: tuple[tuple[Outcome, int], ...] = (
        ("allowed", link.allowed),
        ("denied", link.denied),
        ("waiting", link.waiting),
    )
    return {kind for kind, number in kinds if number}


@dataclass(frozen=True, slots=True)
class Bundle:
    """Hidden children of one parent with everything below them.

    Args:
        siblings: Hidden children.
        links: Links in their subtrees, themselves included.
        denied: How many of those had denials.
        can_write: How many of those hold more than reading.
        waiting: How many of those wait for people.
        is_whole: Whether none of the parent's children is drawn.
    """

    siblings: int
    links: int
    denied: int
    can_write: int
    waiting: int
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Node:
    """One thing that is drawn. Exactly one of `task`, `link` and `bundle` is set.

    Args:
        parent: Its parent's index among the nodes, None for a task.
        task: A task, with its accountable owner.
        link: A link.
        bundle: Hidden children of the parent.
        below: How many links hang below it, whatever the filters say.
        has_children: Whether the filters leave any below it.
        on_path: Whether it lies on the selected path.
        is_context: Whether it is only there for what is below it: the filters do not admit it.
        is_open: Whether somebody unfolded it.
    """

    parent: int | None
    task: TaskEntry | None = None
    link: LinkOutline | None = None
    bundle: Bundle | None = None
    below: int = 0
    has_children: bool = False
    on_path: bool = False
    is_context: bool = False
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Focus:
    """What is drawn, parents before children and siblings in recorded order, bundles last.

    Args:
        nodes: At most `MAX_NODES`.
        wanted: What was asked for.
        total: Links in all.
        shown: Links drawn.
        folded: Links in bundles.
        filtered: Links that the filters hide; the three add up to the total.
        context: Links that the filters would hide, kept for what is below or selected.
        unfit: Links with denials or requests that wait, folded because no more fitted.
        standings: How many links have each standing, filters aside.
        outcomes: How many links had each outcome, filters aside.
        depth: Deepest link that is drawn, -1 without any.
    """

    nodes: tuple[Node, ...]
    wanted: Wanted
    total: int
    shown: int
    folded: int
    filtered: int
    context: int
    unfit: int
    standings: dict[str, int]
    outcomes: dict[str, int]
    depth: int


def focus(forest: Sequence[TaskOutline], wanted: Wanted, *, most: int = MAX_NODES) -> Focus:
    """Return what is drawn of these tasks.

    Args:
        forest: At most `most` tasks, in drawing order.
        wanted: What is looked at.
        most: Most nodes.
    """
    tree = _Tree.of(forest, wanted)
    tree.open_what_is_wanted(most)
    nodes, order = tree.nodes()
    every = [link for task in forest for link in task.links]
    standings: dict[str, int] = {}
    outcomes: dict[str, int] = {}
    for link in every:
        standings[link.standing] = standings.get(link.standing, 0) + 1
        if link.allowed or link.denied or link.waiting:
            for outcome in outcomes_of(link):
                outcomes[outcome] = outcomes.get(outcome, 0) + 1
    shown = sum(node.link is not None for node in nodes)
    kept = sum(tree.kept[len(forest) :])
    admitted = sum(map(wanted.admits, every))
    return Focus(
        nodes=nodes,
        wanted=wanted,
        total=len(every),
        shown=shown,
        folded=kept - shown,
        filtered=len(every) - kept,
        context=kept - admitted,
        unfit=sum(n not in order for n in tree.pinned()),
        standings=standings,
        outcomes=outcomes,
        depth=max((node.link.depth for node in nodes if node.link), default=-1),
    )


@dataclass(slots=True)
class _Tree:
    """Tasks, then their links, by index: parents before children."""

    forest: Sequence[TaskOutline]
    wanted: Wanted
    links: list[LinkOutline | None]
    parents: list[int]  # -1 for a task
    children: list[Sequence[int]]  # that the filters leave
    kept: list[bool]
    below: list[int]  # links in the subtree, without itself, filters aside
    hidden: list[int]  # children that are not drawn
    index: dict[str, int]
    path: list[int] = field(default_factory=list)
    shown: set[int] = field(default_factory=set)
    cost: int = 0

    @classmethod
    def of(cls, forest: Sequence[TaskOutline], wanted: Wanted) -> _Tree:
        """Return the forest with what the filters leave."""
        links: list[LinkOutline | None] = [None] * len(forest)
        parents = [-1] * len(forest)
        index: dict[str, int] = {task.task.id: n for n, task in enumerate(forest)}
        for number, task in enumerate(forest):
            for link in task.links:
                index[link.id] = len(links)
                # A link of which nothing above is here is drawn under its task: never lost.
                above = index.get(link.above, number) if link.above is not None else number
                parents.append(above)
                links.append(link)
        count = len(links)
        chosen = index.get(wanted.focus, -1)
        path: list[int] = []
        if chosen >= len(forest):
            while chosen >= 0:
                path.append(chosen)
                chosen = parents[chosen]
            path.reverse()
        kept = [link is None or wanted.admits(link) for link in links]
        for number in path:
            kept[number] = True
        below = [0] * count
        for number in range(count - 1, len(forest) - 1, -1):
            below[parents[number]] += below[number] + 1
            if kept[number]:  # filters keep ancestors
                kept[parents[number]] = True
        families: dict[int, list[int]] = {}  # most links of a large forest hand nothing on
        for number in range(len(forest), count):
            if kept[number]:
                families.setdefault(parents[number], []).append(number)
        children: list[Sequence[int]] = [()] * count
        for number, family in families.items():
            children[number] = family
        hidden = [len(found) for found in children]
        return cls(
            forest, wanted, links, parents, children, kept, below, hidden, index, path
        )  # fmt: skip

    @property
    def tasks(self) -> int:
        """How many of the indices are tasks."""
        return len(self.forest)

    def pinned(self) -> list[int]:
        """Return the links that a fold may not hide."""
        return [
            number
            for number, link in enumerate(self.links)
            if link is not None
            and (link.denied or link.waiting)
            and self.kept[number]
            and self.wanted.admits(link)
        ]

    def open_what_is_wanted(self, most: int) -> None:
        """Choose what is drawn, the most important first."""
        for number in range(self.tasks):
            self._show(number, most)
        for number in self.path:
            self._show(number, most)
        for number in self.path or range(self.tasks):
            self._show_all(self.children[number][:SIBLINGS], most)
        for name in self.wanted.opened:
            opened = self.index.get(name, -1)
            if opened >= 0 and self.kept[opened]:
                self._show_all(self.children[opened], most)
        pinned = self.pinned()
        pinned.sort(key=lambda n: (-_of(self.links[n]).waiting, -_of(self.links[n]).denied, n))
        self._show_all(pinned, most)
        self._unfold_what_is_small(min(SOON, most))
        self._draw_lone_links(most)

    def _unfold_what_is_small(self, most: int) -> None:
        """Unfold whole families, the upper ones first, while the picture stays small."""
        waiting = deque(range(self.tasks))
        while waiting:
            number = waiting.popleft()
            family = self.children[number][:SIBLINGS]
            if number in self.shown:
                missing = [child for child in family if child not in self.shown]
                if self.cost + len(missing) > most:
                    return
                self._show_all(missing, most)
            waiting.extend(family)

    def _draw_lone_links(self, most: int) -> None:
        """Draw a single hidden leaf instead of a bundle that takes as much room."""
        for number in sorted(self.shown):
            if self.hidden[number] == 1 and len(self.children[number]) > 1:
                (lone,) = (n for n in self.children[number] if n not in self.shown)
                if not self.children[lone]:
                    self._show(lone, most)

    def _show_all(self, numbers: Iterable[int], most: int) -> None:
        for number in numbers:
            self._show(number, most)

    def _show(self, number: int, most: int) -> None:
        """Draw a node and what is above it, if all of that fits."""
        missing: list[int] = []
        while number >= 0 and number not in self.shown:
            missing.append(number)
            number = self.parents[number]
        price = 0
        for one in missing:
            price += 1 + bool(self.children[one])  # itself, and a bundle of what is below it
            parent = self.parents[one]
            if parent >= 0 and self.hidden[parent] == 1:
                price -= 1  # the parent's bundle is empty now
        if self.cost + price > most:
            return
        self.cost += price
        for one in missing:
            self.shown.add(one)
            if self.parents[one] >= 0:
                self.hidden[self.parents[one]] -= 1

    def nodes(self) -> tuple[tuple[Node, ...], dict[int, int]]:
        """Return what is drawn, depth first, and each index's place in it."""
        out: list[Node] = []
        place: dict[int, int] = {}
        on_path = set(self.path)
        tally = self._tallies()
        stack = [number for number in reversed(range(self.tasks)) if number in self.shown]
        while stack:
            number = stack.pop()
            if number < 0:
                out.append(self._bundle(~number, place[~number], tally))
                continue
            place[number] = len(out)
            link = self.links[number]
            name = link.id if link is not None else self.forest[number].task.id
            out.append(
                Node(
                    parent=place.get(self.parents[number]),
                    task=None if link is not None else self.forest[number].task,
                    link=link,
                    below=self.below[number],
                    has_children=bool(self.children[number]),
                    on_path=number in on_path,
                    is_context=link is not None and not self.wanted.admits(link),
                    is_open=name in self.wanted.opened,
                )
            )
            if self.hidden[number]:
                stack.append(~number)
            stack += [n for n in reversed(self.children[number]) if n in self.shown]
        return tuple(out), place

    def _bundle(self, number: int, place: int, tally: Sequence[Sequence[int]]) -> Node:
        folded = [n for n in self.children[number] if n not in self.shown]
        links, denied, can_write, waiting = (sum(column[n] for n in folded) for column in tally)
        whole = len(folded) == len(self.children[number])
        bundle = Bundle(len(folded), links, denied, can_write, waiting, whole)
        return Node(parent=place, bundle=bundle)

    def _tallies(self) -> Sequence[Sequence[int]]:
        """Return by index how many links, denied, writing and waiting ones each subtree has."""
        count = len(self.links)
        links, denied, writes, waits = ([0] * count for _ in range(4))
        for number in range(count - 1, self.tasks - 1, -1):
            if self.kept[number]:
                link, above = _of(self.links[number]), self.parents[number]
                links[number] += 1
                denied[number] += link.denied > 0
                writes[number] += link.can_write
                waits[number] += link.waiting > 0
                links[above] += links[number]
                denied[above] += denied[number]
                writes[above] += writes[number]
                waits[above] += waits[number]
        return links, denied, writes, waits


def _of(link: LinkOutline | None) -> LinkOutline:
    assert link is not None  # noqa: S101  # indices past the tasks are links
    return link
