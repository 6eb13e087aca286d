"""Reads decisions for comparison with executions, with the digest of arguments not yet erased."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from sqlalchemy import Connection, bindparam, select

from delegation import sent_json
from delegation.authority.alias import RESERVED_PREFIX
from delegation.authority.ids import DecisionId
from delegation.canonical import Json
from delegation.identity.receipt import arguments_digest
from delegation.lineage.mediation import Recorded
from delegation.records.tables.records import DECISIONS

_COLUMNS: Final = select(
    DECISIONS.c.sequence,
    DECISIONS.c.id,
    DECISIONS.c.at,
    DECISIONS.c.tool,
    DECISIONS.c.audience,
    DECISIONS.c.allowed,
    DECISIONS.c.valid_until,
    DECISIONS.c.arguments,
    DECISIONS.c.catalogue,
)
_NAMED: Final = _COLUMNS.where(DECISIONS.c.id.in_(bindparam("ids", expanding=True)))
_FOR: Final = (
    _COLUMNS.where(
        DECISIONS.c.sequence > bindparam("after"),
        DECISIONS.c.allowed.is_(True),
        DECISIONS.c.at >= bindparam("since"),
        DECISIONS.c.at < bindparam("until"),
        DECISIONS.c.audience.in_(bindparam("audiences", expanding=True)),
        ~DECISIONS.c.tool.startswith(RESERVED_PREFIX),
    )
    .order_by(DECISIONS.c.sequence)
    .limit(bindparam("most"))
)


def recorded(connection: Connection, wanted: Sequence[DecisionId]) -> Mapping[DecisionId, Recorded]:
    """Return those of these decisions that are recorded; call it with some hundreds at most."""
    found = connection.execute(_NAMED, {"ids": list(dict.fromkeys(wanted))})
    return {one.id: one for one in map(_read, found)}


def recorded_for(
    connection: Connection,
    audiences: Sequence[str],
    *,
    since: int,
    until: int,
    after: int,
    limit: int,
) -> tuple[Sequence[Recorded], int]:
    """Return a page of calls that were allowed to these services, and its last sequence."""
    asked: dict[str, Any] = {
        "audiences": list(audiences),
        "since": since,
        "until": until,
        "after": after,
        "most": limit,
    }
    rows = connection.execute(_FOR, asked).all()
    return [_read(row) for row in rows], rows[-1].sequence if rows else after


def _read(row: Any) -> Recorded:
    digest = None
    if row.arguments is not None:
        digest = arguments_digest(cast("dict[str, Json]", sent_json.parse(row.arguments)))
    return Recorded(
        DecisionId(row.id),
        row.at,
        row.tool,
        row.audience,
        bool(row.allowed),
        row.valid_until,
        digest,
        row.catalogue,
    )
