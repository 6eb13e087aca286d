"""Adds lines of renewals, which spend from the same counters, and standing at a link's recording."""

from __future__ import annotations

import json

import sqlalchemy as sa
import sqlmodel
from alembic import op

from delegation import canonical

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_TAG = b"delegation-line-of-renewals"
_AT_ONCE = 5000  # links of which the marks are written together
_LINK = sa.table("link", *(sa.column(n) for n in ("id", "sequence", "parent", "payload", "mark")))
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
    op.add_column(
        "revocation",
        sa.Column("cause", sqlmodel.sql.sqltypes.AutoString(), nullable=False, server_default=""),
    )
    with op.batch_alter_table("revocation", schema=None) as batch_op:
        batch_op.alter_column("cause", server_default=None)
    op.add_column("link", sa.Column("mark", sa.LargeBinary(), nullable=True))
    _mark(connection, lines)
    with op.batch_alter_table("link", schema=None) as batch_op:
        batch_op.alter_column("mark", existing_type=sa.LargeBinary(), nullable=False)
        batch_op.create_index(batch_op.f("ix_link_mark_sequence"), ["mark", "sequence"])


def _mark(connection: sa.Connection, lines: dict[str, str]) -> None:
    """Give each link the mark of its line; what was told apart so far stays apart."""
    marks: dict[str, bytes] = {}
    written = sa.update(_LINK).where(_LINK.c.id == sa.bindparam("of_link"))
    written = written.values(mark=sa.bindparam("made"))
    after = -1
    while True:
        query = sa.select(_LINK).where(_LINK.c.sequence > after)
        found = connection.execute(query.order_by(_LINK.c.sequence).limit(_AT_ONCE)).all()
        if not found:
            return
        for row in found:
            marks[row.id] = _marked(row, marks, lines)
        connection.execute(written, [{"of_link": r.id, "made": marks[r.id]} for r in found])
        after = found[-1].sequence


def _marked(
    row: sa.Row[tuple[object, ...]], marks: dict[str, bytes], lines: dict[str, str]
) -> bytes:
    if row.parent is None:
        return canonical.digest(_TAG, lines.get(row.id, row.id).encode())
    payload = json.loads(row.payload)
    grant = {
        name: sorted(part, key=canonical.encode) if isinstance(part, list) else part
        for name, part in payload["grant"].items()
    }
    body = {
        "above": canonical.b64u(marks[row.parent]),
        "holder": payload["holder"]["key"],
        "grant": {**grant, "not_before": 0, "expires_at": 0},
    }
    return canonical.digest(_TAG, canonical.encode(body))


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
    op.drop_column("revocation", "cause")
    with op.batch_alter_table("link", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_link_mark_sequence"))
        batch_op.drop_column("mark")
    op.drop_index(op.f("ix_renewal_line"), table_name="renewal")
    op.drop_column("renewal", "line")
    op.drop_column("link", "epoch")
