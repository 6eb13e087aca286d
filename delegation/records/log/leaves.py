"""Makes the leaves of records: with the record in its transaction, or later for older ones.

The leaf's hash is stored at insert, so that a record which is changed before it has a place in the log
is found out like one that is changed after.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from json.encoder import encode_basestring
from typing import Any, Final, cast

from sqlalchemy import Connection, LargeBinary, Row, Text, bindparam, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY

from delegation import canonical
from delegation.authority.chain import Link, parse_payload
from delegation.authority.ids import TaskId
from delegation.canonical import b64u
from delegation.records.engine.sqlite import cursor_of
from delegation.records.tables.records import DECISIONS, EVIDENCE, LINKS, REVOCATIONS
from delegation.tokens.evidence import LinkEvidence
from delegation.transparency.leaf import (
    CHANGE,
    DECISION,
    VERSION,
    ChangeLeaf,
    DecisionLeaf,
    Kind,
    Leaf,
    LinkLeaf,
    erasable_digest,
)
from delegation.transparency.merkle import leaf_hash

_SALT_BYTES: Final = 16
_WAIT_SQLITE: Final = "INSERT INTO log_pending (kind, record, hash, entry) VALUES (?, ?, ?, ?)"
_WAIT_POSTGRES: Final = text(
    "INSERT INTO log_pending (kind, record, hash, entry)"
    " SELECT * FROM unnest(:kinds, :records, :hashes, :entries)"
).bindparams(
    bindparam("kinds", type_=ARRAY(Text)),
    bindparam("records", type_=ARRAY(Text)),
    bindparam("hashes", type_=ARRAY(LargeBinary)),
    bindparam("entries", type_=ARRAY(LargeBinary)),
)
_OLD_DECISIONS: Final = (
    select(DECISIONS)
    .where(DECISIONS.c.sequence > bindparam("after"), DECISIONS.c.sequence <= bindparam("upto"))
    .order_by(DECISIONS.c.sequence)
    .limit(bindparam("most"))
)
_OLD_LINKS: Final = (
    select(LINKS)
    .where(LINKS.c.sequence > bindparam("after"), LINKS.c.sequence <= bindparam("upto"))
    .order_by(LINKS.c.sequence)
    .limit(bindparam("most"))
)
_OLD_CHANGES: Final = (
    select(REVOCATIONS)
    .where(REVOCATIONS.c.epoch > bindparam("after"), REVOCATIONS.c.epoch <= bindparam("upto"))
    .order_by(REVOCATIONS.c.epoch)
    .limit(bindparam("most"))
)
_EVIDENCE: Final = (
    select(EVIDENCE)
    .where(EVIDENCE.c.link.in_(bindparam("ids", expanding=True)))
    .order_by(EVIDENCE.c.link, EVIDENCE.c.format.desc())  # the first format is read last, and stays
)
_SALT: Final = (
    update(DECISIONS)
    .where(DECISIONS.c.sequence == bindparam("of"))
    .values(arguments_salt=bindparam("salt"))
)


def new_salt() -> bytes:
    """Return the salt of one record's digests."""
    return secrets.token_bytes(_SALT_BYTES)


