"""A repeated request: the first answer once more, unless it may no longer be acted on."""

from __future__ import annotations

from delegation.authority.ids import DecisionId
from delegation.authority.refusal import Refusal
from delegation.judge.decision import Decision, Denial
from delegation.judge.facts import Facts
from delegation.judge.line import Line
from delegation.judge.settle import RECORD_STEP, Judged, Settlement, deny
from delegation.judge.standing import Called, deny_without_standing


def settle_repeat(
    judged: Judged, first: Decision, facts: Facts, *, decision: DecisionId, at: int
) -> Settlement | None:
    """Return what denies a repeated request now, or None when the first answer still holds.

    Nothing is charged and no nonce is spent again. A denial is repeated as it was: what changed
    since needs a new request with a new proof.

    Args:
        judged: The repeated call.
        first: What was answered under the same idempotency key.
        facts: What the store knows now.
        decision: Id for the record of a new denial.
        at: The service's clock, Unix seconds.
    """
    if not first.allowed:
        return None
    cleared = judged.outcome
    systems = () if isinstance(cleared, Denial) else cleared.systems
    line = Line(judged.chain, facts.above)
    denial = deny_without_standing(line, Called(judged.tool, systems), facts, at)
    if denial is None and at >= first.valid_until:
        refusal = Refusal(
            "answer_expired",
            "The first answer under this idempotency key may no longer be acted on.",
            "idempotency_key",
            at,
            first.valid_until,
            "Prove and check the call again under a new key.",
        )
        denial = Denial.at(RECORD_STEP, refusal)
    if denial is None and isinstance(cleared, Denial):
        denial = cleared  # a tool was redefined since: what would be denied now is not repeated
    if denial is None:
        return None
    return deny(judged, facts, denial, decision, at, passed_to=9)
