"""Prepares the links of one root task for guardrails: chains, children, reach, budgets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from delegation.authority.catalogue import Catalogue
from delegation.authority.grant import Grant
from delegation.authority.ids import LinkId
from delegation.cancellation import look
from delegation.lineage.entry import LinkEntry
from delegation.lineage.reach import Reach, reach


class RecordedLinks:
    """The links of a root task and its child tasks, which share its ledger and history.

    Args:
        links: With all their ancestors, parents before children.
        pinned: For each root, the catalogue revision that it pins; a root that is missing here is
            judged by the present definitions.
        catalogue: All revisions.
        ended: Whether links that no longer stand are looked at as well.
    """

    def __init__(
        self,
        links: Sequence[LinkEntry],
        pinned: Mapping[LinkId, int],
        catalogue: Catalogue,
        *,
        ended: bool = False,
    ) -> None:
        """Index the links."""
        self.catalogue = catalogue
        self._by_id = {link.id: link for link in links}
        self._pinned = pinned
        self._first: dict[tuple[str, ...], tuple[tuple[LinkEntry, str] | None]] = {}
        self._reach: dict[LinkId, tuple[Reach, ...]] = {}
        self.links = tuple(link for link in links if ended or link.standing == "active")
        self._children = Counter(link.parent for link in self.links if link.parent is not None)

    def chain(self, link: LinkEntry) -> tuple[LinkEntry, ...]:
        """Return the chain of a link, root first, itself last."""
        look()
        chain = [link]
        while (above := chain[-1].parent) is not None:
            chain.append(self._by_id[above])
        return tuple(reversed(chain))

    def reach(self, link: LinkEntry, grant: Grant | None = None) -> tuple[Reach, ...]:
        """Return what a link's grant reaches, or what another grant would in its place."""
        pinned = self._pinned.get(self.chain(link)[0].id)
        if grant is not None and grant is not link.grant:
            return reach(grant, self.catalogue, pinned)
        found = self._reach.get(link.id)
        if found is None:
            found = self._reach[link.id] = reach(link.grant, self.catalogue, pinned)
        return found

    def first_reaching(
        self, labels: Iterable[str], link: LinkEntry
    ) -> tuple[LinkEntry, str] | None:
        """Return a link that reaches a tool with one of the labels, and the tool's name.

        The link itself if it does, else the one with the shortest chain.
        """
        wanted = tuple(labels)
        known = self._first.get(wanted)
        if known is None:
            ordered = sorted(self.links, key=lambda entry: entry.depth)
            found = (self._labelled(entry, wanted) for entry in ordered)
            known = self._first[wanted] = (next(filter(None, found), None),)
        return self._labelled(link, wanted) or known[0]

    def _labelled(self, link: LinkEntry, labels: tuple[str, ...]) -> tuple[LinkEntry, str] | None:
        for reached in self.reach(link):
            if not reached.labels.isdisjoint(labels):
                return link, reached.tool.name
        return None

    def children(self, link: LinkEntry) -> int:
        """Return how many links were delegated from this one."""
        return self._children[link.id]

    def budget(self, link: LinkEntry, unit: str) -> int | None:
        """Return the lowest ceiling on the chain for a unit, None if nothing bounds it."""
        named = [above.grant.budget.get(unit) for above in self.chain(link)]
        return min((most for most in named if most is not None), default=None)

    def begins(self, link: LinkEntry) -> int:
        """Return the first second at which a link can have held, Unix seconds.

        A link states no time of issue, and is recorded when it is first seen, so what is taken is
        its own window or its root's record, whichever is later: never too late.
        """
        return max(link.grant.not_before, self.chain(link)[0].recorded_at)
