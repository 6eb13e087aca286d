"""Every processor taken several times over: benign calls are decided, every one of them.

`DELEGATION_LONG=1` makes 10,000 of them on each engine and way; `make soak` does the same by itself.
"""

from __future__ import annotations

import os

import pytest
from saturation import embedded, served
from under_fault import Place

LONG = os.environ.get("DELEGATION_LONG") == "1"
CALLS = 10_000 if LONG else 60
SECONDS = 1500 if LONG else 60
FEW = 12


@pytest.mark.thorough
@pytest.mark.parametrize("way", [embedded, served], ids=["trackers", "service"])
def test_no_benign_call_is_refused_on_a_machine_without_a_free_processor(place: Place, way) -> None:
    """Two trackers with six callers, or a service; all are allowed, and exactly as many are charged."""
    found = way(place, CALLS, seconds=SECONDS)
    assert found.refused == {}
    assert found.charged == found.calls == CALLS


def test_a_few_benign_calls_are_all_decided_there(on_sqlite: Place) -> None:
    """The same in small, so that it is looked at every time."""
    found = embedded(on_sqlite, FEW, seconds=SECONDS)
    assert found.refused == {}
    assert found.charged == found.calls == FEW
