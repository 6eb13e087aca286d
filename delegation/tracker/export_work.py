"""What exports ask of a store: part of the unit of work. `delegation.records` answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from delegation.authority.ids import LinkId
from delegation.lineage.entry import LinkEntry
from delegation.lineage.filter import DecisionFilter, LinkFilter


class ExportReader(Protocol):
    """Numbers of what is listed, and chains of many links at once, from one snapshot."""

    def count_tasks(self) -> int:
        """Return how many tasks there are."""

    def count_links(self, wanted: LinkFilter, *, at: int, past: bool = False) -> int:
        """Return how many links a listing would have in all."""

    def count_decisions(self, wanted: DecisionFilter) -> int:
        """Return how many decisions a listing would have in all."""

    def chains(
        self, leaves: Sequence[LinkId], *, at: int, past: bool = False
    ) -> Mapping[LinkId, LinkEntry]:
        """Return these links and all above them, by id; those that are recorded."""
