"""A second ticket that the demo leaves open: a refund that waits for consent, and authority too broad.

Without it the reviewer's pages would show only what is over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from delegation.authority.approval import ApprovalRule
from delegation.authority.grant import Grant
from delegation.authority.pattern import tool_pattern
from delegation.client import Client
from delegation.commands.announce import announcement
from delegation.identity.keys import HolderKey
from delegation.judge.decision import Decision
from delegation.lineage.entry import TaskEntry
from delegation.rehearsal.desk import DESK, MAIL, OWNER, READ, REFUND, call

APPROVERS: Final = ("finance", "cy@acme.example")  # a role, and a person
LASTS: Final = 30 * 3600  # seconds: longer than a day is a finding


def leave_open(client: Client, keys: Mapping[str, HolderKey]) -> tuple[TaskEntry, Decision]:
    """Open a task, hand it on, and ask for a refund that people have to consent to.

    An unregistered key called `rnail` gets all that the orchestrator holds, and never uses it.

    Args:
        client: An operator's client, at whose service the desk's tools and agents are registered.
        keys: The keys of `orchestrator` and `refund`.

    Returns:
        The task, and the decision of the refund.
    """
    rule = ApprovalRule((tool_pattern("payments.*"),), approvers=APPROVERS, quorum=1)
    ceiling = Grant(
        [READ, REFUND, MAIL], audience=[DESK], purpose="support", delegations_left=3,
        budget={"calls": 40, "usd_cents": 20_000}, needs_approval=[rule],
    )  # fmt: skip
    task = client.open_task("Refund for ticket 4712", owner=OWNER, ceiling=ceiling, lasts=LASTS)
    boss, clerk = keys["orchestrator"], keys["refund"]
    root = client.issue(task, to=boss.public)
    fewer = root.grant.narrow([REFUND], budget={"calls": 5, "usd_cents": 5000})
    for key, grant in ((HolderKey.generate("rnail"), Grant()), (clerk, fewer)):
        token = root.delegate(by=boss, to=key.public, grant=grant)
        client.announce(token, key.prove(token, announcement(token.chain.origin.issuer)))
    refund = call("payments.refund", order="ord-91", amount=4800)
    return task, client.check(token, clerk.prove(token, refund), refund)
