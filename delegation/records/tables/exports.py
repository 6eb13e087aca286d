"""Declares the tables of exports that are made beside their callers; rows live for minutes."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Column, LargeBinary, Text
from sqlmodel import Field

from delegation.records.tables.records import Table


class ExportJobRow(Table, table=True):
    """One job; every worker of the store sees it."""

    __tablename__ = "export_job"
    __table_args__ = (
        CheckConstraint(
            "state IN ('waiting', 'running', 'done', 'failed', 'cancelled')", name="state"
        ),
    )
    id: str = Field(primary_key=True)
    caller: str = Field(index=True)
    selection: str = Field(sa_type=Text)
    state: str
    done: int = Field(default=0, sa_type=BigInteger)
    total: int = Field(default=0, sa_type=BigInteger)
    asked_at: int = Field(sa_type=BigInteger)
    seen_at: int = Field(sa_type=BigInteger)
    expires_at: int = Field(sa_type=BigInteger, index=True)
    ended_at: int | None = Field(default=None, sa_type=BigInteger)
    code: str = Field(default="")
    message: str = Field(default="", sa_type=Text)
    manifest: str = Field(default="", sa_type=Text)
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    size: int = Field(default=0, sa_type=BigInteger)


class ExportPartRow(Table, table=True):
    """A part of what a job made."""

    __tablename__ = "export_part"
    job: str = Field(primary_key=True)
    number: int = Field(primary_key=True, sa_type=BigInteger)
    data: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


JOBS: Final = Table.metadata.tables["export_job"]
PARTS: Final = Table.metadata.tables["export_part"]
