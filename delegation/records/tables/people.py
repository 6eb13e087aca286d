"""Declares the tables of callers that are no agents: keys, logins, dismissed findings."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Column, LargeBinary, Text
from sqlmodel import Field

from delegation.identity.roles import ROLES
from delegation.records.tables.records import EMPTY, Table, word_check


class ApiKeyRow(Table, table=True):
    """A caller that is no agent; only the digest of its secret is kept."""

    __tablename__ = "api_key"
    __table_args__ = (word_check("role", *ROLES),)
    name: str = Field(primary_key=True)
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False, unique=True))
    role: str
    audiences: str = Field(sa_type=Text)
    at: int = Field(sa_type=BigInteger)
    is_revoked: bool = False
    person: str = Field(default="", sa_column_kwargs=EMPTY)
    approves_as: str = Field(default="", sa_type=Text, sa_column_kwargs=EMPTY)


class LoginRow(Table, table=True):
    """A ticket or a session of a person; only the digest of its secret is kept."""

    __tablename__ = "login"
    __table_args__ = (CheckConstraint("kind IN ('ticket', 'session')", name="kind"),)
    digest: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    kind: str
    api_key: str
    expires_at: int = Field(sa_type=BigInteger, index=True)


class DismissalRow(Table, table=True):
    """A finding that somebody looked at and let stand."""

    __tablename__ = "dismissal"
    finding: str = Field(primary_key=True)
    rule: str
    subject: str
    by: str
    reason: str = Field(sa_type=Text)
    at: int = Field(sa_type=BigInteger)


API_KEYS: Final = Table.metadata.tables["api_key"]
LOGINS: Final = Table.metadata.tables["login"]
DISMISSALS: Final = Table.metadata.tables["dismissal"]
