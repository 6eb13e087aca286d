"""A store after a fault, looked at row by row: all that was acknowledged, and nothing by halves."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, create_engine, text

from delegation.canonical import unb64u

if TYPE_CHECKING:
    from load import Answer


def jti_of(proof: str) -> bytes:
    """Return the nonce of a proof."""
    claims = json.loads(unb64u(proof.split(".")[1], what="proof"))
    return unb64u(claims["jti"], what="jti")


def audit(url: str, answers: Iterable[Answer] = ()) -> dict[str, Any]:
    """Assert that a store is whole and holds what callers were told; return its decisions by id.

    Args:
        url: The store, read from outside the product.
        answers: What callers saw; those without a decision assert nothing.
    """
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                assert connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
                assert connection.execute(text("PRAGMA foreign_key_check")).first() is None
            stored = {row.id: row for row in connection.execute(text("SELECT * FROM decision"))}
            _numbers_are_dense(connection, stored)
            _counters_are_exact(connection, stored)
            _nonces_belong(connection, stored)
            _requests_have_their_decision(connection, stored)
    finally:
        engine.dispose()
    for answer in answers:
        if answer.is_decision:
            row = stored.get(answer.body["decision"])
            assert row is not None, "an acknowledged decision is not stored"
            assert (bool(row.allowed), row.code) == (answer.allowed, answer.code)
    return stored


def _numbers_are_dense(connection: Connection, stored: Mapping[str, Any]) -> None:
    sequences = sorted(row.sequence for row in stored.values())
    assert sequences == list(range(1, len(sequences) + 1))
    given = connection.execute(text("SELECT n FROM numbers WHERE name = 'decision'")).scalar_one()
    assert given == len(sequences)


def _counters_are_exact(connection: Connection, stored: Mapping[str, Any]) -> None:
    """Every allowed call is charged to its chain and ledger, and above a child task to its opener's."""
    tasks = {r.id: (r.parent, r.under) for r in connection.execute(text("SELECT * FROM task"))}
    parents = {r.id: r.parent for r in connection.execute(text("SELECT id, parent FROM link"))}
    spent: Counter[tuple[str, str, str]] = Counter()
    for row in stored.values():
        if row.allowed:
            charged = [("link", link) for link in json.loads(row.links)]
            task = row.task
            while task is not None:
                charged.append(("task", task))
                task, link = tasks[task]
                while link is not None:
                    charged.append(("link", link))
                    link = parents[link]
            for unit, amount in json.loads(row.cost).items():
                for scope, name in charged:
                    spent[scope, name, unit] += amount
    for row in connection.execute(text("SELECT * FROM counter")):
        assert row.used <= row.lim
        assert row.used == spent[row.scope, row.id, row.unit], "a charge without its decision"


def _nonces_belong(connection: Connection, stored: Mapping[str, Any]) -> None:
    """No proof was allowed twice; no decision is there without its nonce, and none the other way."""
    proven = [row for row in stored.values() if row.step is None or row.step > 6]
    allowed = Counter(jti_of(row.proof) for row in proven if row.allowed)
    assert max(allowed.values(), default=1) == 1, "a proof was allowed twice"
    nonces = {bytes(row.jti) for row in connection.execute(text("SELECT jti FROM nonce"))}
    before = connection.execute(
        text("SELECT n FROM numbers WHERE name = 'nonces_before'")
    ).scalar_one()
    first: dict[bytes, int] = {}
    for row in sorted(proven, key=lambda found: found.sequence):
        first.setdefault(jti_of(row.proof), row.at)
    assert nonces <= first.keys(), "a nonce without its decision"
    assert {jti for jti, at in first.items() if at >= before} <= nonces, (
        "a decision without its nonce"
    )


def _requests_have_their_decision(connection: Connection, stored: Mapping[str, Any]) -> None:
    keys = {row.decision for row in connection.execute(text("SELECT decision FROM request"))}
    assert keys <= stored.keys(), "an idempotency key without its decision"
