"""Which link renewed which: roots as the service made them, links below as their signatures tell.

A delegator renews offline, so nobody says so. What is recorded is what the payloads prove: the same
delegator gave the same holder the same grant with a later end, under the same link or a renewal of
that. Revoking one link of such a line ends the line: a renewal made a second before would otherwise
carry the authority past its revocation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Select, func, insert, select

from delegation.authority.chain import Link, parse_payload
from delegation.authority.ids import LinkId
from delegation.lineage.renewal import Renewal, is_renewal
from delegation.records.database import upsert
from delegation.records.tables import LINKS, RENEWALS, REVOCATIONS

_LOOKED_AT: Final = 8  # earlier links of one parent and holder, the newest first
_CHUNK: Final = 400  # values in one IN list


def note_renewals(
    connection: Connection, roots: Iterable[str], fresh: Sequence[Link], *, at: int
) -> None:
    """Record which of these links renew an earlier one.

    Two statements for all of them, and one more where a parent is itself a renewal: this is done in
    the transaction that decides.

    Args:
        connection: The transaction that has just recorded them.
        roots: Their root tasks.
        fresh: Links that were recorded for the first time, parents before children.
        at: Unix seconds.
    """
    made = [link for link in fresh if link.parent is not None]
    if not made:
        return
    came_from = _renewed_by_parents(connection, {str(link.parent) for link in made})
    shards = sorted(set(roots))
    parents = sorted({parent for found in came_from.values() for parent in found})
    earlier: dict[tuple[str, bytes], list[Link]] = {}
    for part in _parts(parents):
        query = _newest_of(shards, part, made)
        for payload in connection.execute(query).scalars():
            old = parse_payload(payload, root=False)
            earlier.setdefault((str(old.parent), old.holder_key), []).append(old)
    rows: list[dict[str, str | int]] = []
    for link in made:
        candidates = (
            old
            for parent in came_from[str(link.parent)]
            for old in earlier.get((parent, link.holder_key), ())
            if old.holder_name == link.holder_name and is_renewal(link.grant, old.grant)
        )
        renewed = next(candidates, None)
        if renewed is not None:
            rows.append({"link": link.id, "renews": str(renewed.id), "at": at})
        earlier.setdefault((str(link.parent), link.holder_key), []).insert(0, link)
    if not rows:
        return
    before = {str(row["renews"]) for row in rows}
    lines, gone = lines_of(connection, before), _revoked(connection, before, at)
    for row in rows:
        name, renews = str(row["link"]), str(row["renews"])
        # What is handed out again after a revocation is new authority, and begins a line of its own.
        row["line"] = lines[name] = name if renews in gone else lines.get(renews, renews)
    connection.execute(upsert(connection, RENEWALS).on_conflict_do_nothing(), rows)


def _newest_of(roots: Sequence[str], parents: Sequence[str], made: Sequence[Link]) -> Select[Any]:
    """Return the query for the newest links of these parents to the holders of these links."""
    of_one = func.row_number().over(
        partition_by=(LINKS.c.parent, LINKS.c.holder_key), order_by=LINKS.c.sequence.desc()
    )
    ranked = (
        select(LINKS.c.payload, LINKS.c.sequence, of_one.label("n"))
        .where(
            LINKS.c.root.in_(roots),
            LINKS.c.parent.in_(parents),
            LINKS.c.holder_key.in_({link.holder_key for link in made}),
            LINKS.c.id.not_in([link.id for link in made]),
        )
        .subquery()
    )
    newest = select(ranked.c.payload).where(ranked.c.n <= _LOOKED_AT)
    return newest.order_by(ranked.c.sequence.desc())


def _renewed_by_parents(connection: Connection, parents: set[str]) -> dict[str, list[str]]:
    """Return for each of these links itself and what it renews, the latest first."""
    found = {parent: [parent] for parent in parents}
    asked = {parent: parent for parent in parents}
    while asked:
        before = renewals(connection, sorted(set(asked.values())))
        asked = {
            parent: str(before[LinkId(last)])
            for parent, last in asked.items()
            if LinkId(last) in before and before[LinkId(last)] not in found[parent]
        }
        for parent, last in asked.items():
            found[parent].append(last)
    return found


def note_renewal(connection: Connection, link: str, renews: str, *, at: int) -> None:
    """Record that a root was made in place of another."""
    row = {"link": link, "renews": renews, "at": at}
    row["line"] = lines_of(connection, [renews]).get(renews, renews)
    connection.execute(insert(RENEWALS), row)


def lines_of(connection: Connection, links: Iterable[str]) -> dict[str, str]:
    """Return for each of these links that renews another the first link of its line."""
    found: dict[str, str] = {}
    for part in _parts(sorted(set(links))):
        query = select(RENEWALS.c.link, RENEWALS.c.line).where(RENEWALS.c.link.in_(part))
        found.update({row.link: row.line for row in connection.execute(query)})
    return found


def whole_lines(connection: Connection, links: Iterable[str]) -> dict[str, str]:
    """Return each link of the lines to which these links belong, with the first link of its line."""
    asked = list(links)
    found = lines_of(connection, asked)
    heads = {found.get(link, link) for link in asked}
    for part in _parts(sorted(heads)):
        query = select(RENEWALS.c.link, RENEWALS.c.line).where(RENEWALS.c.line.in_(part))
        found.update({row.link: row.line for row in connection.execute(query)})
    return found | {head: head for head in heads}


def _revoked(connection: Connection, links: set[str], at: int) -> set[str]:
    """Return those of these links that are revoked themselves."""
    found: set[str] = set()
    for part in _parts(sorted(links)):
        query = select(REVOCATIONS.c.id).where(
            REVOCATIONS.c.kind == "link",
            REVOCATIONS.c.id.in_(part),
            REVOCATIONS.c.act == "revoke",
            REVOCATIONS.c.effective_at <= at,
        )
        found.update(connection.execute(query).scalars())
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
