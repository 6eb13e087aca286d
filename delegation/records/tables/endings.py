"""Declares the table of what ended or was narrowed and is no change of standing, numbered for followers."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Text
from sqlmodel import Field

from delegation.records.tables.records import Table


class EndingRow(Table, table=True):
    """One ending; `body` is what its act needs to be done again, `until` when it is of no use any more."""

    __tablename__ = "ending"
    n: int = Field(primary_key=True, sa_type=BigInteger)
    act: str
    id: str
    at: int = Field(sa_type=BigInteger)
    until: int = Field(sa_type=BigInteger, index=True)
    body: str = Field(sa_type=Text)


ENDINGS: Final = Table.metadata.tables["ending"]
