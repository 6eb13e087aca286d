"""Reads links and decisions, for reviewers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from delegation.authority.ids import DecisionId, LinkId, TaskId
from delegation.commands.work import DecisionDetail
from delegation.identity.principal import PublicKey
from delegation.identity.roles import READERS
from delegation.lineage.entry import DecisionEntry, LinkEntry
from delegation.lineage.feed import Renewal, Revocation
from delegation.lineage.filter import DecisionFilter
from delegation.operations.operation import get
from delegation.operations.parameters import After, At, Limit

MORE_OF_A_LINK = {
    "renews": str | None,
    "renewed_by": tuple[str, ...],
    "ended_before": tuple[Revocation, ...],
}


class Records:
    """Operations that read records."""

    @get("/v1/links", READERS, member="links", following="id")
    def links(
        self,
        *,
        task: TaskId | str | None = None,
        parent: LinkId | str | None = None,
        holder: str | None = None,
        key: PublicKey | None = None,
        after: LinkId | str | None = None,
        limit: Limit = 100,
        at: At = None,
    ) -> Sequence[LinkEntry]:
        """List links in the order they were recorded, filtered."""

    @get("/v1/links/{link}", READERS, also=MORE_OF_A_LINK)
    def link(self, link: LinkId | str, *, at: At = None) -> LinkEntry:
        """Return a recorded link."""

    @get("/v1/links/{link}", READERS, of="link")
    def renewal(self, link: LinkId | str) -> Renewal:
        """Return which link a link was made in place of, and which were made in its own."""

    @get("/v1/links/{link}", READERS, of="link", member="ended_before")
    def ended_before(self, link: LinkId | str) -> Sequence[Revocation]:
        """Return what was ended of all that a link touches when it was recorded, oldest first."""

    @get("/v1/links/{link}/ancestors", READERS, member="links")
    def ancestors(self, link: LinkId | str, *, at: At = None) -> Sequence[LinkEntry]:
        """List a link's ancestors, root first, itself last."""

    @get("/v1/links/{link}/descendants", READERS, member="links")
    def descendants(
        self, link: LinkId | str, *, limit: Limit = 1000, at: At = None
    ) -> Sequence[LinkEntry]:
        """List the links below a link, parents before children."""

    @get("/v1/decisions", READERS, member="decisions", following="sequence")
    def decisions(
        self,
        *,
        after: After = 0,
        limit: Limit = 100,
        **wanted: Unpack[DecisionFilter],
    ) -> Sequence[DecisionEntry]:
        """List decisions in commit order, filtered; `since` counts, `until` does not any more."""

    @get("/v1/decisions/{decision}", READERS)
    def decision(self, decision: DecisionId | str) -> DecisionDetail:
        """Return one decision with everything that was kept of it."""
