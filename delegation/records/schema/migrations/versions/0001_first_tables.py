"""Makes the tables of the first release."""

from __future__ import annotations

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "agent",
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("owner", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_agent")),
    )
    with op.batch_alter_table("agent", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_agent_owner"), ["owner"], unique=False)

    op.create_table(
        "api_key",
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("role", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("audiences", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("is_revoked", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "role IN ('operator', 'service', 'reviewer')", name=op.f("ck_api_key_role")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_api_key")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_key_digest")),
    )
    op.create_table(
        "counter",
        sa.Column("scope", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("unit", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("lim", sa.BigInteger(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("scope IN ('task', 'link')", name=op.f("ck_counter_scope")),
        sa.CheckConstraint("used >= 0 AND used <= lim", name=op.f("ck_counter_within")),
        sa.PrimaryKeyConstraint("scope", "id", "unit", name=op.f("pk_counter")),
    )
    op.create_table(
        "decision",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("task", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("link", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("links", sa.Text(), nullable=False),
        sa.Column("holder", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("tool", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("audience", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("purpose", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("allowed", sa.Boolean(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=True),
        sa.Column("code", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("denied_link", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("denied_depth", sa.Integer(), nullable=True),
        sa.Column("caveat", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("remedy", sa.Text(), nullable=False),
        sa.Column("cost", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("resources", sa.Text(), nullable=False),
        sa.Column("valid_until", sa.BigInteger(), nullable=False),
        sa.Column("steps", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("claimed_cause", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("catalogue", sa.BigInteger(), nullable=False),
        sa.Column("arguments_digest", sa.LargeBinary(), nullable=False),
        sa.Column("arguments_salt", sa.LargeBinary(), nullable=True),
        sa.Column("access", sa.Text(), nullable=True),
        sa.Column("arguments", sa.Text(), nullable=True),
        sa.Column("proof", sa.Text(), nullable=True),
        sa.Column("client", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.CheckConstraint("allowed = (step IS NULL)", name=op.f("ck_decision_allowed")),
        sa.CheckConstraint(
            "step IS NULL OR (step >= 1 AND step <= 14)", name=op.f("ck_decision_step")
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_decision")),
        sa.UniqueConstraint("id", name=op.f("uq_decision_id")),
    )
    with op.batch_alter_table("decision", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_decision_link_sequence"), ["link", "sequence"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_decision_task_sequence"), ["task", "sequence"], unique=False
        )

    op.create_table(
        "nonce",
        sa.Column("holder", sa.LargeBinary(), nullable=False),
        sa.Column("jti", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("holder", "jti", name=op.f("pk_nonce")),
    )
    with op.batch_alter_table("nonce", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_nonce_at"), ["at"], unique=False)

    op.create_table(
        "revocation",
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('link', 'task', 'agent', 'key')", name=op.f("ck_revocation_kind")
        ),
        sa.PrimaryKeyConstraint("epoch", name=op.f("pk_revocation")),
        sa.UniqueConstraint("kind", "id", name=op.f("uq_revocation_kind_id")),
    )
    op.create_table(
        "task",
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("root", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("parent", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("under", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("owner", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("ceiling", sa.Text(), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("deadline", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("inferred", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "state IN ('open', 'completed', 'failed', 'aborted')", name=op.f("ck_task_state")
        ),
        sa.ForeignKeyConstraint(["parent"], ["task.id"], name=op.f("fk_task_parent_task")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
    )
    with op.batch_alter_table("task", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_task_opened_at"), ["opened_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_task_parent"), ["parent"], unique=False)
        batch_op.create_index(batch_op.f("ix_task_root"), ["root"], unique=False)

    op.create_table(
        "tool",
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("revision", name=op.f("pk_tool")),
    )
    with op.batch_alter_table("tool", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_tool_name"), ["name"], unique=False)

    op.create_table(
        "unproven_count",
        sa.Column("minute", sa.BigInteger(), nullable=False),
        sa.Column("code", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("minute", "code", name=op.f("pk_unproven_count")),
    )
    op.create_table(
        "agent_key",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("agent", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["agent"], ["agent.name"], name=op.f("fk_agent_key_agent_agent")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_agent_key")),
    )
    with op.batch_alter_table("agent_key", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_agent_key_agent"), ["agent"], unique=False)

    op.create_table(
        "link",
        sa.Column("root", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("task", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("parent", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("holder_key", sa.LargeBinary(), nullable=False),
        sa.Column("holder_name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["task"], ["task.id"], name=op.f("fk_link_task_task")),
        sa.PrimaryKeyConstraint("root", "id", name=op.f("pk_link")),
        sa.UniqueConstraint("id", name=op.f("uq_link_id")),
        sa.UniqueConstraint("sequence", name=op.f("uq_link_sequence")),
    )
    with op.batch_alter_table("link", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_link_holder_key"), ["holder_key"], unique=False)
        batch_op.create_index(batch_op.f("ix_link_root_parent"), ["root", "parent"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_link_task_sequence"), ["task", "sequence"], unique=False
        )

    op.create_table(
        "link_evidence",
        sa.Column("link", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("format", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("block", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("previous_signature", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "format IN ('biscuit', 'macaroon')", name=op.f("ck_link_evidence_format")
        ),
        sa.ForeignKeyConstraint(["link"], ["link.id"], name=op.f("fk_link_evidence_link_link")),
        sa.PrimaryKeyConstraint("link", "format", name=op.f("pk_link_evidence")),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("link_evidence")
    with op.batch_alter_table("link", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_link_task_sequence"))
        batch_op.drop_index(batch_op.f("ix_link_root_parent"))
        batch_op.drop_index(batch_op.f("ix_link_holder_key"))

    op.drop_table("link")
    with op.batch_alter_table("agent_key", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_agent_key_agent"))

    op.drop_table("agent_key")
    op.drop_table("unproven_count")
    with op.batch_alter_table("tool", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_tool_name"))

    op.drop_table("tool")
    with op.batch_alter_table("task", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_task_root"))
        batch_op.drop_index(batch_op.f("ix_task_parent"))
        batch_op.drop_index(batch_op.f("ix_task_opened_at"))

    op.drop_table("task")
    op.drop_table("revocation")
    with op.batch_alter_table("nonce", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_nonce_at"))

    op.drop_table("nonce")
    with op.batch_alter_table("decision", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_decision_task_sequence"))
        batch_op.drop_index(batch_op.f("ix_decision_link_sequence"))

    op.drop_table("decision")
    op.drop_table("counter")
    op.drop_table("api_key")
    with op.batch_alter_table("agent", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_agent_owner"))

    op.drop_table("agent")
