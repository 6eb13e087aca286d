"""Declares what a store knows of its key rings: never a secret, and who holds a copy now."""

from __future__ import annotations

from typing import Final, get_args

from sqlalchemy import BigInteger, Column, LargeBinary, Text
from sqlmodel import Field

from delegation.identity.keyring import RingRole
from delegation.records.tables.records import Table, word_check


class RingKeyRow(Table, table=True):
    """A key of the ring: announced, signing since, believed until. Never deleted."""

    __tablename__ = "ring_key"
    __table_args__ = (word_check("role", *get_args(RingRole)),)
    role: str = Field(primary_key=True)
    kid: int = Field(primary_key=True, sa_type=BigInteger)
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    by: str = Field(sa_type=Text)
    signs_since: int = Field(sa_type=BigInteger)
    not_after: int = Field(sa_type=BigInteger)


class RingHolderRow(Table, table=True):
    """A running process that verifies and signs; times are the database's, in milliseconds.

    `since` is when the keys that it holds last changed, `problem` why it could not read its file.
    """

    __tablename__ = "ring_holder"
    id: str = Field(primary_key=True)
    name: str = Field(sa_type=Text)
    at: int = Field(sa_type=BigInteger)
    since: int = Field(sa_type=BigInteger)
    held: str = Field(sa_type=Text)
    problem: str = Field(sa_type=Text)


RING_KEYS: Final = Table.metadata.tables["ring_key"]
RING_HOLDERS: Final = Table.metadata.tables["ring_holder"]
