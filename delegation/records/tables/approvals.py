"""Declares the tables of requests for approval and of people's answers."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, LargeBinary, Text
from sqlmodel import Field, Index

from delegation.records.tables.records import Table


class ApprovalRow(Table, table=True):
    """A request for approval, and the signed approval once it was granted.

    Arguments can be erased; the binding's digest of them stays. Expiry is computed, never stored.
    """

    __tablename__ = "approval"
    __table_args__ = (
        CheckConstraint("state IN ('pending', 'granted', 'refused', 'used')", name="state"),
        Index(None, "binding", "sequence"),
        Index(None, "task", "state", "expires_at"),
    )
    id: str = Field(primary_key=True)
    sequence: int = Field(sa_type=BigInteger, unique=True)
    binding: bytes = Field(sa_type=LargeBinary)
    state: str
    task: str = Field(foreign_key="task.id")
    link: str = Field(foreign_key="link.id", index=True)
    tool: str
    audience: str
    bound: str = Field(sa_type=Text)
    rules: str = Field(sa_type=Text)
    arguments: str | None = Field(default=None, sa_type=Text)
    purpose: str
    cause: str | None = None
    cost: str
    resources: str = Field(sa_type=Text)
    opened_by: str
    at: int = Field(sa_type=BigInteger)
    expires_at: int = Field(sa_type=BigInteger)
    statement: str = Field(default="", sa_type=Text)
    ended_at: int | None = Field(default=None, sa_type=BigInteger)
    used_by: str | None = None


class ApprovalActRow(Table, table=True):
    """What one person said to a request; nobody says the same thing to it twice."""

    __tablename__ = "approval_act"
    __table_args__ = (
        CheckConstraint("verdict IN ('grant', 'refuse')", name="verdict"),
        Index(None, "person", "at"),
    )
    approval: str = Field(primary_key=True, foreign_key="approval.id")
    person: str = Field(primary_key=True)
    verdict: str = Field(primary_key=True)
    shown_as: str
    key: str
    roles: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    at: int = Field(sa_type=BigInteger)


APPROVALS: Final = Table.metadata.tables["approval"]
ACTS: Final = Table.metadata.tables["approval_act"]
