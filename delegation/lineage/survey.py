"""Holds a survey of many links: the records around them, and how many were looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from delegation.authority.catalogue import Catalogue
from delegation.authority.ids import DecisionId, LinkId, TaskId
from delegation.cancellation import look
from delegation.hidden import Hidden
from delegation.lineage.entry import LinkEntry, TaskEntry
from delegation.lineage.reach import Reach, reach

_Row = TypeVar("_Row")
MOST_COUNTED: Final = 100_000  # links that are counted; of more it is said that there are more


@dataclass(frozen=True, slots=True)
class Extent:
    """How many links an answer rests on.

    Args:
        looked: Links that were looked at, the newest of all; those above them are not counted.
        total: Links that the question is about; `MOST_COUNTED` + 1 stands for more than that.
    """

    looked: int = 0
    total: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether nothing was left out for its number."""
        return self.looked >= self.total

    def __str__(self) -> str:
        """Return both numbers in words."""
        if self.total > MOST_COUNTED:
            return f"the newest {self.looked:,} of more than {MOST_COUNTED:,} links"
        return f"the newest {self.looked:,} of {self.total:,} links"


UNSAID: Final = Extent()


class Counted(tuple[_Row, ...]):  # noqa: SLOT001  # a tuple's subclass has room for no slot
    """Rows of an answer, with how many links they rest on.

    Args:
        rows: The rows.
        extent: How much was looked at.
    """

    extent: Extent

    def __new__(cls, rows: Iterable[_Row], extent: Extent) -> Counted[_Row]:
        """Keep both."""
        made = super().__new__(cls, rows)
        made.extent = extent
        return made


@dataclass(frozen=True, slots=True)
class Registered:
    """An agent of the registry.

    Args:
        name: Its identity there.
        owner: The accountable human or service.
        keys: Its 32-byte holder keys.
        registered_at: Unix seconds.
    """

    name: str
    owner: str
    keys: tuple[bytes, ...]
    registered_at: int


@dataclass(frozen=True, slots=True)
class Use:
    """Calls of one tool with one link as the leaf.

    Args:
        tool: The tool.
        allowed: How many were allowed.
        denied: How many were denied.
        last_at: When the last of them was decided, Unix seconds.
    """

    tool: str
    allowed: int
    denied: int
    last_at: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """Calls and openings of one task that a limit of growth or pace refused of late.

    Args:
        task: The task.
        code: The denial's code.
        count: How many, within the last hour.
        last_at: When the last was refused, Unix seconds.
    """

    task: TaskId
    code: str
    count: int
    last_at: int


