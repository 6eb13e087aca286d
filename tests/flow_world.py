"""A world with a history: tools with labels, systems and domains, and agents who call them."""

from __future__ import annotations

from dataclasses import dataclass

from world import DESK, OWNER, World

from delegation import Access, Grant, Token, Tool, anything, may
from delegation.authority.flow import AfterNever
from delegation.judge.decision import Decision

FLOW_TOOLS = (
    Tool("crm.read", effect="read", system="crm", domain="customers", labels=("pii",)),
    Tool("web.post", effect="write", system="web", domain="press", labels=("external",)),
    Tool("web.sync", effect="write", system="web", labels=("external", "pii")),
    Tool("db.query", effect="read", arguments={"table": "opaque"}, resource="db:acme/{table}"),
    Tool("pay.request", effect="write", system="erp", domain="finance"),
    Tool("pay.approve", effect="write", system="erp", domain="finance"),
    Tool("pay.drop", effect="delete", system="erp", domain="finance"),
)
CAPABILITIES = [
    may(
        t.name,
        resources=["db:acme/*"] if t.resource else [],
        **dict.fromkeys(t.arguments, anything()),
    )
    for t in FLOW_TOOLS
]
PII = AfterNever(("pii",), ("external",))


@dataclass
class FlowWorld(World):
    """One task over all these tools; `ask` lets somebody call one."""

    def __post_init__(self) -> None:
        """Add the tools, label one table."""
        super().__post_init__()
        for tool in FLOW_TOOLS:
            self.tracker.add_tool(tool)
        self.tracker.label_resources("db:acme/customers", ["pii"])
        self.task = self.flow_task()

    def flow_task(self, **fields: object):
        """Open a task over all tools."""
        ceiling = Grant(CAPABILITIES, audience=[DESK], delegations_left=6, **fields)  # type: ignore[arg-type]
        return self.tracker.open_task("Ticket 2", owner=OWNER, ceiling=ceiling, lasts=1000)

    def call(self, tool: str, **arguments: object) -> Access:
        """Return a call."""
        return Access(tool, arguments, DESK)  # type: ignore[arg-type]

    def ask(self, token: Token, by: str, tool: str, **arguments: object) -> Decision:
        """Prove and check a call."""
        return self.check(token, by, self.call(tool, **arguments))
