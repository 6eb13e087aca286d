"""Moments: PostgreSQL reads a canonical date and time as the instant that it is, and so a day."""

from __future__ import annotations

import random

import psycopg
from value_edges import admitted

from delegation.authority.arguments.moment import nanoseconds


def test_postgresql_reads_the_instant_exactly(server) -> None:
    """`timestamptz` keeps six digits, as the type does; days are those of its `date`."""
    rng = random.Random(3339)
    values = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.5Z"]
    for _ in range(500):
        day = f"{rng.randint(1, 9999):04}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
        clock = f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}"
        value = admitted("datetime", f"{day}T{clock}.{rng.randint(0, 999_999):06}+05:30")
        values += [str(value)] if value else []
    days = ["2026-11-30", "2024-02-29", "0001-01-01", "9999-12-31", "1582-10-10"]
    with psycopg.connect(server.url()) as connection:
        read = connection.execute(
            "SELECT v, (EXTRACT(EPOCH FROM v::timestamptz) * 1000000)::numeric(30, 0)"
            " FROM unnest(%s::text[]) AS t(v)",
            [values],
        ).fetchall()
        counted = connection.execute(
            "SELECT v, v::date - date '1970-01-01' FROM unnest(%s::text[]) AS t(v)", [days]
        ).fetchall()
    assert len(read) == len(values) > 500
    assert [v for v, micro in read if int(micro) * 1000 != nanoseconds(v)] == []
    assert [d for d, count in counted if count * 86_400 * 10**9 != nanoseconds(d)] == []
    assert [d for d in days if admitted("date", d) != d] == []