@dataclass(frozen=True, slots=True)
class Hiding:
    """A call of late in which characters are not seen.

    Args:
        decision: What was decided about it.
        link: The leaf.
        tool: The tool.
        matters: Whether it was allowed, or people were asked to consent to it.
        found: What is not seen, and where.
    """

    decision: DecisionId
    link: LinkId
    tool: str
    matters: bool
    found: tuple[Hidden, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known beside the links themselves.

    Args:
        tasks: Their tasks by id.
        keys: Each link's holder key, 32 bytes.
        pins: The catalogue revision that each root pins.
        uses: Calls by leaf.
        spent: Units that were charged to each link's budget.
        agents: The registry.
        renews: For a link that was made in place of another, which.
        stopped: What limits of growth and pace refused within the last hour.
        hiding: Calls within the last hour that hold characters which are not seen, the newest 1,000.
    """

    tasks: Mapping[TaskId, TaskEntry] = field(default_factory=dict)
    keys: Mapping[LinkId, bytes] = field(default_factory=dict)
    pins: Mapping[LinkId, int] = field(default_factory=dict)
    uses: Mapping[LinkId, tuple[Use, ...]] = field(default_factory=dict)
    spent: Mapping[LinkId, Mapping[str, int]] = field(default_factory=dict)
    agents: tuple[Registered, ...] = ()
    renews: Mapping[LinkId, LinkId] = field(default_factory=dict)
    stopped: tuple[Stopped, ...] = ()
    hiding: tuple[Hiding, ...] = ()


@dataclass(frozen=True, slots=True)
class Ground:
    """Which links a question is about; those above them always come with them.

    Args:
        is_open: Every link of a task that is open.
        also_open_at: With it, links of tasks that were open at this instant, Unix seconds.
        task: Every link of this task and of the tasks opened below it.
        link: This link and all below it, child tasks' links included.
        keys: Links that these keys hold, and all below them likewise.
        owner: With it, every link of open tasks of this owner.
        whole: Whether every other link of the tasks so found comes along, and of the link its
            line of renewals.
    """

    is_open: bool = False
    also_open_at: int | None = None
    task: str | None = None
    link: str | None = None
    keys: tuple[bytes, ...] = ()
    owner: str | None = None
    whole: bool = False


class Survey:
    """Links with all that is above them, as they were at one instant.

    Args:
        links: Parents before children; each comes with all its ancestors.
        catalogue: As it was then.
        at: The instant, Unix seconds.
        known: What is known beside them.
        extent: How much of what was asked for was looked at; all of it if left out.
    """

    def __init__(
        self,
        links: Iterable[LinkEntry],
        catalogue: Catalogue,
        *,
        at: int,
        known: Known | None = None,
        extent: Extent | None = None,
    ) -> None:
        """Index the links."""
        self.links = tuple(links)
        self.catalogue = catalogue
        self.at = at
        self.known = known or Known()
        self.extent = extent or Extent(len(self.links), len(self.links))
        self.is_complete = self.extent.is_complete
        self.by_id = {link.id: link for link in self.links}
        self._reached: dict[LinkId, tuple[Reach, ...]] = {}
        self._children: dict[LinkId, list[LinkEntry]] = {}
        for link in self.links:
            if link.above is not None:
                self._children.setdefault(link.above, []).append(link)

    def children(self, link: LinkId) -> tuple[LinkEntry, ...]:
        """Return the links right below one, roots of the child tasks opened under it included."""
        return tuple(self._children.get(link, ()))

    def below(self, link: LinkId) -> Iterator[LinkEntry]:
        """Yield all links below one, parents before children, child tasks' included."""
        waiting = list(self._children.get(link, ()))
        while waiting:
            look()
            found = waiting.pop(0)
            yield found
            waiting += self._children.get(found.id, ())

    def chain(self, link: LinkId) -> tuple[LinkEntry, ...]:
        """Return a link's ancestors, root first, itself last."""
        look()
        up: list[LinkEntry] = []
        found = self.by_id.get(link)
        while found is not None:
            up.append(found)
            found = None if found.parent is None else self.by_id.get(found.parent)
        return tuple(reversed(up))

    def line(self, link: LinkId) -> frozenset[LinkId]:
        """Return a link with those that it renews and that renew it: they end together."""
        found = {link}
        count = 0
        while count != len(found):
            count = len(found)
            for new, old in self.known.renews.items():
                if new in found or old in found:
                    found |= {new, old}
        return frozenset(found)

    def pinned(self, link: LinkId) -> int | None:
        """Return the catalogue revision that a link's root pins, None when it is not known."""
        chain = self.chain(link)
        return self.known.pins.get(chain[0].id) if chain else None

    def reach(self, link: LinkEntry) -> tuple[Reach, ...]:
        """Return what a link's grant reaches, whether it stands or not: several rules ask for it."""
        found = self._reached.get(link.id)
        if found is None:
            found = self._reached[link.id] = reach(link.grant, self.catalogue, self.pinned(link.id))
        return found

    def until(self, link: LinkEntry) -> int:
        """Return the first second at which a link no longer holds: its window's or its task's end."""
        task = self.known.tasks.get(link.task)
        ends = link.grant.expires_at
        return ends if task is None else min(ends, task.deadline)


def called(link: LinkEntry) -> str:
    """Return what a holder is called in one line: a registered name, or its key's fingerprint.

    The delegator's word for an unregistered key is a claim, and left out here.
    """
    return link.holder_name if link.registered else f"unnamed {link.holder_fingerprint}"
