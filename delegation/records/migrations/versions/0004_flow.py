"""What flow rules are judged on: traces of calls, sums of histories, labels of resources."""

from __future__ import annotations

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply. Calls that are recorded already have no trace: what they were is not known."""
    with op.batch_alter_table("decision", schema=None) as batch_op:
        batch_op.add_column(sa.Column("trace", sa.Text(), nullable=True))
    op.create_table(
        "resource_labels",
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("pattern", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("revision", name=op.f("pk_resource_labels")),
    )
    op.create_table(
        "flow_history",
        sa.Column("root", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("root", name=op.f("pk_flow_history")),
    )
    keys = ("root", "mark", "agent", "owner")
    op.create_table(
        "flow_seen",
        *(sa.Column(key, sqlmodel.sql.sqltypes.AutoString(), nullable=False) for key in keys),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.Column("decision", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.PrimaryKeyConstraint(*keys, name=op.f("pk_flow_seen")),
    )


def downgrade() -> None:
    """Take back."""
    for table in ("flow_seen", "flow_history", "resource_labels"):
        op.drop_table(table)
    with op.batch_alter_table("decision", schema=None) as batch_op:
        batch_op.drop_column("trace")
