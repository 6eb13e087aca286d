"""Reservations as a state machine: every short history, against a model of one number and one clock."""

from __future__ import annotations

from itertools import product

import pytest

from delegation.authority.ids import DecisionId
from delegation.errors import ConflictError, MalformedError
from delegation.judge.budget import Charge
from delegation.judge.facts import CounterKey
from delegation.judge.reservation import RESERVED_SECONDS, Reservation, reserve, settle_cost

CALL = DecisionId("dec_1")
TASK, LINK = CounterKey("task", "tsk_1", "cents"), CounterKey("link", "lnk_1", "cents")
CALLS = CounterKey("task", "tsk_1", "calls")
EVENTS = ["wait", "last second", *({"cents": n} for n in (-1, 0, 1, 2, 3)), {}, {"cents": True}, {"cents": 1, "calls": 0}, {"calls": 1}]  # fmt: skip


def test_what_is_reserved_is_what_was_charged_in_that_unit_alone() -> None:
    """Calls are not reserved, so no outcome gives one back."""
    charges = [Charge(CALLS, 1, 9), Charge(TASK, 2, 9), Charge(LINK, 2, 5)]
    (made,) = reserve(CALL, charges, ["cents"], at=100)
    assert made == Reservation(CALL, "cents", 2, (TASK, LINK), 100 + RESERVED_SECONDS)
    assert reserve(CALL, charges, [], at=100) == ()


def test_every_history_of_three_events_ends_as_the_model_says() -> None:
    """Settled once, in time, at no more than was reserved; else all of it stays charged."""
    for events in product(EVENTS, repeat=3):
        ends_as_the_model_says(events)


def ends_as_the_model_says(events) -> None:
    """Play one history."""
    (held,) = reserve(CALL, [Charge(TASK, 2, 9), Charge(LINK, 2, 9)], ["cents"], at=0)
    at, told, charged = 0, None, 2
    for event in events:
        if isinstance(event, str):
            at = RESERVED_SECONDS - (1 if event == "last second" and at < RESERVED_SECONDS else 0)
            continue
        cents = event.get("cents")
        fits = event.keys() == {"cents"} and type(cents) is int and 0 <= cents <= 2
        late = told is None and at >= RESERVED_SECONDS
        expected = (
            MalformedError if not fits
            else ConflictError if late or told not in (None, cents)
            else None
        )  # fmt: skip
        if expected is not None:
            with pytest.raises(expected):
                settle_cost([held], event, by="svc", at=at)
            continue
        changed = settle_cost([held], event, by="svc", at=at)
        assert len(changed) == (0 if told is not None else 1)
        for held in changed:  # at most one: the reservation as it stands now
            told, charged = cents, charged - held.refund
            assert (held.by, held.at) == ("svc", at)
    state = "settled" if told is not None else "expired" if at >= RESERVED_SECONDS else "reserved"
    assert held.state(at) == state
    assert charged == (2 if told is None else told)
    assert held.refund == 2 - charged


def test_units_are_settled_together_or_not_at_all() -> None:
    """One unit that is too much leaves the other as it was."""
    other = CounterKey("task", "tsk_1", "tokens")
    held = reserve(CALL, [Charge(TASK, 2, 9), Charge(other, 5, 9)], ["cents", "tokens"], at=0)
    with pytest.raises(MalformedError):
        settle_cost(held, {"cents": 1, "tokens": 6}, by="svc", at=1)
    with pytest.raises(MalformedError):
        settle_cost(held, {"cents": 1}, by="svc", at=1)
    assert [r.settled for r in settle_cost(held, {"cents": 1, "tokens": 5}, by="s", at=1)] == [1, 5]


def test_nothing_reserved_takes_no_cost() -> None:
    """A service cannot bill a call whose cost was known before."""
    with pytest.raises(MalformedError):
        settle_cost([], {"cents": 1}, by="svc", at=1)
    assert settle_cost([], {}, by="svc", at=1) == ()
