"""Requires the consent of people to single calls: step 13, approval.

Last of the rules, so that people are asked only about calls that would otherwise pass. Approving
never grants: a call that any other step denies stays denied, approved or not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Final

from delegation.authority.access import Access
from delegation.authority.approval import ApprovalRule
from delegation.authority.catalogue import Catalogue
from delegation.authority.chain import Chain
from delegation.authority.ids import DecisionId
from delegation.authority.refusal import Refusal
from delegation.canonical import Json
from delegation.errors import MalformedError, UnverifiedError
from delegation.identity.approval import Binding, arguments_digest, check_approval
from delegation.identity.keyring import KeyRing, PublicRing
from delegation.identity.person import folded
from delegation.judge.approval_request import Act, Needed, NewRequest, RequestFact
from delegation.judge.capability import Clearance
from delegation.judge.decision import Denial
from delegation.judge.facts import Facts
from delegation.judge.line import Line

STEP = 13
REQUEST_SECONDS: Final = 3600  # how long people are asked; what nobody answers is not granted
APPROVAL_SECONDS: Final = 600  # how long consent lasts: people consent to a call now, not some day
MAX_OPEN_PER_LINK: Final = 16  # a hijacked agent must not bury the one request that matters
MAX_OPEN_PER_TASK: Final = (
    64  # a holder makes itself links and tasks as it likes: the root is bound
)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What step 13 says about one call.

    Args:
        denial: Why it is denied; None when no consent is needed, or it was given.
        request: The request that is named, opened or used.
        opens: The request to be recorded with the denial.
        uses: Whether the consent is used up by this decision.
    """

    denial: Denial | None = None
    request: str | None = None
    opens: NewRequest | None = None
    uses: bool = False


NOT_NEEDED: Final = Ruling()


def needed_consent(
    chain: Chain, access: Access, clearance: Clearance, catalogue: Catalogue, ring: KeyRing
) -> Needed | None:
    """Return the consent that a call needs, None if it needs none.

    The leaf's rules are looked at: narrowing keeps every rule of the links above (step 5).

    Args:
        chain: The verified chain.
        access: The call, as the proof covers it.
        clearance: What the call is in canonical form.
        catalogue: The definitions that it was judged by.
        ring: The service's keys; public halves are taken from it.
    """
    rules = tuple(r for r in chain.leaf.grant.needs_approval if r.asks_about(access.tool))
    if not rules:
        return None
    defined = max((n for n, _ in catalogue.history.get(access.tool, ())), default=0)
    binding = Binding(
        issuer=chain.origin.issuer,
        link=chain.leaf.id,
        tool=access.tool,
        arguments=arguments_digest(clearance.arguments),
        audience=access.audience,
        max_cost=access.max_cost,
        revisions={"catalogue": defined},
    )
    return Needed(binding, rules, ring.public_ring())


def judge_approval(
    needed: Needed | None,
    line: Line,
    access: Access,
    clearance: Clearance,
    facts: Facts,
    *,
    decision: DecisionId,
    at: int,
) -> Ruling:
    """Return whether the consent that a call needs is there, and what is to be recorded.

    Args:
        needed: The consent that it needs, None for none.
        line: The verified chain, with those of the openers above its task.
        access: The call.
        clearance: The call in canonical form.
        facts: What the store knows, read in the deciding transaction.
        decision: Id of the decision, from which a new request's id is made.
        at: The service's clock, Unix seconds.
    """
    if needed is None:
        return NOT_NEEDED
    known, refused = facts.approval.request, facts.approval.refused
    if known is not None and known.state == "refused":
        refused = known.id
    if refused is not None:
        return _denied(
            needed,
            line,
            refused,
            Refusal(
                "approval_refused",
                "Somebody who was asked refused this call, to this link or to one above it.",
                remedy="Do not ask again; do something else, or ask for another link.",
            ),
        )
    if known is not None and known.state == "granted":
        holders = holders_of(line, facts)
        if _counts(known, needed, holders, at):
            return Ruling(None, known.id, uses=True)
    if not signs(needed.keys):
        return _denied(
            needed,
            line,
            None,
            Refusal(
                "approvals_off",
                "The call needs approval, and this service has no key to sign one.",
                remedy="Add a key with `delegation keys rotate approval`, and start the service again.",
            ),
        )
    wanted = Refusal(
        "approval_needed",
        "The call needs the consent of people, who were asked.",
        remedy="Wait until the request that `approval` names is granted, then prove the call anew.",
    )
    if known is not None and known.state == "pending" and at < known.expires_at:
        return _denied(needed, line, known.id, wanted)
    if facts.approval.open_of_link >= MAX_OPEN_PER_LINK or (
        facts.approval.open_of_task >= MAX_OPEN_PER_TASK
    ):
        return _denied(
            needed,
            line,
            None,
            Refusal(
                "approval_requests_full",
                "Too many requests of this link, or under this root task, wait for people.",
                remedy="Wait until some are answered, and ask for less.",
            ),
        )
    ends = (task.deadline for task in facts.tasks)
    request = NewRequest(
        id="apr_" + decision.removeprefix("dec_"),
        binding=needed.binding,
        rules=needed.rules,
        task=line.task,
        arguments=clearance.arguments,
        purpose=access.purpose,
        cause=access.cause,
        cost={"calls": 1, **clearance.cost},
        resources=clearance.resources,
        opened_by=decision,
        at=at,
        expires_at=min(at + REQUEST_SECONDS, line.chain.leaf.grant.expires_at, *ends),
    )
    return replace(_denied(needed, line, request.id, wanted), opens=request)


