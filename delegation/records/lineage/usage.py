"""Reads the newest call of a link, an agent or a key; requests to the service do not count."""

from __future__ import annotations

from sqlalchemy import Connection, select

from delegation import canonical
from delegation.authority.alias import RESERVED_PREFIX
from delegation.authority.ids import DecisionId
from delegation.errors import MalformedError
from delegation.judge.subject import Subject
from delegation.lineage.feed import LastUse
from delegation.records.tables.records import AGENT_KEYS, DECISIONS, LINKS


def last_use(connection: Connection, subject: Subject) -> LastUse:
    """Return the newest call that a link, agent or key made as the leaf or its holder.

    Raises:
        MalformedError: The subject is of another kind.
    """
    if subject.kind == "link":
        of_subject = DECISIONS.c.link == subject.id
    elif subject.kind == "key":
        key = canonical.unb64u(subject.id, what="id")
        of_subject = DECISIONS.c.link.in_(select(LINKS.c.id).where(LINKS.c.holder_key == key))
    elif subject.kind == "agent":
        keys = select(AGENT_KEYS.c.key).where(AGENT_KEYS.c.agent == subject.id)
        of_subject = DECISIONS.c.link.in_(select(LINKS.c.id).where(LINKS.c.holder_key.in_(keys)))
    else:
        raise MalformedError("kind", wanted="link, agent or key")
    query = (
        select(DECISIONS.c.id, DECISIONS.c.at, DECISIONS.c.allowed)
        .where(of_subject, ~DECISIONS.c.tool.startswith(RESERVED_PREFIX))
        .order_by(DECISIONS.c.sequence.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return LastUse(subject, None, 0, allowed=False)
    return LastUse(subject, DecisionId(row.id), row.at, bool(row.allowed))
