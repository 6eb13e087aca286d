"""Declares the tables of the log: waiting leaves, placed leaves, and how far it was signed."""

from __future__ import annotations

from typing import Final, get_args

from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, LargeBinary, Text
from sqlalchemy import UniqueConstraint as Unique
from sqlmodel import Field

from delegation.records.tables.records import ZERO, Table, word_check
from delegation.transparency.leaf import Kind


class LogPendingRow(Table, table=True):
    """A leaf whose record is committed and which has no place in the log yet."""

    __tablename__ = "log_pending"
    __table_args__ = (word_check("kind", *get_args(Kind)),)
    n: int | None = Field(
        default=None,
        sa_column=Column(
            BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
        ),
    )
    kind: str
    record: str
    hash: bytes = Field(sa_type=LargeBinary)
    entry: bytes = Field(sa_type=LargeBinary)


class LogEntryRow(Table, table=True):
    """A leaf at its place. Never changed and never deleted."""

    __tablename__ = "log_entry"
    __table_args__ = (
        word_check("kind", *get_args(Kind)),
        Unique("kind", "record"),
    )
    place: int = Field(
        sa_column=Column(
            BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
        )
    )
    kind: str
    record: str
    hash: bytes = Field(sa_type=LargeBinary)
    entry: bytes = Field(sa_type=LargeBinary)


class LogNodeRow(Table, table=True):
    """The hash over 256**level leaves: derived, so that no proof has to read them all."""

    __tablename__ = "log_node"
    level: int = Field(primary_key=True, sa_type=Integer)
    place: int = Field(primary_key=True, sa_type=BigInteger)
    hash: bytes = Field(sa_type=LargeBinary)


class LogStateRow(Table, table=True):
    """The one row that whoever sequences or signs locks first.

    `size` counts entries; `head` is the newest signed checkpoint. Records older than the log are
    taken up to `links_upto`, `decisions_upto` and `changes_upto`, and have been up to `links_done` and so on.
    """

    __tablename__ = "log_state"
    __table_args__ = (CheckConstraint("id = 1", name="one"),)
    id: int = Field(primary_key=True, sa_type=Integer)
    generation: int = Field(sa_type=Integer)
    size: int = Field(sa_type=BigInteger)
    head: str | None = Field(default=None, sa_type=Text)
    signed_at: int = Field(default=0, sa_type=BigInteger)
    stopped: str = Field(default="", sa_type=Text)
    links_done: int = Field(sa_type=BigInteger)
    links_upto: int = Field(sa_type=BigInteger)
    decisions_done: int = Field(sa_type=BigInteger)
    decisions_upto: int = Field(sa_type=BigInteger)
    changes_done: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs=ZERO)
    changes_upto: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs=ZERO)


class ErasureRow(Table, table=True):
    """A round of erasing, written with what it erased. Never changed afterwards and never deleted."""

    __tablename__ = "erasure"
    __table_args__ = (CheckConstraint("by IN ('retention', 'command')", name="by"),)
    at: int = Field(primary_key=True, sa_type=BigInteger)
    before: int = Field(primary_key=True, sa_type=BigInteger)
    by: str = Field(primary_key=True)
    decisions: int = Field(sa_type=BigInteger)


PENDING: Final = Table.metadata.tables["log_pending"]
ENTRIES: Final = Table.metadata.tables["log_entry"]
NODES: Final = Table.metadata.tables["log_node"]
STATE: Final = Table.metadata.tables["log_state"]
ERASURES: Final = Table.metadata.tables["erasure"]