def log_decisions(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Let decisions wait for their place in the log; committed with them or not at all."""
    _wait(connection, "decision", [(row["id"], decision_entry(row)) for row in rows])


def log_links(connection: Connection, leaves: Iterable[LinkLeaf]) -> None:
    """Let links wait for their place in the log."""
    _wait(connection, "link", [(leaf.id, leaf.entry) for leaf in leaves])


def log_change(connection: Connection, row: Mapping[str, Any]) -> None:
    """Let a change of standing wait for its place in the log."""
    leaf = change_leaf(row)
    _wait(connection, "change", [(leaf.id, leaf.entry)])


def _wait(connection: Connection, kind: Kind, leaves: Sequence[tuple[str, bytes]]) -> None:
    # Every decision passes here, so by the driver's own way, as `claims` does.
    rows = [(kind, record, leaf_hash(entry), entry) for record, entry in leaves]
    if connection.dialect.name == "sqlite":
        with cursor_of(connection) as cursor:
            cursor.executemany(_WAIT_SQLITE, rows)
        return
    columns = zip(*rows, strict=True)
    names = ("kinds", "records", "hashes", "entries")
    connection.execute(_WAIT_POSTGRES, dict(zip(names, map(list, columns), strict=True)))


def row_of(leaf: Leaf) -> dict[str, Any]:
    """Return a leaf's columns."""
    entry = leaf.entry
    return {"kind": leaf.kind, "record": leaf.id, "hash": leaf_hash(entry), "entry": entry}


def decision_entry(row: Mapping[str, Any]) -> bytes:
    """Return `decision_leaf(row).entry`, about three times as fast; a test holds the two equal.

    Costs and links are canonical JSON already.
    """
    return (_SPELLED % tuple([_spelled(row, name) for name in _NAMES])).encode()


def _spelled(row: Mapping[str, Any], name: str) -> str:
    if name in _SPELLED_ALREADY:
        return cast("str", row[name])
    value = _MADE[name](row) if name in _MADE else row[name]
    if isinstance(value, str):
        return encode_basestring(value)
    return "null" if value is None else str(value).lower()


def _erasable(row: Mapping[str, Any]) -> str:
    return erasable_digest(
        row["arguments_salt"],
        access=row["access"],
        arguments=row["arguments"],
        proof=row["proof"],
        detail=row["detail"],
        resources=row["resources"],
    )


# Members of a leaf that are made of more than the column of their name.
_MADE: Final[Mapping[str, Callable[[Mapping[str, Any]], Any]]] = {
    "links": lambda row: tuple(cast("list[str]", canonical.parse(row["links"]))),
    "cost": lambda row: canonical.parse(row["cost"]),
    "allowed": lambda row: bool(row["allowed"]),
    "arguments": lambda row: b64u(row["arguments_digest"]),
    "erasable": _erasable,
}
_SPELLED_ALREADY: Final = frozenset({"links", "cost"})
_NAMES: Final = sorted(DECISION)
_MEMBERS: Final = {"kind": '"decision"', "v": str(VERSION)} | dict.fromkeys(_NAMES, "%s")
_SPELLED: Final = "{" + ",".join(f'"{name}":{_MEMBERS[name]}' for name in sorted(_MEMBERS)) + "}"


def decision_leaf(row: Mapping[str, Any]) -> DecisionLeaf:
    """Return the leaf of a decision's columns, salt included."""
    return DecisionLeaf(
        **{name: _MADE[name](row) if name in _MADE else row[name] for name in DECISION}
    )


def link_leaf(
    link: Link, evidence: LinkEvidence, *, task: str, sequence: int, depth: int, at: int
) -> LinkLeaf:
    """Return the leaf of a link as it is recorded."""
    return LinkLeaf(
        link=link, task=TaskId(task), sequence=sequence, depth=depth, at=at, evidence=evidence
    )


def change_leaf(row: Mapping[str, Any]) -> ChangeLeaf:
    """Return the leaf of a change's columns."""
    told = {name: row[name] for name in CHANGE if name not in {"subject_kind", "subject"}}
    return ChangeLeaf(subject_kind=row["kind"], subject=row["id"], **told)


def old_changes(
    connection: Connection, *, after: int, upto: int, most: int
) -> list[tuple[int, Leaf]]:
    """Return leaves of changes that are older than such leaves, by number."""
    rows = connection.execute(_OLD_CHANGES, {"after": after, "upto": upto, "most": most})
    return [(row.epoch, change_leaf(row._asdict())) for row in rows]


def old_decisions(
    connection: Connection, *, after: int, upto: int, most: int
) -> list[tuple[int, Leaf]]:
    """Return leaves of decisions that are older than the log, by number.

    Denials that were recorded without a salt get theirs here.
    """
    rows = connection.execute(_OLD_DECISIONS, {"after": after, "upto": upto, "most": most}).all()
    salts, found = [], []
    for row in rows:
        columns = dict(row._mapping)  # noqa: SLF001  # SQLAlchemy's public name for it
        if columns["arguments_salt"] is None:
            columns["arguments_salt"] = new_salt()
            salts.append({"of": row.sequence, "salt": columns["arguments_salt"]})
        found.append((int(row.sequence), cast("Leaf", decision_leaf(columns))))
    if salts:
        connection.execute(_SALT, salts)
    return found


def old_links(
    connection: Connection, *, after: int, upto: int, most: int
) -> list[tuple[int, Leaf]]:
    """Return leaves of links that are older than the log, by number."""
    rows = connection.execute(_OLD_LINKS, {"after": after, "upto": upto, "most": most}).all()
    proofs: dict[str, Row[Any]] = {}
    if rows:
        for row in connection.execute(_EVIDENCE, {"ids": [row.id for row in rows]}):
            proofs[row.link] = row
    found: list[tuple[int, Leaf]] = []
    for row in rows:
        seen = proofs[row.id]
        evidence = LinkEvidence(seen.format, seen.block, seen.signature, seen.previous_signature)
        leaf = link_leaf(
            parse_payload(row.payload, root=row.parent is None),
            evidence,
            task=row.task,
            sequence=row.sequence,
            depth=row.depth,
            at=row.at,
        )
        found.append((int(row.sequence), leaf))
    return found
