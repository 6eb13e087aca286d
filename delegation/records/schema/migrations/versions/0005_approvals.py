"""Adds requests for approval, people's answers, and keys of approvers."""

from __future__ import annotations

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0005"
down_revision = "0007"
branch_labels = None
depends_on = None

_ROLES = "role IN ('operator', 'service', 'reviewer', 'approver')"
_EARLIER = "role IN ('operator', 'service', 'reviewer')"


def upgrade() -> None:
    """Apply."""
    text = sqlmodel.sql.sqltypes.AutoString
    op.add_column("decision", sa.Column("approval", text(), nullable=True))
    op.add_column("api_key", sa.Column("person", text(), nullable=False, server_default=""))
    op.add_column("api_key", sa.Column("approves_as", sa.Text(), nullable=False, server_default=""))
    _check_roles(_ROLES)
    op.create_table(
        "approval",
        sa.Column("id", text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("binding", sa.LargeBinary(), nullable=False),
        sa.Column("state", text(), nullable=False),
        sa.Column("task", text(), nullable=False),
        sa.Column("link", text(), nullable=False),
        sa.Column("tool", text(), nullable=False),
        sa.Column("audience", text(), nullable=False),
        sa.Column("bound", sa.Text(), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("arguments", sa.Text(), nullable=True),
        sa.Column("purpose", text(), nullable=False),
        sa.Column("cause", text(), nullable=True),
        sa.Column("cost", text(), nullable=False),
        sa.Column("resources", sa.Text(), nullable=False),
        sa.Column("opened_by", text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("used_by", text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'granted', 'refused', 'used')", name=op.f("ck_approval_state")
        ),
        sa.ForeignKeyConstraint(["task"], ["task.id"], name=op.f("fk_approval_task_task")),
        sa.ForeignKeyConstraint(["link"], ["link.id"], name=op.f("fk_approval_link_link")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval")),
        sa.UniqueConstraint("sequence", name=op.f("uq_approval_sequence")),
    )
    op.create_index(op.f("ix_approval_binding_sequence"), "approval", ["binding", "sequence"])
    op.create_index(
        op.f("ix_approval_task_state_expires_at"), "approval", ["task", "state", "expires_at"]
    )
    op.create_index(op.f("ix_approval_link"), "approval", ["link"])
    op.create_table(
        "approval_act",
        sa.Column("approval", text(), nullable=False),
        sa.Column("person", text(), nullable=False),
        sa.Column("verdict", text(), nullable=False),
        sa.Column("shown_as", text(), nullable=False),
        sa.Column("key", text(), nullable=False),
        sa.Column("roles", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("verdict IN ('grant', 'refuse')", name=op.f("ck_approval_act_verdict")),
        sa.ForeignKeyConstraint(
            ["approval"], ["approval.id"], name=op.f("fk_approval_act_approval_approval")
        ),
        sa.PrimaryKeyConstraint("approval", "person", "verdict", name=op.f("pk_approval_act")),
    )
    op.create_index(op.f("ix_approval_act_person_at"), "approval_act", ["person", "at"])
    op.execute("INSERT INTO number (name, n) VALUES ('approval', 0)")


def downgrade() -> None:
    """Take back. Keys of approvers go with it: no other role may take their place."""
    op.drop_table("approval_act")
    op.drop_table("approval")
    op.execute("DELETE FROM number WHERE name = 'approval'")
    op.execute("DELETE FROM api_key WHERE role = 'approver'")
    _check_roles(_EARLIER)
    with op.batch_alter_table("api_key") as keys:
        keys.drop_column("approves_as")
        keys.drop_column("person")
    with op.batch_alter_table("decision") as decisions:
        decisions.drop_column("approval")


def _check_roles(rule: str) -> None:
    name = op.f("ck_api_key_role")
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(name, "api_key", type_="check")
        op.create_check_constraint(name, "api_key", rule)
        return
    # SQLite's table is copied, and its old check, which is not reflected, does not come along.
    with op.batch_alter_table("api_key", recreate="always") as keys:
        keys.create_check_constraint(name, rule)
