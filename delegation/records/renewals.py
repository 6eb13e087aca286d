"""Which link renewed which: roots as the service made them, links below as their signatures tell.

A delegator renews offline, so nobody says so. What is recorded is what the payloads prove: the same
delegator gave the same holder the same grant with a later end, under the same link or a renewal of
that. Revoking one link of such a line ends the line: a renewal made a second before would otherwise
carry the authority past its revocation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from sqlalchemy import Connection, select

from delegation.authority.chain import Link, parse_payload
from delegation.authority.ids import LinkId
from delegation.lineage.renewal import Renewal, is_renewal
from delegation.records.database import upsert
from delegation.records.tables import LINKS, RENEWALS

_LOOKED_AT: Final = 64  # earlier links of the same parents and holders, the newest first
_CHUNK: Final = 400  # values in one IN list


def note_renewals(connection: Connection, root: str, fresh: Sequence[Link], *, at: int) -> None:
    """Record which of these links renew an earlier one.

    Args:
        connection: The transaction that has just recorded them.
        root: Their root task.
        fresh: Links that were recorded for the first time, parents before children.
        at: Unix seconds.
    """
    made = [link for link in fresh if link.parent is not None]
    if not made:
        return
    parents = {str(link.parent) for link in made}
    came_from = {parent: [parent, *_before(connection, parent)] for parent in sorted(parents)}
    query = select(LINKS.c.payload).where(
        LINKS.c.root == root,
        LINKS.c.parent.in_(sorted({p for found in came_from.values() for p in found})),
        LINKS.c.holder_key.in_({link.holder_key for link in made}),
        LINKS.c.id.not_in([link.id for link in made]),
    )
    newest = query.order_by(LINKS.c.sequence.desc()).limit(_LOOKED_AT)
    earlier = [parse_payload(p, root=False) for p in connection.execute(newest).scalars()]
    rows = []
    for link in made:
        for old in earlier:
            if (
                old.parent in came_from[str(link.parent)]
                and (old.holder_key, old.holder_name) == (link.holder_key, link.holder_name)
                and is_renewal(link.grant, old.grant)
            ):
                rows.append({"link": link.id, "renews": old.id, "at": at})
                break
        earlier.insert(0, link)
        # Its own children may renew those of the link that it renews: they are looked up next time.
    if rows:
        connection.execute(upsert(connection, RENEWALS).on_conflict_do_nothing(), rows)


def _before(connection: Connection, link: str) -> list[str]:
    """Return the links that a link renews, one after the other."""
    found: list[str] = []
    name: str | None = link
    while name is not None and name not in found[:-1]:
        query = select(RENEWALS.c.renews).where(RENEWALS.c.link == name)
        name = connection.execute(query).scalar_one_or_none()
        if name is not None:
            found.append(name)
    return found


def line(connection: Connection, link: str) -> list[str]:
    """Return the other links of a link's line of renewals, before and after it."""
    known = {link: None}
    fresh = [link]
    while fresh:
        found: list[str] = []
        for part in _parts(fresh):
            query = select(RENEWALS.c.link, RENEWALS.c.renews).where(
                RENEWALS.c.link.in_(part) | RENEWALS.c.renews.in_(part)
            )
            for row in connection.execute(query):
                found += (row.link, row.renews)
        fresh = [name for name in dict.fromkeys(found) if name not in known]
        known |= dict.fromkeys(fresh)
    del known[link]
    return list(known)


def held_in_line(connection: Connection, link: str, *, at: int) -> list[LinkId]:
    """Return the other links of a line whose window is not over, in recorded order."""
    found: list[tuple[int, str]] = []
    for part in _parts(line(connection, link)):
        query = select(LINKS.c.sequence, LINKS.c.id).where(
            LINKS.c.id.in_(part), LINKS.c.expires_at > at
        )
        found += [(row.sequence, row.id) for row in connection.execute(query)]
    return [LinkId(name) for _, name in sorted(found)]


def renewals(connection: Connection, links: Iterable[str]) -> dict[LinkId, LinkId]:
    """Return for each of these links that renews another, which."""
    found: dict[LinkId, LinkId] = {}
    for part in _parts(list(links)):
        query = select(RENEWALS.c.link, RENEWALS.c.renews).where(RENEWALS.c.link.in_(part))
        found |= {LinkId(row.link): LinkId(row.renews) for row in connection.execute(query)}
    return found


def renewal_of(connection: Connection, link: LinkId) -> Renewal:
    """Return how a link stands in its line; of an unknown one that nothing is recorded."""
    after = (
        select(RENEWALS.c.link)
        .join(LINKS, LINKS.c.id == RENEWALS.c.link)
        .where(RENEWALS.c.renews == link)
        .order_by(LINKS.c.sequence)
    )
    made = tuple(LinkId(name) for name in connection.execute(after).scalars())
    return Renewal(link, renewals(connection, [link]).get(link), made)


def _parts(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), _CHUNK):
        yield names[start : start + _CHUNK]
