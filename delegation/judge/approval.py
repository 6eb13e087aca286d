"""Step 13, approval: consent of humans to single calls.

No approvals are kept in this release, so a chain that carries any rule is denied: a rule that
nobody checks must not look as if it held.
"""

from __future__ import annotations

from delegation.authority.chain import Chain
from delegation.authority.refusal import Refusal
from delegation.judge.decision import Denial

STEP = 13


def deny_unjudged_approval(chain: Chain) -> Denial | None:
    """Return the denial of a chain with approval rules, or None."""
    for depth, link in enumerate(chain.links):
        if link.grant.needs_approval:
            return Denial.at(
                STEP,
                Refusal(
                    "not_supported_here",
                    "The grant needs approvals, which this service cannot judge.",
                    "needs_approval",
                    None,
                    [],
                    "Issue a root without approval rules, or use a service that judges them.",
                ),
                link=link.id,
                depth=depth,
            )
    return None
