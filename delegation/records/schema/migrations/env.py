"""Runs Alembic's migrations on the connection that `records.schema.migrate` hands over."""

from __future__ import annotations

from alembic import context

from delegation.records.tables.records import Table

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Table.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
