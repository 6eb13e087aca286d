"""A small world: one task, a boss, and whoever a test hands authority to."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from pathlib import Path

from delegation import (
    Access,
    Grant,
    HolderKey,
    KeyRing,
    Token,
    Tool,
    anything,
    between,
    email,
    exact,
    may,
    text,
)
from delegation.authority.grant import Grant as _Grant
from delegation.judge.decision import Decision
from delegation.lineage.entry import TaskEntry
from delegation.tracker import Tracker

NOW = 1_800_000_000
DESK = "https://desk.acme.example"
OWNER = "ana@acme.example"
ISSUER = "https://authority.acme.example"
TOOLS = (
    Tool("files.read", effect="read", arguments={"path": "path"}, sensitivity=1),
    Tool(
        "mail.send",
        effect="write",
        arguments={"to": "email", "body": "text", "cc?": {"type": "list", "of": "email"}},
        resource="mail:acme/{to}",
    ),
    Tool(
        "pay.refund",
        effect="write",
        arguments={"order": "opaque", "amount": "integer"},
        sensitivity=2,
        cost={"usd_cents": "amount"},
    ),
    Tool("ops.restart", effect="actuate", arguments={"host": "host"}, sensitivity=3),
)
READ = may("files.read", path=anything())
SEND = may(
    "mail.send",
    resources=["mail:acme/*"],
    to=email("acme.example"),
    body=text(max=100),
    cc=anything(),
)
PAY = may("pay.refund", order=anything(), amount=between(1, 500))
ONE_PAY = may("pay.refund", order=exact("o1"), amount=between(1, 100))


@dataclass
class World:
    """A tracker with its clock, one task and a boss who holds its root."""

    path: Path | None = None
    url: str = ""
    at: int = NOW
    keys: dict[str, HolderKey] = field(default_factory=dict)
    ring: KeyRing = field(default_factory=lambda: KeyRing.generate(ISSUER))

    def __post_init__(self) -> None:
        """Open the task."""
        url = self.url or ("sqlite://" if self.path is None else f"sqlite:///{self.path}")
        self.tracker = Tracker.open(url, ring=self.ring, clock=lambda: self.at)
        with self.tracker._store.write() as work:  # as `add_tool` records each of them, but at once
            for tool in TOOLS:
                work.add_tool(tool, at=self.at)
        self.task = self.open()

    def open(self, **fields: object) -> TaskEntry:
        """Open a task with a broad ceiling."""
        given = {
            "audience": [DESK],
            "purpose": "desk",
            "delegations_left": 6,
            "budget": {"calls": 50, "usd_cents": 1000},
            **fields,
        }
        ceiling = _Grant([READ, SEND, PAY], **given)  # type: ignore[arg-type]
        return self.tracker.open_task("Ticket 1", owner=OWNER, ceiling=ceiling, lasts=1000)

    def key(self, name: str) -> HolderKey:
        """Return the key of this name, made at first use."""
        return self.keys.setdefault(name, HolderKey.generate(name))

    def root(self, to: str = "boss", format: str = "biscuit", **fields: object) -> Token:
        """Issue the task's root."""
        grant = Grant(**fields)  # type: ignore[arg-type]
        return self.tracker.issue(self.task, to=self.key(to).public, grant=grant, format=format)

    def chain(self, *names: str, format: str = "biscuit", **fields: object) -> Token:
        """Issue a root to the first name and hand it on to the others, unnarrowed but for fields."""
        token = self.root(names[0], format=format)
        for by, to in itertools.pairwise(names):
            grant = Grant(**fields) if to == names[-1] else Grant()  # type: ignore[arg-type]
            token = token.delegate(by=self.key(by), to=self.key(to).public, grant=grant)
        return token

    def access(self, tool: str = "files.read", **arguments: object) -> Access:
        """Return a call; without arguments it reads a file."""
        given = arguments or {"path": "/a"}
        amount = given.get("amount")
        cost = {"usd_cents": amount} if type(amount) is int and amount >= 0 else {}
        return Access(tool, given, DESK, purpose="desk", max_cost=cost)  # type: ignore[arg-type]

    def check(self, token: Token, by: str, access: Access | None = None) -> Decision:
        """Prove and check a call."""
        wanted = access or self.access()
        proof = self.key(by).prove(token, wanted, at=self.at)
        return self.tracker.check(token, proof, wanted)


def verdict(decision: Decision) -> tuple[int, str] | None:
    """Return a decision's step and code, None when it is allowed."""
    return None if decision.denial is None else (decision.denial.step, decision.denial.code)
