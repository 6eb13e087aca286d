"""A world in which payments need consent, and the people who give it."""

from __future__ import annotations

from world import World

from delegation import Access, Token
from delegation.authority.approval import ApprovalRule
from delegation.authority.pattern import tool_pattern
from delegation.commands.work import ApiKey
from delegation.lineage.approval import ApprovalEntry

NEEDED = (13, "approval_needed")


def rule(tools: str = "pay.*", approvers: str = "finance", quorum: int = 1) -> ApprovalRule:
    """Return a rule from texts."""
    return ApprovalRule(tuple(map(tool_pattern, tools.split())), tuple(approvers.split()), quorum)


def approver(world: World, person: str, *roles: str, key: str = "") -> ApiKey:
    """Return the API key of a person in these roles."""
    name = key or person.partition("@")[0].lower()
    secret = world.tracker.create_api_key(name, "approver", person=person, approves_as=roles)
    found = world.tracker.authenticate(secret)
    assert found is not None
    return found


def paying(
    world: World,
    *rules: ApprovalRule,
    names: tuple[str, ...] = ("boss", "a"),
    format: str = "biscuit",
) -> Token:
    """Return a chain whose payments need consent."""
    world.task = world.open(needs_approval=list(rules or (rule(),)))
    return world.chain(*names, format=format)


def pay(world: World, amount: int = 300, order: str = "o1") -> Access:
    """Return a payment."""
    return world.access("pay.refund", order=order, amount=amount)


def asked(world: World, token: Token, access: Access | None = None, by: str = "a") -> str:
    """Make a call that needs consent, and return the request that its denial names."""
    decision = world.check(token, by, access or pay(world))
    assert decision.approval is not None, decision
    return decision.approval


def granted(world: World, request: str, by: ApiKey) -> ApprovalEntry:
    """Grant a request."""
    return world.tracker.grant_approval(request, by=by, reason="ok")
