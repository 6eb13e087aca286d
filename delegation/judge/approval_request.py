"""Describes requests for approval: the call, the consent it needs, and the consent given so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from delegation.authority.approval import ApprovalRule
from delegation.authority.ids import DecisionId, TaskId
from delegation.canonical import Json
from delegation.identity.approval import Binding
from delegation.identity.keyring import PublicRing

RequestState: TypeAlias = Literal["pending", "granted", "refused", "used"]
Verdict: TypeAlias = Literal["grant", "refuse"]


@dataclass(frozen=True, slots=True)
class Needed:
    """The consent that one call needs.

    Args:
        binding: Exactly what would be approved.
        rules: The leaf's rules about this tool; every one of them must be met.
        keys: The issuer's public keys: consent is believed only when their approval key signed it.
    """

    binding: Binding
    rules: tuple[ApprovalRule, ...]
    keys: PublicRing


@dataclass(frozen=True, slots=True)
class Act:
    """One person's word on a request, given with an API key that still lives.

    Args:
        person: Who; two keys of one person are one person.
        roles: The roles that the key had then.
        verdict: `grant` or `refuse`.
    """

    person: str
    roles: tuple[str, ...]
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class RequestFact:
    """The newest request about one call, as the store knows it.

    Args:
        id: The request.
        state: What was made of it; expiry is not a state but a question of time.
        expires_at: Unix seconds from which on a pending request is over.
        statement: The signed approval, empty until it was granted.
        acts: What people said.
    """

    id: str
    state: RequestState
    expires_at: int
    statement: str = ""
    acts: tuple[Act, ...] = ()


@dataclass(frozen=True, slots=True)
class ApprovalFacts:
    """What the store knows about consent to one call, read in the deciding transaction.

    Args:
        request: The newest request about exactly this call, None if nobody was ever asked.
        refused: The request about this call that was refused to a link above, None for none.
        open_of_link: Requests of the leaf that wait for people.
        open_of_task: Requests of the root task and its child tasks that wait for people.
    """

    request: RequestFact | None = None
    refused: str | None = None
    open_of_link: int = 0
    open_of_task: int = 0


NO_APPROVALS: Final = ApprovalFacts()


@dataclass(frozen=True, slots=True)
class NewRequest:
    """A request as a denial at step 13 opens it, in the transaction that records the denial.

    Args:
        id: `apr_` and what follows `dec_` in the id of that denial.
        binding: Exactly what would be approved.
        rules: Whose consent is needed.
        task: The chain's task.
        arguments: In canonical form.
        purpose: As the holder states it.
        cause: The decision that the holder names as the cause: a claim.
        cost: What the call would charge, by unit.
        resources: What it would touch.
        opened_by: The denial.
        at: Unix seconds.
        expires_at: Unix seconds from which on nobody can grant it.
    """

    id: str
    binding: Binding
    rules: tuple[ApprovalRule, ...]
    task: TaskId
    arguments: Mapping[str, Json]
    purpose: str
    cause: str | None
    cost: Mapping[str, int]
    resources: tuple[str, ...]
    opened_by: DecisionId
    at: int
    expires_at: int
