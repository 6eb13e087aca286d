"""Lines of renewals: what renews a link spends from the same counters; what stood when a link came."""

from __future__ import annotations

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_RENEWAL = sa.table("renewal", sa.column("link"), sa.column("renews"), sa.column("line"))
_COUNTER = sa.table(
    "counter", *(sa.column(name) for name in ("scope", "id", "unit", "lim", "used"))
)


def upgrade() -> None:
    """Apply."""
    op.add_column("link", sa.Column("epoch", sa.BigInteger(), nullable=True))
    op.add_column("renewal", sa.Column("line", sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    connection = op.get_bind()
    renews = {row.link: row.renews for row in connection.execute(sa.select(_RENEWAL))}
    lines = {link: _first(link, renews) for link in renews}
    for link, line in lines.items():
        connection.execute(sa.update(_RENEWAL).where(_RENEWAL.c.link == link).values(line=line))
    _share(connection, lines)
    with op.batch_alter_table("renewal", schema=None) as batch_op:
        batch_op.alter_column(
            "line", existing_type=sqlmodel.sql.sqltypes.AutoString(), nullable=False
        )
    op.create_index(op.f("ix_renewal_line"), "renewal", ["line"], unique=False)


def _first(link: str, renews: dict[str, str]) -> str:
    seen = {link}
    while link in renews and renews[link] not in seen:
        link = renews[link]
        seen.add(link)
    return link


def _share(connection: sa.Connection, lines: dict[str, str]) -> None:
    """Charge the first link of a line with what all of it has spent, at most what it may."""
    for link, line in lines.items():
        mine = sa.select(_COUNTER).where(_COUNTER.c.scope == "link", _COUNTER.c.id == link)
        for row in connection.execute(mine).all():
            first = (
                _COUNTER.c.scope == "link", _COUNTER.c.id == line, _COUNTER.c.unit == row.unit
            )  # fmt: skip
            held = connection.execute(sa.select(_COUNTER.c.used).where(*first)).scalar()
            if held is None:
                made = {"scope": "link", "id": line, "unit": row.unit, "lim": row.lim, "used": 0}
                connection.execute(sa.insert(_COUNTER), made)
            used = min(row.lim, (held or 0) + row.used)
            connection.execute(sa.update(_COUNTER).where(*first).values(used=used))


def downgrade() -> None:
    """Take back."""
    op.drop_index(op.f("ix_renewal_line"), table_name="renewal")
    op.drop_column("renewal", "line")
    op.drop_column("link", "epoch")
