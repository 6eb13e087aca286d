"""Declares how links and decisions are read, for reviewers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from delegation.authority.ids import DecisionId, LinkId, TaskId
from delegation.commands import questions
from delegation.commands.named import found
from delegation.commands.questions import Moment
from delegation.commands.work import DecisionDetail, Reader
from delegation.identity.principal import PublicKey
from delegation.identity.roles import READERS
from delegation.lineage.entry import DecisionEntry, LinkEntry
from delegation.lineage.feed import Renewal, Revocation
from delegation.lineage.filter import DecisionFilter, LinkFilter
from delegation.operations.operation import get
from delegation.operations.parameters import After, At, Limit

MORE_OF_A_LINK = {
    "renews": str | None,
    "renewed_by": tuple[str, ...],
    "ended_before": tuple[Revocation, ...],
}


def _links(
    reader: Reader,
    when: Moment,
    *,
    after: LinkId | None,
    limit: int,
    key: PublicKey | None,
    **wanted: Any,
) -> Sequence[LinkEntry]:
    fits = LinkFilter(**wanted, key=None if key is None else key.key)
    return reader.links(fits, after=after, limit=limit, at=when.at, past=when.past)


class Records:
    """Operations that read records."""

    @get("/v1/links", READERS, member="links", following="id", does=_links)
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

    @get("/v1/links/{link}", READERS, also=MORE_OF_A_LINK, does=questions.recorded)
    def link(self, link: LinkId | str, *, at: At = None) -> LinkEntry:
        """Return a recorded link.

        Raises:
            NotFoundError: There is no such link, or there was none then.
        """

    @get(
        "/v1/links/{link}",
        READERS,
        of="link",
        does=lambda reader, _, link: reader.renewal(link),
    )
    def renewal(self, link: LinkId | str) -> Renewal:
        """Return which link a link was made in place of, and which were made in its own."""

    @get(
        "/v1/links/{link}",
        READERS,
        of="link",
        member="ended_before",
        does=lambda reader, _, link: reader.ended_before(link),
    )
    def ended_before(self, link: LinkId | str) -> Sequence[Revocation]:
        """Return what was ended of all that a link touches when it was recorded, oldest first.

        Earlier links of its holder in its task, the holder's key, agent and owner, the task and its
        owner, tools and systems: what is granted anew is new authority, and names what it follows.
        """

    @get(
        "/v1/links/{link}/ancestors",
        READERS,
        member="links",
        does=lambda reader, when, link: found(
            "link", link, reader.ancestors(link, at=when.at, past=when.past) or None
        ),
    )
    def ancestors(self, link: LinkId | str, *, at: At = None) -> Sequence[LinkEntry]:
        """List a link's ancestors, root first, itself last.

        Raises:
            NotFoundError: There is no such link, or there was none then.
        """

    @get("/v1/links/{link}/descendants", READERS, member="links", does=questions.descendants)
    def descendants(
        self, link: LinkId | str, *, limit: Limit = 1000, at: At = None
    ) -> Sequence[LinkEntry]:
        """List the links below a link, parents before children.

        Args:
            link: The link. Those of tasks that were opened under any below it are below it as well.
            limit: At most so many.
            at: A past instant, Unix seconds.

        Raises:
            NotFoundError: There is no such link, or there was none then.
        """

    @get(
        "/v1/decisions",
        READERS,
        member="decisions",
        following="sequence",
        does=lambda reader, _, after, limit, **wanted: reader.decisions(
            wanted, after=after, limit=limit
        ),
    )
    def decisions(
        self,
        *,
        after: After = 0,
        limit: Limit = 100,
        **wanted: Unpack[DecisionFilter],
    ) -> Sequence[DecisionEntry]:
        """List decisions in commit order, filtered; `since` counts, `until` does not any more."""

    @get("/v1/decisions/{decision}", READERS, does=questions.decision)
    def decision(self, decision: DecisionId | str) -> DecisionDetail:
        """Return one decision with everything that was kept of it.

        Raises:
            NotFoundError: There is none.
        """
