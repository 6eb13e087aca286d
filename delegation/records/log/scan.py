"""Compares every record with its leaf: changed, removed, added, or erased too early.

The leaf was hashed when the record was made, and stands under a signed root since. A record that says
something else now was changed since.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import Any, Final

from sqlalchemy import Connection, Text, and_, bindparam, cast, or_, select

from delegation.cancellation import look
from delegation.commands.retention import MIN_SECONDS
from delegation.errors import MalformedError
from delegation.records.log.erasing import ERASED
from delegation.records.log.leaves import change_leaf, decision_leaf
from delegation.records.log.log import SqlLog, read_state
from delegation.records.tables.log import ENTRIES, NODES, PENDING, STATE
from delegation.records.tables.records import DECISIONS, EVIDENCE, LINKS, REVOCATIONS
from delegation.tokens.evidence import LinkEvidence
from delegation.transparency.audit import MAX_FINDINGS, Finding, Findings
from delegation.transparency.leaf import ChangeLeaf, DecisionLeaf, Leaf, LinkLeaf, read_leaf
from delegation.transparency.merkle import Growing, leaf_hash
from delegation.transparency.tile import MAX_LEVEL, WIDTH, fold

_NO_SALT: Final = b""
_DECISIONS: Final = select(DECISIONS).where(DECISIONS.c.id.in_(bindparam("ids", expanding=True)))
_LINKS: Final = select(LINKS).where(LINKS.c.id.in_(bindparam("ids", expanding=True)))
_CHANGES: Final = select(REVOCATIONS).where(
    REVOCATIONS.c.epoch.in_(bindparam("ids", expanding=True))
)
_EVIDENCE: Final = select(EVIDENCE).where(EVIDENCE.c.link.in_(bindparam("ids", expanding=True)))


def compare(connection: Connection, *, at: int) -> Sequence[Finding]:
    """Return what differs between the records, the log's entries and what was signed.

    Args:
        connection: A snapshot.
        at: Now, Unix seconds.
    """
    found = Findings()
    _compare_entries(connection, found, at)
    _find_unlogged(connection, found)
    return tuple(found.kept)


def _compare_entries(connection: Connection, found: Findings, at: int) -> None:
    state = read_state(connection)
    growing, rows = Growing(), list[bytes]()
    levels: list[list[bytes]] = [[] for _ in range(MAX_LEVEL + 1)]
    signed = state.head
    part: list[Leaf] = []
    for place, stored, entry in SqlLog(connection).entries(state.size):
        look()
        if place != growing.size:
            found.add("log_differs", f"Entry {growing.size} of the log is missing in the database.")
            return
        is_so = leaf_hash(entry)
        if is_so != stored:
            found.add("log_differs", f"Entry {place} is not what its stored hash is over.")
        growing.append(is_so)
        rows.append(is_so)
        if len(rows) == WIDTH:
            _climb(levels, rows)
            rows = []
        if signed is not None and growing.size == signed.size and growing.root() != signed.root:
            found.add("log_differs", "The entries are not those under the signed checkpoint.")
        try:
            part.append(read_leaf(entry))
        except MalformedError as error:
            found.add("entry_malformed", f"Entry {place} cannot be read: {error}")
        if len(part) == WIDTH:
            _compare_part(connection, part, found, at)
            part = []
    _compare_part(connection, part, found, at)
    if growing.size != state.size or (signed is not None and growing.size < signed.size):
        found.add("log_differs", f"The log has {growing.size} entries, and had {state.size}.")
    kept = {
        (row.level, row.place): bytes(row.hash) for row in connection.execute(select(NODES)).all()
    }
    made = {(n, i): h for n, level in enumerate(levels) for i, h in enumerate(level)}
    if kept != made:
        found.add("log_differs", "The hashes above the entries are not theirs.")
    if state.stopped:
        found.add("log_stopped", f"The log is stopped: {state.stopped}")


def _climb(levels: list[list[bytes]], row: Sequence[bytes]) -> None:
    level = 0
    while len(row) == WIDTH and level < MAX_LEVEL:
        level += 1
        levels[level].append(fold(row))
        row = levels[level][-WIDTH:] if len(levels[level]) % WIDTH == 0 else ()


def _compare_part(connection: Connection, part: Sequence[Leaf], found: Findings, at: int) -> None:
    decisions = [leaf for leaf in part if isinstance(leaf, DecisionLeaf)]
    links = [leaf for leaf in part if isinstance(leaf, LinkLeaf)]
    changes = [leaf for leaf in part if isinstance(leaf, ChangeLeaf)]
    if changes:
        told = connection.execute(_CHANGES, {"ids": [one.epoch for one in changes]})
        now = {row.epoch: change_leaf(row._asdict()) for row in told}
        for one in changes:
            _compare_change(now.get(one.epoch), one, found)
    if decisions:
        rows = connection.execute(_DECISIONS, {"ids": [leaf.id for leaf in decisions]})
        _compare_decisions({row.id: row for row in rows}, decisions, found, at)
    if links:
        ids = [leaf.id for leaf in links]
        kept = {row.id: row for row in connection.execute(_LINKS, {"ids": ids})}
        proofs = {
            (row.link, row.format): LinkEvidence(
                row.format,
                bytes(row.block),
                bytes(row.signature),
                None if row.previous_signature is None else bytes(row.previous_signature),
            )
            for row in connection.execute(_EVIDENCE, {"ids": ids})
        }
        above = [name for leaf in links if (name := _above(leaf)) is not None]
        roots = {row.id: row.root for row in connection.execute(_LINKS, {"ids": above})}
        for leaf in links:
            _compare_link(kept.get(leaf.id), proofs, leaf, roots, found)


def _compare_change(row: ChangeLeaf | None, leaf: ChangeLeaf, found: Findings) -> None:
    if row is None:
        found.add("row_missing", f"Change {leaf.epoch} stands in the log and was deleted.")
    elif row != leaf:
        said = [f.name for f in fields(leaf) if getattr(leaf, f.name) != getattr(row, f.name)]
        found.add("row_changed", _changed("Change", leaf.id, said))


def _compare_decisions(
    rows: dict[str, Any], leaves: Iterable[DecisionLeaf], found: Findings, at: int
) -> None:
    for leaf in leaves:
        row = rows.get(leaf.id)
        if row is None:
            found.add("row_missing", f"Decision {leaf.id} stands in the log and was deleted.")
            continue
        columns = dict(row._mapping)  # noqa: SLF001  # SQLAlchemy's public name for it
        erased = columns["arguments_salt"] is None
        is_blank = all(columns[name] == blank for name, blank in ERASED.items())
        columns["arguments_salt"] = columns["arguments_salt"] or _NO_SALT
        try:
            now = decision_leaf(columns)
        except (MalformedError, TypeError, ValueError):
            found.add("row_changed", f"Decision {leaf.id} was changed so that it cannot be read.")
            continue
        if erased:
            now = replace(now, erasable=leaf.erasable)
        said = [f.name for f in fields(leaf) if getattr(leaf, f.name) != getattr(now, f.name)]
        if columns["link"] != (leaf.links[-1] if leaf.links else None):
            said.append("link")
        if erased and not is_blank:
            said.append("erasable")
        if said:
            found.add("row_changed", _changed("Decision", leaf.id, said))
        elif erased and at - leaf.at < MIN_SECONDS:
            found.add("row_erased_early", f"Decision {leaf.id} was erased before its time.")


def _above(leaf: LinkLeaf) -> str | None:
    """Return the link above: the parent; of a child task's root the one that it was opened under."""
    return leaf.link.parent if leaf.link.origin is None else leaf.link.origin.under


