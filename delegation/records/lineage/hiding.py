"""Calls of late that hold characters which are not seen, for the findings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, or_, select

from delegation import sent_json
from delegation.authority.ids import DecisionId, LinkId
from delegation.hidden import hidden_in
from delegation.lineage.survey import Hiding
from delegation.records.tables.records import DECISIONS

MOST: Final = 1000  # calls that are looked at; the newest of more


def hiding(
    connection: Connection, tasks: Sequence[str], *, since: int, until: int
) -> tuple[Hiding, ...]:
    """Return the calls of these tasks in which something is hidden, the newest first.

    What was erased hides nothing any more. Texts in which nothing can be hidden, since all of them
    are printable ASCII, are passed over by the database.

    Args:
        connection: A snapshot.
        tasks: As many as one statement takes.
        since: Unix seconds; calls decided after it.
        until: Unix seconds; calls decided by then.
    """
    sent = DECISIONS.c.access
    is_sqlite = connection.dialect.name == "sqlite"
    beyond = sent.op("GLOB")("*[^ -~]*") if is_sqlite else sent.regexp_match("[^ -~]")
    query = (
        select(
            DECISIONS.c.id,
            DECISIONS.c.link,
            DECISIONS.c.tool,
            DECISIONS.c.allowed,
            DECISIONS.c.code,
            sent,
        )
        .where(
            DECISIONS.c.task.in_(tasks),
            DECISIONS.c.at > since,
            DECISIONS.c.at <= until,
            DECISIONS.c.link.is_not(None),
            or_(
                beyond,
                sent.contains("\\u00", autoescape=True),
                sent.contains("\\ud", autoescape=True),  # surrogates that stand alone
            ),
        )
        .order_by(DECISIONS.c.sequence.desc())
        .limit(MOST)
    )
    found: list[Hiding] = []
    for row in connection.execute(query):
        hidden = tuple(hidden_in(sent_json.portable(sent_json.parse(row.access), halves=True)))
        if hidden:
            matters = bool(row.allowed) or row.code == "approval_needed"
            call = DecisionId(row.id), LinkId(row.link), row.tool
            found.append(Hiding(*call, matters, hidden))
    return tuple(found)
