"""Declares the tables of histories and paces, and of the labels of resources."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Text
from sqlmodel import Field

from delegation.records.tables.records import Table


class ResourceLabelsRow(Table, table=True):
    """Labels of resources of one pattern; a revision of the catalogue brings exactly one."""

    __tablename__ = "resource_labels"
    revision: int = Field(primary_key=True, sa_type=BigInteger)
    pattern: str
    labels: str = Field(sa_type=Text)
    at: int = Field(sa_type=BigInteger)


class FlowHistoryRow(Table, table=True):
    """A root task whose history is kept as sums, because a chain with a flow rule asked for it."""

    __tablename__ = "flow_history"
    root: str = Field(primary_key=True)


class FlowSeenRow(Table, table=True):
    """How often one actor made calls of one mark under a root task, and the first of them."""

    __tablename__ = "flow_seen"
    root: str = Field(primary_key=True)
    mark: str = Field(primary_key=True)
    agent: str = Field(primary_key=True)
    owner: str = Field(primary_key=True)
    times: int = Field(sa_type=BigInteger)
    decision: str


class PaceRow(Table, table=True):
    """The next turn of what may call only so fast, in microseconds of Unix time."""

    __tablename__ = "pace"
    __table_args__ = (CheckConstraint("scope IN ('task', 'holder', 'branch')", name="scope"),)
    scope: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    turn: int = Field(sa_type=BigInteger)


RESOURCE_LABELS: Final = Table.metadata.tables["resource_labels"]
FLOW_HISTORIES: Final = Table.metadata.tables["flow_history"]
FLOW_SEEN: Final = Table.metadata.tables["flow_seen"]
PACES: Final = Table.metadata.tables["pace"]