def _compare_link(
    row: Any,
    proofs: dict[tuple[str, str], LinkEvidence],
    leaf: LinkLeaf,
    roots: dict[str, str],
    found: Findings,
) -> None:
    if row is None:
        found.add("row_missing", f"Link {leaf.id} stands in the log and was deleted.")
        return
    link, above = leaf.link, _above(leaf)
    wanted = {
        "task": leaf.task,
        # The root task of what is above, which is compared by its own leaf.
        "root": leaf.task if above is None else roots.get(above),
        "sequence": leaf.sequence,
        "depth": leaf.depth,
        "at": leaf.at,
        "payload": link.payload,
        "parent": link.parent,
        "holder_key": link.holder_key,
        "holder_name": link.holder_name,
        "expires_at": link.grant.expires_at,
    }
    said = [name for name, value in wanted.items() if _plain(getattr(row, name)) != value]
    if proofs.get((leaf.id, leaf.evidence.format)) != leaf.evidence:
        said.append("evidence")
    if said:
        found.add("row_changed", _changed("Link", leaf.id, said))


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


def _changed(what: str, name: str, said: Sequence[str]) -> str:
    return f"{what} {name} was changed after it was recorded: {', '.join(said)}."


def _find_unlogged(connection: Connection, found: Findings) -> None:
    """Find records without a leaf: put in from outside, or their leaf was taken out."""
    state = connection.execute(select(STATE)).one()
    sides: tuple[tuple[str, Any, Any, int, int], ...] = (
        (
            "decision",
            DECISIONS.c.id,
            DECISIONS.c.sequence,
            state.decisions_done,
            state.decisions_upto,
        ),
        ("link", LINKS.c.id, LINKS.c.sequence, state.links_done, state.links_upto),
        (
            "change",
            cast(REVOCATIONS.c.epoch, Text),
            REVOCATIONS.c.epoch,
            state.changes_done,
            state.changes_upto,
        ),
    )
    for kind, record, number, done, upto in sides:
        logged = and_(ENTRIES.c.kind == kind, ENTRIES.c.record == record)
        waits = and_(PENDING.c.kind == kind, PENDING.c.record == record)
        asked = (
            select(record)
            .select_from(number.table)
            .outerjoin(ENTRIES, logged)
            .outerjoin(PENDING, waits)
            .where(ENTRIES.c.place.is_(None), PENDING.c.n.is_(None))
            .where(or_(number <= done, number > upto))
            .order_by(number)
            .limit(MAX_FINDINGS)
        )
        for name in connection.execute(asked).scalars():
            found.add(
                "row_unlogged", f"The {kind} {name} is recorded and has no leaf: it was put in."
            )
