"""Outcomes: the service that executes calls says what became of one; the record keeps its word."""

from __future__ import annotations

import re
from typing import Final

from delegation.authority.fields import matching_text, units
from delegation.commands.retry import tried_again
from delegation.commands.work import OutcomeReport, Store

_STATE: Final = re.compile("executed|failed|not_executed")
_DETAIL: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f]{0,500}")


@tried_again
def report_outcome(store: Store, report: OutcomeReport) -> None:
    """Record what became of an allowed call; repeating the same report changes nothing.

    A cost settles what was reserved for the call: what was too much goes back to every counter that
    was charged, in the same transaction, and the record keeps both amounts. Not checked here: that
    it is true. Calls are never refunded, and nothing is without a cost, whatever the state says.

    Args:
        store: Where it is recorded.
        report: The decision, its outcome, and who says so.

    Raises:
        MalformedError: The state or detail has another form, or the cost is not of the reserved
            units or more than was reserved.
        NotFoundError: This service was not allowed any such call.
        ConflictError: Another outcome or cost was reported before, or the reservation expired.
        StoreUnavailableError: It could not be recorded.
    """
    matching_text("state", report.state, _STATE, "executed, failed or not_executed")
    matching_text("detail", report.detail, _DETAIL, "at most 500 characters without control ones")
    if report.cost is not None:
        units("cost", report.cost)
    with store.write() as work:
        work.report_outcome(report)
