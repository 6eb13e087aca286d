"""A decision's row comes back as it was written, on both engines."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from delegation import canonical
from delegation.records.tables.records import DECISIONS


def rows(world) -> list:
    """Return all decisions in the order of their numbers."""
    with world.tracker._store.read() as reader:
        return reader._connection.execute(select(DECISIONS).order_by(DECISIONS.c.sequence)).all()


def test_every_column_comes_back_as_it_was_written(world) -> None:
    """Bytes, truth, integers, nothing and hostile text survive the one value that a batch travels as."""
    odd = 'a "q" \\ \u00e9 \U0001f468 {x}'
    send = {"to": "ana@acme.example", "body": odd}
    token = world.chain("boss", "aide")
    allowed = world.check(token, "aide", world.access("mail.send", **send))
    denied = world.check(token, "aide", world.access("ops.restart", host="a"))
    unproven = world.check(token, "boss")
    found = {row.id: row for row in rows(world)}
    assert [found[d.id].sequence for d in (allowed, denied, unproven)] == sorted(
        row.sequence for row in found.values()
    )
    row = found[allowed.id]
    assert (row.allowed, row.step, row.code, row.denied_depth) == (True, None, None, None)
    assert len(row.arguments_salt) == 16
    sent = canonical.text_of(send).encode()
    tag = b"dct-arguments-v1" + bytes(row.arguments_salt)
    assert bytes(row.arguments_digest) == canonical.digest(tag, sent)
    assert canonical.parse(row.access)["arguments"] == send
    assert canonical.parse(row.arguments)["body"] == odd
    assert row.at == world.at
    row = found[denied.id]
    assert (row.allowed, row.step) == (False, denied.denial.step)
    assert len(row.arguments_digest) == 32
    row = found[unproven.id]
    assert (row.allowed, bytes(row.arguments_digest)) == (False, b"")
    assert len(row.arguments_salt) == 16
    assert (row.task, row.link, row.access, row.proof) == (None, None, None, None)
    for row in found.values():
        assert canonical.parse(row.links) == (
            [] if row.task is None else [k.id for k in token.chain.links]
        )


def test_a_denial_of_an_older_store_reads_as_it_did(world) -> None:
    """Rows from before what is allowed was said in words have two values and no words."""
    token = world.chain("boss", "aide")
    said = world.check(token, "aide", world.access("pay.refund", order="o1", amount=900)).id
    denial = world.tracker.decision(said).decision.denial
    assert denial.allowed_in_words == "from 1 to 500"
    older = canonical.text_of([denial.offered, denial.allowed])
    with world.tracker._store._database.writing() as connection:
        connection.execute(DECISIONS.update().where(DECISIONS.c.id == said).values(detail=older))
    read = world.tracker.decision(said).decision.denial
    assert read == replace(denial, allowed_in_words="")
