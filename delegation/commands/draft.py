"""Holds calls and tasks on their way into the transaction that settles and writes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from delegation.authority.access import Access
from delegation.authority.catalogue import Catalogue
from delegation.authority.chain import Chain
from delegation.authority.grant import Grant
from delegation.authority.ids import DecisionId, TaskId
from delegation.judge.decision import Decision
from delegation.judge.facts import Facts, Query
from delegation.judge.limits import Limits
from delegation.judge.settle import Settlement
from delegation.tokens.verifier import Verified


@dataclass(frozen=True, slots=True)
class Repeatable:
    """A request that its caller may send again, because an answer was lost on the way.

    Args:
        caller: Whose keys these are: one caller's key says nothing about another's.
        key: The caller's idempotency key.
        digest: SHA-256 of the whole request; the key with another request is refused.
        again: Returns what denies the request now, given the first answer; None repeats that one.
    """

    caller: str
    key: str
    digest: bytes
    again: Callable[[Decision, Facts], Settlement | None]


@dataclass(frozen=True, slots=True)
class Draft:
    """A call whose proof verified, ready to be settled.

    Args:
        id: Names the record; made before the first attempt, so that a second one is recognised.
        at: The service's clock when it came, Unix seconds.
        client: Name of the API key that asks; empty for agents themselves.
        verified: Token and proof.
        access: The call, as the proof covers it.
        query: What settling must know.
        catalogue: The revision it was judged by.
        settle: The rules, a pure function of facts.
        rejudge: Returns the call judged by a newer catalogue; None where none is looked at.
        repeatable: The caller's idempotency key, if it sent one.
        is_denied: Whether steps 7 to 9 denied it already; facts do not change that.
        is_reported: Whether it was decided elsewhere: what ended since does not undo that.
    """

    id: DecisionId
    at: int
    client: str
    verified: Verified
    access: Access
    query: Query
    catalogue: int
    settle: Callable[[Facts], Settlement]
    rejudge: Callable[[Catalogue], Draft] | None = None
    repeatable: Repeatable | None = None
    is_denied: bool = False
    is_reported: bool = False


@dataclass(frozen=True, slots=True)
class UnprovenDraft:
    """A denial at steps 1 to 6 that is stored as a record of its own.

    Args:
        decision: The denial.
        client: Name of the API key that asked; empty for agents themselves.
        catalogue: The newest revision that was known.
    """

    decision: Decision
    client: str
    catalogue: int


AnyDraft: TypeAlias = Draft | UnprovenDraft


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task as it is opened.

    Args:
        id: Its id.
        title: What it is about.
        owner: The accountable human or service.
        ceiling: Complete grant; the most that any token of it may hold, and its ledger.
        opened_at: Unix seconds.
        deadline: Unix seconds.
        inferred: Whether it is rebuilt from a record rather than observed.
        idle: Seconds without an allowed call after which it is over; None for never.
        limits: What its opener sets lower than the service; None for nothing.
        under: The opener's chain, when an agent opens it.
    """

    id: TaskId
    title: str
    owner: str
    ceiling: Grant
    opened_at: int
    deadline: int
    inferred: bool
    idle: int | None = None
    limits: Limits | None = None
    under: Chain | None = None
