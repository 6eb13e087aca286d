"""Indexes tasks by the link under which they were opened, since descendants are asked for often."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_index(op.f("ix_task_under"), "task", ["under"], unique=False)


def downgrade() -> None:
    """Take back."""
    op.drop_index(op.f("ix_task_under"), table_name="task")
