"""Lets changes of standing stand in the log, and numbers what else was ended for the journal.

Changes from before get their leaves late, with their own times, when the log is next brought up to date.
What is withdrawn, refused or used so far, and all definitions and agents, become endings, so that the
journal holds them from its first start on.
"""

from __future__ import annotations

import sqlalchemy as sa
import sqlmodel
from alembic import op

from delegation import sent_json
from delegation.canonical import b64u

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_BEFORE = "kind IN ('decision', 'link')"
_AFTER = "kind IN ('decision', 'link', 'change')"
_TABLES = ("log_pending", "log_entry")


def _check(old: str, new: str) -> None:
    """Replace the rule of kinds; SQLite's in its schema, as it documents, since the log may be large."""
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        for table in _TABLES:
            op.drop_constraint(op.f(f"ck_{table}_kind"), table, type_="check")
            op.create_check_constraint(op.f(f"ck_{table}_kind"), table, new)
        return
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    connection.exec_driver_sql(
        "UPDATE sqlite_schema SET sql = replace(sql, ?, ?)"
        " WHERE type = 'table' AND name IN ('log_pending', 'log_entry')",
        (old, new),
    )
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = RESET")


def upgrade() -> None:
    """Apply."""
    _check(_BEFORE, _AFTER)
    with op.batch_alter_table("log_state", schema=None) as batch_op:
        for name in ("changes_done", "changes_upto"):
            batch_op.add_column(
                sa.Column(name, sa.BigInteger(), nullable=False, server_default="0")
            )
    op.execute("UPDATE log_state SET changes_upto = (SELECT n FROM number WHERE name = 'epoch')")
    op.create_table(
        "ending",
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("act", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_ending")),
    )
    op.create_index(op.f("ix_ending_until"), "ending", ["until"], unique=False)
    op.execute("INSERT INTO number (name, n) VALUES ('ending', 0)")
    _note_what_was()


def _note_what_was() -> None:
    connection = op.get_bind()
    rows: list[dict[str, object]] = []

    def note(act: str, name: str, at: int, until: int = 0, body: str = "null") -> None:
        row = {"act": act, "id": name, "at": at, "until": until, "body": body}
        rows.append({"n": len(rows) + 1, **row})

    for row in connection.exec_driver_sql("SELECT name, at FROM api_key WHERE is_revoked"):
        note("withdraw", row.name, row.at)
    ended = (
        "SELECT state, id, ended_at, expires_at FROM approval WHERE state IN ('refused', 'used')"
    )
    for row in connection.exec_driver_sql(ended):
        note(row.state, row.id, row.ended_at or 0, row.expires_at)
    tools = "SELECT name, definition, at, revision FROM tool ORDER BY revision"
    for row in connection.exec_driver_sql(tools):
        note("tool", row.name, row.at, body=f"[{row.revision},{row.definition}]")
    labels = "SELECT pattern, labels, at, revision FROM resource_labels ORDER BY revision"
    for row in connection.exec_driver_sql(labels):
        note("labels", row.pattern, row.at, body=f"[{row.revision},{row.labels}]")
    keys: dict[str, list[str]] = {}
    for row in connection.exec_driver_sql("SELECT agent, key FROM agent_key ORDER BY agent, at"):
        keys.setdefault(row.agent, []).append(b64u(bytes(row.key)))
    for row in connection.exec_driver_sql("SELECT name, owner, at, recertify_by FROM agent"):
        body = sent_json.text_of([row.owner, keys.get(row.name, []), row.recertify_by])
        note("agent", row.name, row.at, body=body)
    if rows:
        columns = [sa.column(name) for name in rows[0]]
        connection.execute(sa.insert(sa.table("ending", *columns)), rows)
        connection.exec_driver_sql(f"UPDATE number SET n = {len(rows)} WHERE name = 'ending'")  # noqa: S608  # a count


def downgrade() -> None:
    """Take back; refused where changes stand in the log."""
    op.execute("DELETE FROM number WHERE name = 'ending'")
    op.drop_index(op.f("ix_ending_until"), table_name="ending")
    op.drop_table("ending")
    with op.batch_alter_table("log_state", schema=None) as batch_op:
        for name in ("changes_done", "changes_upto"):
            batch_op.drop_column(name)
    op.execute("DELETE FROM log_pending WHERE kind = 'change'")
    _check(_AFTER, _BEFORE)
