"""Adds suspension, verifiers outside the store, their decisions, recertification and renewal."""

from __future__ import annotations

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0008"
down_revision = "0010"
branch_labels = None
depends_on = None

_KINDS = "'link', 'task', 'agent', 'key', 'owner', 'tool', 'system', 'everything'"


def upgrade() -> None:
    """Apply."""
    text = sqlmodel.sql.sqltypes.AutoString
    with op.batch_alter_table("revocation", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_revocation_kind"), type_="check")
        batch_op.drop_constraint(batch_op.f("uq_revocation_kind_id"), type_="unique")
        batch_op.add_column(sa.Column("act", text(), nullable=False, server_default="revoke"))
        batch_op.add_column(
            sa.Column("effective_at", sa.BigInteger(), nullable=False, server_default="0")
        )
        batch_op.create_check_constraint(batch_op.f("ck_revocation_kind"), f"kind IN ({_KINDS})")
        batch_op.create_check_constraint(
            batch_op.f("ck_revocation_act"),
            "act IN ('revoke', 'suspend', 'resume', 'close', 'register')",
        )
        batch_op.create_index(
            batch_op.f("ix_revocation_kind_id_epoch"), ["kind", "id", "epoch"], unique=False
        )
    op.execute("UPDATE revocation SET effective_at = at")
    with op.batch_alter_table("revocation", schema=None) as batch_op:
        batch_op.alter_column("act", server_default=None)
        batch_op.alter_column("effective_at", server_default=None)
    with op.batch_alter_table("agent", schema=None) as batch_op:
        batch_op.add_column(sa.Column("recertify_by", sa.BigInteger(), nullable=True))
    op.create_table(
        "replica",
        sa.Column("name", text(), nullable=False),
        sa.Column("by", text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_replica")),
    )
    op.create_index(op.f("ix_replica_by"), "replica", ["by"], unique=False)
    op.create_table(
        "local_decision",
        sa.Column("decision", text(), nullable=False),
        sa.Column("by", text(), nullable=False),
        sa.Column("holder", sa.LargeBinary(), nullable=False),
        sa.Column("jti", sa.LargeBinary(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("reported_at", sa.BigInteger(), nullable=False),
        sa.Column("conflict_step", sa.Integer(), nullable=True),
        sa.Column("conflict_code", text(), nullable=True),
        sa.Column("conflict", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["decision"], ["decision.id"], name=op.f("fk_local_decision_decision_decision")
        ),
        sa.PrimaryKeyConstraint("decision", name=op.f("pk_local_decision")),
    )
    op.create_index(
        op.f("ix_local_decision_holder_jti"), "local_decision", ["holder", "jti"], unique=False
    )
    op.create_index(
        op.f("ix_local_decision_conflict_step"), "local_decision", ["conflict_step"], unique=False
    )
    op.create_table(
        "renewal",
        sa.Column("link", text(), nullable=False),
        sa.Column("renews", text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["link"], ["link.id"], name=op.f("fk_renewal_link_link")),
        sa.ForeignKeyConstraint(["renews"], ["link.id"], name=op.f("fk_renewal_renews_link")),
        sa.PrimaryKeyConstraint("link", name=op.f("pk_renewal")),
    )
    op.create_index(op.f("ix_renewal_renews"), "renewal", ["renews"], unique=False)


def downgrade() -> None:
    """Take back. Suspensions, closings and the kinds that revision 0010 does not know are lost."""
    for table in ("renewal", "local_decision", "replica"):
        op.drop_table(table)
    with op.batch_alter_table("agent", schema=None) as batch_op:
        batch_op.drop_column("recertify_by")
    op.execute(
        "DELETE FROM revocation WHERE act <> 'revoke' OR kind NOT IN ('link', 'task', 'agent', 'key')"
        " OR EXISTS (SELECT 1 FROM revocation r WHERE r.act = 'revoke' AND r.kind = revocation.kind"
        " AND r.id = revocation.id AND r.epoch < revocation.epoch)"
    )
    with op.batch_alter_table("revocation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_revocation_kind_id_epoch"))
        batch_op.drop_constraint(batch_op.f("ck_revocation_kind"), type_="check")
        batch_op.drop_constraint(batch_op.f("ck_revocation_act"), type_="check")
        batch_op.drop_column("act")
        batch_op.drop_column("effective_at")
        batch_op.create_check_constraint(
            batch_op.f("ck_revocation_kind"), "kind IN ('link', 'task', 'agent', 'key')"
        )
        batch_op.create_unique_constraint(batch_op.f("uq_revocation_kind_id"), ["kind", "id"])
