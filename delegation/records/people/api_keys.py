"""Records API keys, by the digest of their secrets."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from delegation.commands.work import ApiKey
from delegation.errors import ConflictError
from delegation.records.tables.people import API_KEYS


def add(connection: Connection, key: ApiKey, secret_digest: bytes) -> None:
    """Record a key under a name that no other has or had.

    Raises:
        ConflictError: One has it.
    """
    taken = select(API_KEYS.c.name).where(API_KEYS.c.name == key.name)
    if connection.execute(taken).first() is not None:
        raise ConflictError("An API key of that name exists.")
    row = {
        "name": key.name,
        "digest": secret_digest,
        "role": key.role,
        "audiences": "\n".join(key.audiences),
        "at": key.created_at,
        "is_revoked": False,
        "person": key.person,
        "approves_as": "\n".join(key.approves_as),
    }
    connection.execute(insert(API_KEYS), row)
