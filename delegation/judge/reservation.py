"""Reserves costs that are known only after a call: the most at first, settled once afterwards.

A state machine of three states. `reserved`: the most that the holder agreed to is charged, on every
counter of the chain. `settled`: the service that was allowed told the cost; what was too much went
back. `expired`: nobody told in time, and the whole stays charged. Since a reservation is charged in
full from its first moment, no order of events overspends, and expiring needs no command.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from delegation.authority.ids import DecisionId
from delegation.errors import ConflictError, MalformedError
from delegation.judge.budget import Charge
from delegation.judge.facts import CounterKey

RESERVED_SECONDS: Final = 900  # how long a service may take to tell what a call has cost
ReservationState: TypeAlias = Literal["reserved", "settled", "expired"]


@dataclass(frozen=True, slots=True)
class Reservation:
    """One unit of one allowed call, of which the cost was not known.

    Args:
        decision: The call.
        unit: The unit.
        amount: What is charged until it is settled: the holder's most.
        counters: What it is charged on.
        expires_at: From this second on nobody may settle it, Unix seconds.
        settled: What it has cost, None while nobody told.
        by: Who told.
        at: When, Unix seconds; 0 while nobody told.
    """

    decision: DecisionId
    unit: str
    amount: int
    counters: tuple[CounterKey, ...]
    expires_at: int
    settled: int | None = None
    by: str = ""
    at: int = 0

    def state(self, at: int) -> ReservationState:
        """Return the state at an instant."""
        if self.settled is not None:
            return "settled"
        return "reserved" if at < self.expires_at else "expired"

    @property
    def refund(self) -> int:
        """What went back to each counter when it was settled."""
        return 0 if self.settled is None else self.amount - self.settled


def reserve(
    decision: DecisionId, charges: Iterable[Charge], units: Iterable[str], *, at: int
) -> tuple[Reservation, ...]:
    """Return a reservation for each unit whose cost only the service will know.

    Args:
        decision: The allowed call.
        charges: All that the call charges; reserving adds nothing to it.
        units: The units in question.
        at: The service's clock, Unix seconds.
    """
    made = list(charges)
    found = []
    for unit in units:
        mine = [charge for charge in made if charge.key.unit == unit]
        amount = max((charge.amount for charge in mine), default=0)
        keys = tuple(charge.key for charge in mine)
        found.append(Reservation(decision, unit, amount, keys, at + RESERVED_SECONDS))
    return tuple(found)


def settle_cost(
    reservations: Sequence[Reservation], cost: Mapping[str, int], *, by: str, at: int
) -> tuple[Reservation, ...]:
    """Return the reservations that change, settled; none when the same was told before.

    All units of a call are settled together or none is. `calls` are never reserved, so they are
    never refunded. Not checked here: that `by` is the service that was allowed the call.

    Args:
        reservations: All of the call's, as they stand.
        cost: What the call has cost, by unit.
        by: Who tells.
        at: The service's clock, Unix seconds.

    Raises:
        MalformedError: Other units than those reserved, or more than was reserved: the holder
            agreed to no more, so the whole stays charged.
        ConflictError: Another cost was told before, or it is too late.
    """
    units = [reservation.unit for reservation in reservations]
    if cost.keys() != set(units):
        wanted = "exactly the reserved units, " + (", ".join(units) or "of which there are none")
        raise MalformedError("cost", wanted=wanted)
    changed = []
    for reservation in reservations:
        told = cost[reservation.unit]
        if type(told) is not int or not 0 <= told <= reservation.amount:
            raise MalformedError(
                f"cost.{reservation.unit}", wanted=f"an integer from 0 to {reservation.amount}"
            )
        match reservation.state(at):
            case "settled":
                if told != reservation.settled:
                    raise ConflictError("Another cost of this decision was settled before.")
            case "expired":
                raise ConflictError("The reservation expired: the whole of it stays charged.")
            case "reserved":
                changed.append(replace(reservation, settled=told, by=by, at=at))
    return tuple(changed)
