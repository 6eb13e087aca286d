"""Moments: a canonical date and time is one instant to every reader of times, and so is what was sent.

Python's own parser, dateutil, Pydantic and, asked once for all, Node; PostgreSQL is asked in
`tests/records/test_moments.py`. Hundreds of values; `DELEGATION_LONG=1` asks fifty times as many.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from datetime import UTC, date, datetime, timedelta

import pytest
from dateutil.parser import isoparse
from pydantic import TypeAdapter, ValidationError
from value_edges import admitted

from delegation.authority.arguments.moment import nanoseconds

COUNT = 20_000 if os.environ.get("DELEGATION_LONG") else 400
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EDGES = ["2016-12-31T23:59:60Z", "1990-12-31T15:59:60-08:00", "2026-11-30T24:00:00Z", "2026-02-29T00:00:00Z", "2000-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01",
         "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-00:01", "2026-11-30t07:00:00z", "2026-11-30 07:00:00Z", "2026-11-30T07:00:00", "2026-11-30T07:00Z", "20261130T070000Z",
         "2026-11-30T07:00:00-00:00", "2026-11-30T07:00:00+24:00", "2026-11-30T07:00:00+23:59", "2026-11-30T07:00:00+0100", "2026-11-30T07:00:00+01", "2026-11-30T07:00:00,5Z", "2026-11-30T07:00:00.Z", "2026-11-30T07:00:00.1234567Z",
         "+002026-11-30T07:00:00Z", "2026-W49-1T07:00:00Z", "2026-334T07:00:00Z", "2026-11-30T07:00:00Z[Europe/Berlin]", "2026-11-30T07:00:00 Z", "\uff12026-11-30T07:00:00Z", "2026-11-30T07:00:00\u221201:00", "2026-11-30T07:60:00Z", "2026-13-01T00:00:00Z", "2026-11-30T07:00:00.120000Z", "1970-01-01T00:00:00Z", "1969-12-31T23:59:59.5Z", "1883-11-18T12:00:00-04:56"]  # fmt: skip


def sent(rng: random.Random) -> str:
    """Return a time as some program writes it."""
    moment = datetime(1, 1, 2, tzinfo=UTC) + timedelta(seconds=rng.randrange(315_537_700_000))
    fraction = rng.choice(["", "", ".5", ".120", ".123456", ".000001", ".9999999", ".000"])
    zone = rng.choice(["Z", "z", "+00:00", "-00:00", "+05:30", "-08:00", "+14:00", "-23:59", "+01:00"])  # fmt: skip
    return f"{moment:%Y-%m-%d}".rjust(10, "0") + rng.choice("TTTt") + f"{moment:%H:%M:%S}{fraction}{zone}"  # fmt: skip


def canonical_forms() -> dict[str, str]:
    """Return canonical forms by what was sent."""
    rng = random.Random(3339)
    asked = [*EDGES, *(sent(rng) for _ in range(COUNT))]
    found = {text: admitted("datetime", text) for text in asked}
    return {text: str(value) for text, value in found.items() if value is not None}


@pytest.fixture(scope="module")
def canonical() -> dict[str, str]:
    """Return them, made once."""
    return canonical_forms()


def exactly(moment: datetime) -> int:
    """Return nanoseconds after 1970."""
    return (moment - EPOCH) // timedelta(microseconds=1) * 1000


def test_every_reader_in_this_process_reads_one_instant(canonical) -> None:
    """Of the canonical text; and of the text as it was sent, where the reader takes it."""
    pydantic = TypeAdapter(datetime)
    assert len(canonical) >= COUNT / 2
    for text, value in canonical.items():
        instant = nanoseconds(value)
        for read in (datetime.fromisoformat, isoparse, pydantic.validate_python):
            assert exactly(read(value)) == instant, (read, value)
            try:
                seen = read(text)
            except (ValueError, OverflowError, ValidationError):
                continue
            assert exactly(seen.astimezone(UTC)) == instant, (read, text)


def test_order_of_texts_and_instants_is_kept(canonical) -> None:
    """Two canonical texts are equal exactly if the instants are: one spelling for each."""
    by_instant: dict[int, str] = {}
    for value in canonical.values():
        assert by_instant.setdefault(nanoseconds(value), value) == value


def test_node_reads_the_instant_to_its_millisecond(canonical) -> None:
    """`Date.parse` cuts what is below a millisecond, and nothing else."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    values = sorted(set(canonical.values()))
    program = "console.log(JSON.stringify(JSON.parse(require('fs').readFileSync(0)).map(t=>Date.parse(t))))"  # fmt: skip
    done = subprocess.run([node, "-e", program], input=json.dumps(values), capture_output=True, text=True, check=True)  # fmt: skip
    for value, seen in zip(values, json.loads(done.stdout), strict=True):
        assert seen == nanoseconds(value) // 10**6, value


@pytest.mark.parametrize("text", [text for text in EDGES if ":60" in text])
def test_a_leap_second_is_refused(text) -> None:
    """Python knows none, PostgreSQL counts on, Node reads no date: three readings of one text."""
    assert admitted("datetime", text) is None


def test_days_that_readers_know_are_dates() -> None:
    """Each day of some years, and none of the neighbours that only look like one."""
    days = {(date(y, 1, 1) + timedelta(n)).isoformat() for y in (1, 1900, 2000, 2024, 9998) for n in range(366)}  # fmt: skip
    for day in days:
        assert admitted("date", day) == day
        assert isoparse(day) == datetime.fromisoformat(day)
    years = [f"{y:04}-{m:02}-{d:02}" for y in (1900, 2000, 2024) for m in range(14) for d in range(33)]  # fmt: skip
    for text in years:
        assert (admitted("date", text) == text) == (text in days)
    for text in ("2026-1-1", "20261130", "2026-W49", "2026-334", "2026-11-30T00:00:00Z", " 2026-11-30", "2026-11-30\n", "26-11-30", "\u0662\u0660\u0662\u0666-11-30", "-2026-11-30", "+2026-11-30", "02026-11-30", "2026/11/30"):  # fmt: skip
        assert admitted("date", text) is None
