"""Gives the numbers another table, so that a process of a release before this one decides nothing more.

Such a process does not look at the revision. Whatever it settles or ends takes a number, and so does
its readiness: without the table all of that fails, and nothing is recorded by the rules of before.
"""

from __future__ import annotations

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    _move("number", "numbers")


def downgrade() -> None:
    """Take back."""
    _move("numbers", "number")


def _move(before: str, after: str) -> None:
    op.create_table(
        after,
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f(f"pk_{after}")),
    )
    op.execute(f"INSERT INTO {after} (name, n) SELECT name, n FROM {before}")  # noqa: S608  # constants
    op.drop_table(before)
