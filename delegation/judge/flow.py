"""Step 11, flow: rules of sequence over the task's history.

No history is kept in this release, so a chain that carries any rule is denied: a rule that nobody
checks must not look as if it held.
"""

from __future__ import annotations

from delegation.authority.chain import Chain
from delegation.authority.refusal import Refusal
from delegation.judge.decision import Denial

STEP = 11


def deny_unjudged_flow(chain: Chain) -> Denial | None:
    """Return the denial of a chain with flow rules, or None."""
    for depth, link in enumerate(chain.links):
        if link.grant.flow:
            return Denial.at(
                STEP,
                Refusal(
                    "not_supported_here",
                    "The grant has flow rules, which this service cannot judge.",
                    "flow",
                    None,
                    [],
                    "Issue a root without flow rules, or use a service that judges them.",
                ),
                link=link.id,
                depth=depth,
            )
    return None
