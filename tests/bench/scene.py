"""What is measured: a small catalogue, a task without narrow ledgers, chains of any depth."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass

from delegation import Access, Grant, HolderKey, Token, Tool, anything, email, may, text
from delegation.authority.chain import Origin
from delegation.lineage.entry import TaskEntry
from delegation.tokens.issuer import issue_token
from delegation.tracker import Tracker

DESK = "https://desk.acme.example"
ISSUER = "https://authority.acme.example"
TOOLS = (
    Tool(
        "mail.send",
        effect="write",
        arguments={
            "to": "email",
            "subject": "text",
            "body": "text",
            "cc?": {"type": "list", "of": "email"},
        },
        resource="mail:acme/{to}",
    ),
    Tool("files.read", effect="read", arguments={"path": "path"}, sensitivity=1),
    Tool("crm.contacts.read", effect="read", arguments={"id": "opaque"}, sensitivity=2),
)
CEILING = Grant(
    [
        may(
            "mail.send",
            resources=["mail:acme/*"],
            to=email("acme.example", "partner.example"),
            subject=text(max=200),
            body=text(max=2000),
            cc=anything(),
        ),
        may("files.read", path=anything()),
    ],
    audience=[DESK],
    purpose="desk",
    delegations_left=15,
    budget={"calls": 10**12},
)
ACCESS = Access(
    "mail.send",
    {"to": "ana@acme.example", "subject": "Ticket 4711", "body": "Your refund is on its way. " * 4},
    DESK,
    purpose="desk",
)
LASTS = 24 * 3600


@dataclass(frozen=True, slots=True)
class Held:
    """A token and who holds it."""

    token: Token
    holder: HolderKey

    def prove(self) -> str:
        """Return a fresh proof for the one call of the scene."""
        return self.holder.prove(self.token, ACCESS)


def open_scene(tracker: Tracker) -> TaskEntry:
    """Define the tools and open a task."""
    for tool in TOOLS:
        tracker.add_tool(tool)
    return tracker.open_task("Ticket 4711", owner="ana@acme.example", ceiling=CEILING, lasts=LASTS)


def chain(tracker: Tracker, task: TaskEntry, depth: int, format: str = "biscuit") -> Held:
    """Return a chain of so many links, each narrower than the one above by one delegation."""
    holders = [HolderKey.generate(f"agent-{n}") for n in range(depth)]
    if depth <= task.ceiling.delegations_left:
        token = tracker.issue(task, to=holders[0].public, format=format)
    else:  # the longest chain that a verifier reads has a root as deep as the deepest ceiling
        ring, origin = tracker._desk.ring, Origin(ISSUER, task.id, None, len(TOOLS))
        to = holders[0].public
        token = issue_token(ring, origin, to=to, grant=task.ceiling, token_format=format)
    for by, to in itertools.pairwise(holders):
        token = token.delegate(by=by, to=to.public, grant=Grant())
    return Held(token, holders[-1])


def now() -> int:
    """Return Unix seconds."""
    return int(time.time())
