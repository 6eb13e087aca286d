"""Calls over time: every decision is in exactly one span, and the drawing says the same numbers."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from delegation.graph.rhythm_svg import rhythm_svg
from delegation.lineage.rhythm import SPANS, rhythm

NOW = 1_800_000_000
made = st.lists(st.tuples(st.integers(NOW - 10**6, NOW + 100), st.booleans()), max_size=60)


@given(made, st.integers(1, SPANS))
def test_every_decision_is_in_one_span(found, spans: int) -> None:
    """Nothing is lost or counted twice; spans follow one another up to now and are not too many."""
    told = rhythm(found, now=NOW, spans=spans)
    assert told.total == (sum(a for _, a in found), sum(not a for _, a in found))
    assert len(told.spans) <= spans
    if not found:
        assert told.spans == ()
        return
    ends = [one.until for one in told.spans]
    assert ends == sorted(set(ends))
    assert ends[-1] == NOW
    begin = told.start
    for one in told.spans:
        within = [a for at, a in found if begin <= min(at, NOW) <= one.until]
        assert (one.allowed, one.denied) == (sum(within), len(within) - sum(within))
        begin = one.until + 1


@given(made, st.one_of(st.none(), st.integers(NOW - 10**6, NOW)))
def test_the_drawing_leads_to_the_end_of_each_span(found, at) -> None:
    """One link a span with its sentence; at most one is chosen; a bar stands where there is a call."""
    told = rhythm(found, now=NOW)
    drawn = rhythm_svg(told, at=at, way=lambda n: f"/x?at={n}", say=lambda one: f"<{one.until}>")
    assert [int(n) for n in re.findall(r'href="/x\?at=(\d+)"', drawn)] == [s.until for s in told.spans]  # fmt: skip
    assert re.findall(r"<title>&lt;(\d+)&gt;</title>", drawn) == [str(s.until) for s in told.spans]
    assert drawn.count('class="up"') == sum(one.allowed > 0 for one in told.spans)
    assert drawn.count('class="down"') == sum(one.denied > 0 for one in told.spans)
    within = at is not None and bool(told.spans) and told.start <= at
    assert drawn.count('class="chosen"') == int(within)


def test_one_call_beside_a_thousand_is_still_seen() -> None:
    """Bars are at least two pixels high."""
    told = rhythm([(NOW - 100, True)] * 1000 + [(NOW, True)], now=NOW)
    drawn = rhythm_svg(told, at=None, way=str, say=str)
    heights = [int(n) for n in re.findall(r'class="up"[^>]*height="(\d+)"', drawn)]
    assert min(heights) >= 2
