"""Records which link renews which: roots as the service made them, others as their payloads tell.

A delegator renews offline, so nobody says so. What is recorded is what the payloads prove: the same
hands gave the same holder the same grant, in whatever window (`line_mark`), and in whatever order the
service saw it. Revoking one link of such a line ends the line: a renewal made a second before would
otherwise carry the authority past its revocation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, func, insert, select, update

from delegation.authority.chain import Link
from delegation.authority.ids import LinkId
from delegation.lineage.feed import Renewal, line_mark
from delegation.records.engine.database import upsert
from delegation.records.tables.records import LINKS, RENEWALS, REVOCATIONS

_CHUNK: Final = 400  # values in one IN list


def marks_of(connection: Connection, fresh: Sequence[Link]) -> dict[str, bytes]:
    """Return the marks of the lines of these links, which are about to be recorded.

    Args:
        connection: The transaction that records them.
        fresh: Parents before children; parents that are not among them are recorded.
    """
    marks: dict[str, bytes] = {}
    made = {link.id for link in fresh}
    above = sorted({link.parent for link in fresh if link.parent is not None} - made)
    for part in _parts(above):
        query = select(LINKS.c.id, LINKS.c.mark).where(LINKS.c.id.in_(part))
        marks.update({row.id: row.mark for row in connection.execute(query)})
    for link in fresh:
        marks[link.id] = line_mark(link, b"" if link.parent is None else marks[link.parent])
    return {link.id: marks[link.id] for link in fresh}


def note_renewals(
    connection: Connection,
    fresh: Sequence[Link],
    marks: Mapping[str, bytes],
    *,
    first: int,
    at: int,
) -> None:
    """Record which of these links renew an earlier one.

    One statement for all of them, and three more where any does: this is done in the transaction
    that decides.

    Args:
        connection: The transaction that has just recorded them.
        fresh: Links that were recorded for the first time, in their order.
        marks: The marks of their lines.
        first: The number of the first of them.
        at: Unix seconds.
    """
    made = [link for link in fresh if link.parent is not None]
    newest: dict[bytes, str] = {}
    wanted = sorted({marks[link.id] for link in made})
    for start in range(0, len(wanted), _CHUNK):
        part = wanted[start : start + _CHUNK]
        last = select(func.max(LINKS.c.sequence)).where(LINKS.c.mark.in_(part))
        last = last.where(LINKS.c.sequence < first).group_by(LINKS.c.mark)
        query = select(LINKS.c.mark, LINKS.c.id).where(LINKS.c.sequence.in_(last))
        newest.update({row.mark: row.id for row in connection.execute(query)})
    rows: list[dict[str, str | int]] = []
    for link in made:
        renewed = newest.get(marks[link.id])
        if renewed is not None:
            rows.append({"link": link.id, "renews": renewed, "at": at})
        newest[marks[link.id]] = link.id
    if not rows:
        return
    before = {str(row["renews"]) for row in rows}
    lines = lines_of(connection, before)
    gone = _revoked(connection, before | set(lines.values()), at)
    for row in rows:
        name, renews = str(row["link"]), str(row["renews"])
        line = lines.get(renews, renews)
        # What is handed out again after a revocation is new authority, and begins a line of its own.
        row["line"] = lines[name] = name if gone & {renews, line} else line
    connection.execute(upsert(connection, RENEWALS).on_conflict_do_nothing(), rows)


def note_renewal(connection: Connection, link: str, *, renews: str, at: int) -> None:
    """Record that a root was made in place of another: the descendants of both are of one line."""
    row = {"link": link, "renews": renews, "at": at}
    row["line"] = lines_of(connection, [renews]).get(renews, renews)
    connection.execute(insert(RENEWALS), row)
    mark = select(LINKS.c.mark).where(LINKS.c.id == renews).scalar_subquery()
    connection.execute(update(LINKS).where(LINKS.c.id == link).values(mark=mark))


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
    return [name for name in whole_lines(connection, [link]) if name != link]


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
