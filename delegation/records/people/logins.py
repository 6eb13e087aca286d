"""Records tickets and sessions of people, by the digest of their secrets."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, select

from delegation.commands.logins import SESSION_SECONDS
from delegation.commands.work import Login, LoginKind
from delegation.records.tables.people import API_KEYS, LOGINS

LONGEST: Final = SESSION_SECONDS  # no ticket and no session lasts longer


def add_login(connection: Connection, login: Login, *, sure: int | None) -> None:
    """Record a ticket or a session, and forget those that are over.

    Args:
        connection: A transaction that writes.
        login: The ticket or session.
        sure: The time that it surely is; None forgets nothing.
    """
    if sure is not None:
        connection.execute(delete(LOGINS).where(LOGINS.c.expires_at <= sure))
    row = {
        "digest": login.digest,
        "kind": login.kind,
        "api_key": login.api_key,
        "expires_at": login.expires_at,
    }
    connection.execute(insert(LOGINS), row)


def take_login(connection: Connection, digest: bytes, kind: LoginKind, *, at: int) -> str | None:
    """Delete a ticket or session and return its API key's name; None for all but one who tries."""
    taken = (
        delete(LOGINS)
        .where(LOGINS.c.digest == digest, LOGINS.c.kind == kind, LOGINS.c.expires_at > at)
        .returning(LOGINS.c.api_key)
    )
    name: str | None = connection.execute(taken).scalar_one_or_none()
    return name


def key_of(connection: Connection, digest: bytes, kind: LoginKind, *, at: int) -> Row[Any] | None:
    """Return the row of the API key of a ticket or session that is not over."""
    query = (
        select(API_KEYS)
        .join(LOGINS, LOGINS.c.api_key == API_KEYS.c.name)
        .where(LOGINS.c.digest == digest, LOGINS.c.kind == kind, LOGINS.c.expires_at > at)
    )
    return connection.execute(query).one_or_none()
