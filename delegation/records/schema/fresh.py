"""Makes the tables of an empty database at once, as all migrations together would.

Alembic takes a tenth of a second of a processor for that, and is not needed before a store is older
than its program. Columns added later stand elsewhere in a table that was migrated: statements name
their columns.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, get_args

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, inspect, select
from sqlalchemy import Table as CoreTable

from delegation.records.engine.numbers import Name

# All of the schema: what is not imported would not be made.
from delegation.records.tables import approvals as approval_tables
from delegation.records.tables import endings as ending_tables
from delegation.records.tables import exports as export_tables
from delegation.records.tables import flow as flow_tables
from delegation.records.tables import people as people_tables
from delegation.records.tables import ring as ring_tables
from delegation.records.tables.log import STATE
from delegation.records.tables.records import NUMBERS, Table

_VERSIONS: Final = Path(__file__).parent / "migrations" / "versions"
HEAD: Final = max(file.name[:4] for file in _VERSIONS.glob("0*.py"))  # the newest migration
MODULES: Final = (
    approval_tables, ending_tables, export_tables, flow_tables, people_tables, ring_tables,
)  # fmt: skip
_VERSION: Final = CoreTable(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
_STATE: Final[dict[str, Any]] = {
    "id": 1,
    "generation": 1,
    "size": 0,
    "links_done": 0,
    "links_upto": 0,
    "decisions_done": 0,
    "decisions_upto": 0,
}


def revision_in(connection: Connection) -> str | None:
    """Return a database's revision, None for one without any."""
    if not inspect(connection).has_table(_VERSION.name):
        return None
    return connection.execute(select(_VERSION.c.version_num)).scalar_one_or_none()


def make(connection: Connection) -> None:
    """Make all tables with the rows that a new store begins with; does not look what is there.

    Args:
        connection: A transaction that writes.
    """
    _VERSION.create(connection, checkfirst=False)
    Table.metadata.create_all(connection, checkfirst=False)
    if connection.dialect.name == "postgresql":
        # Counters are updated in place all day: room on each page keeps those updates heap-only.
        # Said here, since a table states it from SQLAlchemy 2.1 on only.
        connection.exec_driver_sql("ALTER TABLE counter SET (fillfactor = 50)")
    connection.execute(NUMBERS.insert(), [{"name": name, "n": 0} for name in get_args(Name)])
    connection.execute(STATE.insert(), _STATE)
    connection.execute(_VERSION.insert(), {"version_num": HEAD})
