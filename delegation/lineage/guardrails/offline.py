"""Builds forests from token files, for a build server that has no store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from delegation.authority.catalogue import Catalogue
from delegation.authority.chain import Link
from delegation.authority.explain import differences
from delegation.authority.ids import LinkId, TaskId
from delegation.identity.principal import fingerprint
from delegation.lineage.entry import Counts, LinkEntry, Standing
from delegation.lineage.guardrails.recorded_links import RecordedLinks
from delegation.tokens.token import Token


def forests_of(
    tokens: Iterable[Token], catalogue: Catalogue, *, at: int, ended: bool = False
) -> Iterator[RecordedLinks]:
    """Return a forest for each task of these tokens.

    Names are claims here: no registry is asked. A child task is a forest by itself, since a token
    does not say which task its opener's link belongs to; give the store's for those.

    Args:
        tokens: As `Token.read` returned them, so their signatures are checked.
        catalogue: All revisions.
        at: Unix seconds; what has expired by then is looked at only with `ended`.
        ended: Whether to look at those, too.
    """
    tasks: dict[TaskId, dict[LinkId, LinkEntry]] = {}
    pinned: dict[LinkId, int] = {}
    for token in tokens:
        links = tasks.setdefault(token.task, {})
        pinned[token.chain.root.id] = token.chain.origin.catalogue
        above: LinkEntry | None = None
        for depth, link in enumerate(token.chain.links):
            above = links.setdefault(link.id, _entry(token, link, depth, above, at))
    for links in tasks.values():
        ordered = sorted(links.values(), key=lambda entry: entry.depth)
        yield RecordedLinks(ordered, pinned, catalogue, ended=ended)


def _entry(token: Token, link: Link, depth: int, above: LinkEntry | None, at: int) -> LinkEntry:
    standing: Standing = "expired" if at >= link.grant.expires_at else "active"
    return LinkEntry(
        id=link.id,
        task=token.task,
        parent=link.parent,
        under=None if link.origin is None else link.origin.under,
        depth=depth,
        holder_name="",
        claimed_name=link.holder_name,
        holder_fingerprint=fingerprint(link.holder_key),
        owner="",
        registered=False,
        inferred=False,
        grant=link.grant,
        changes=differences(None if above is None else above.grant, link.grant),
        recorded_at=0,
        standing=standing,
        ended_by=link.id if standing == "expired" else "",
        decisions=Counts(),
        formats=(token.format,),
    )