def signs(keys: PublicRing) -> bool:
    """Return whether the issuer has a key that signs approvals; without one they are off."""
    return any(key.role == "approval" and key.state == "active" for key in keys.keys)


def is_reached(
    rules: Sequence[ApprovalRule], acts: Sequence[Act], holders: AbstractSet[str]
) -> bool:
    """Return whether for every rule enough different people consented who hold nothing here.

    Args:
        rules: The rules; none is reached by nobody, since a rule's quorum is at least 1.
        acts: What people said, with keys that still live.
        holders: Folded names of those who own or operate something on the chain.
    """
    granting = [act for act in acts if act.verdict == "grant" and folded(act.person) not in holders]
    return bool(rules) and all(
        len({folded(act.person) for act in granting if rule.names(act.person, act.roles)})
        >= rule.quorum
        for rule in rules
    )


def holders_of(line: Line, facts: Facts) -> frozenset[str]:
    """Return the folded names of all who own or operate something on the line.

    Owners of its tasks, and of its registered agents; those agents themselves. Unregistered
    keys stand under their delegator's owner, who is one of these. A name that a delegator merely
    claims does not count, else an agent would call a helper by an approver's name to keep that one
    out.
    """
    keys = {link.holder_key for link in line.links}
    agents = [agent for key, agent in facts.agents_by_key.items() if key in keys]
    names: Iterable[str] = (
        *(task.owner for task in facts.tasks),
        *(agent.owner for agent in agents),
        *(agent.name for agent in agents),
    )
    return frozenset(folded(name) for name in names)


def _counts(request: RequestFact, needed: Needed, holders: AbstractSet[str], at: int) -> bool:
    """Return whether a granted request is evidence for this call, now.

    The statement is verified again, and people are counted again: a row that somebody wrote into
    the database is no signature, and a key that was withdrawn since consents to nothing.
    """
    if at >= request.expires_at:  # earlier than the statement's own end after a restored backup
        return False
    try:
        approval = check_approval(request.statement, needed.keys, at=at)
    except (MalformedError, UnverifiedError):
        return False
    if approval.id != request.id or approval.binding.digest() != needed.binding.digest():
        return False
    acts = [act for act in request.acts if act.person in approval.approvers]
    return is_reached(needed.rules, acts, holders)


def _denied(needed: Needed, line: Line, request: str | None, refusal: Refusal) -> Ruling:
    """Return a denial that names the first link, top first, whose rule asks for consent."""
    rules: list[Json] = [rule.to_json() for rule in needed.rules[:8]]
    for place in line.places:
        for index, rule in enumerate(place.link.grant.needs_approval):
            if rule.asks_about(needed.binding.tool):
                placed = replace(
                    refusal,
                    field=f"needs_approval[{index}]",
                    offered=needed.binding.tool,
                    allowed=rules,
                )
                return Ruling(line.denied(STEP, placed, place), request)
    raise AssertionError  # the leaf has such a rule, else nothing would be needed


def refuse_approver(
    person: str,
    roles: Collection[str],
    *,
    rules: Sequence[ApprovalRule],
    holders: AbstractSet[str],
) -> Refusal | None:
    """Return why a person may not answer a request, or None.

    Names are compared as they are written where they open something, and however they are spelled where they
    shut something: `Ana@acme.example` is no stranger to what `ana@acme.example` owns.

    Args:
        person: Who wants to answer.
        roles: The roles that the person's key has.
        rules: The rules of the request.
        holders: Folded names of those who own or operate something on the chain.
    """
    if folded(person) in holders:
        return Refusal(
            "approver_on_chain",
            "The approver owns or operates an agent, a key or the task on this chain.",
            "needs_approval",
            remedy="Let somebody answer who holds nothing on the chain.",
        )
    if not any(rule.names(person, roles) for rule in rules):
        return Refusal(
            "approver_not_named",
            "No approval rule of the grant names this person, or a role that the key has.",
            "needs_approval",
            remedy="Let one of the approvers answer whom the request lists.",
        )
    return None
