"""Opens a child task: an agent's own unit of work, within its grant, its ledger and its history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from delegation.authority.access import Access
from delegation.authority.chain import Origin
from delegation.authority.fields import closed_object, integer, matching_text
from delegation.authority.fit import refuse_unfit_grant
from delegation.authority.grant import Grant
from delegation.authority.ids import DecisionId, TaskId
from delegation.authority.refusal import Refusal
from delegation.canonical import Json
from delegation.commands.announce import raise_denial, verify_reserved
from delegation.commands.check import CheckContext
from delegation.commands.draft import Draft, NewTask
from delegation.commands.named import found
from delegation.commands.retry import tried_again
from delegation.commands.tasks import MAX_LASTS, TITLE
from delegation.commands.work import Work
from delegation.errors import MalformedError
from delegation.identity.principal import PublicKey, public_key
from delegation.judge.facts import Facts, Query
from delegation.judge.limits import LASTS, Limits
from delegation.judge.reserved_tools import complete_below, settle_opening
from delegation.judge.settle import Settlement
from delegation.lineage.entry import TaskEntry
from delegation.tokens.issuer import issue_token
from delegation.tokens.token import Token

TOOL: Final = "delegation.open_task"
_HOLDER: Final = frozenset({"key", "name"})


@dataclass(frozen=True, slots=True)
class Opening:
    """A child task as an agent asks for it.

    Args:
        title: What it is about, at most 200 characters.
        ceiling: The most that any token of it may hold, within the opener's grant; unset fields are
            copied from there. Its budget is its ledger, and is charged to the opener's as well.
        to: The first holder.
        lasts: Seconds until the deadline.
        idle: Seconds without an allowed call after which it is over; None for never.
        limits: How it may grow and how fast it may call, where lower than the service's limits.

    Raises:
        MalformedError: A field has another form.
    """

    title: str
    ceiling: Grant
    to: PublicKey
    lasts: int = LASTS
    idle: int | None = None
    limits: Limits | None = None

    def __post_init__(self) -> None:
        matching_text("title", self.title, TITLE, "1 to 200 characters without control characters")
        public_key("to", self.to)
        integer("lasts", self.lasts, 1, MAX_LASTS)
        if self.idle is not None:
            integer("idle", self.idle, 1, MAX_LASTS)

    def to_json(self) -> dict[str, Json]:
        """Return the request's JSON, as the proof covers it."""
        ceiling = self.ceiling.to_json()
        return {
            "title": self.title,
            "ceiling": {k: v for k, v in ceiling.items() if k not in self.ceiling.unset},
            "to": {"key": self.to.text, "name": self.to.name},
            "lasts": self.lasts,
            "idle": self.idle,
            "limits": None if self.limits is None else self.limits.to_json(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Opening:
        """Return the request that this JSON states.

        Raises:
            MalformedError: A field is missing, unknown or of another form.
        """
        names = frozenset(cls.__slots__)
        body = closed_object("opening", dict(value), names)
        holder = closed_object("to", body["to"], _HOLDER)
        limits = body["limits"]
        if not isinstance(holder["name"], str) or not isinstance(holder["key"], str):
            raise MalformedError("to", wanted="a name and a key")
        return cls(
            body["title"],  # type: ignore[arg-type]  # checked by __post_init__, as all below
            Grant.from_json(body["ceiling"], partial=True),
            PublicKey.from_text(holder["name"], holder["key"]),
            body["lasts"],  # type: ignore[arg-type]
            body["idle"],  # type: ignore[arg-type]
            None if limits is None else Limits.from_json(limits),
        )


def opening_request(issuer: str, opening: Opening) -> Access:
    """Return the access that a holder proves in order to open a child task.

    Raises:
        MalformedError: It is too large, or has no canonical JSON.
    """
    return Access(TOOL, opening.to_json(), audience=issuer)


@tried_again
def open_child(
    context: CheckContext, token: str, proof: str, opening: Opening, *, at: int
) -> tuple[TaskEntry, Token]:
    """Open a task under the holder's link and issue its root, in one transaction.

    The child's ceiling lies within the opener's grant and its tools are those of the opener's pinned
    revision, with which it must go (`authority.fit`). Every call under it is also charged to the
    opener's links and to the ledgers above, is in the root task's history, and is allowed only while
    the opener's whole chain stands. Its owner is the parent task's.

    Args:
        context: Store, keys and cache.
        token: The opener's token text.
        proof: Proof over `opening_request(issuer, opening)`.
        opening: The task that is asked for.
        at: Unix seconds.

    Raises:
        UnverifiedError: Token or proof does not verify, the proof was used before, the grant is
            over, does not stand or does not hold what is asked for, or a limit is reached. The
            denial is recorded.
        StoreUnavailableError: It could not be recorded.
    """
    access = opening_request(context.ring.issuer, opening)
    verified = verify_reserved(context, token, proof, access, at=at, client="")
    chain, deadline = verified.chain, at + opening.lasts
    ceiling = complete_below(opening.ceiling.opened(at), chain.leaf.grant, deadline=deadline)
    made = None
    # Alone: how many tasks there are must not change while it is counted.
    with context.store.write(alone=True) as work:
        if isinstance(ceiling, Grant):
            pinned, held = chain.origin.catalogue, chain.leaf.grant
            unfit = refuse_unfit_grant(ceiling, work.catalogue(), pinned, above=held)
            ceiling = ceiling if unfit is None else unfit
        opened = work.tasks_below_root(chain.origin.task, at=at)
        crowded = work.refuse_child(chain, opening.limits, at=at)
        decision = DecisionId(context.new_id("dec_"))

        def settle(facts: Facts) -> Settlement:
            return settle_opening(
                chain,
                access,
                facts,
                ceiling=ceiling,
                opened=opened,
                crowded=crowded,
                decision=decision,
                at=at,
            )

        draft = Draft(
            id=decision,
            at=at,
            client="",
            verified=verified,
            access=access,
            query=Query(chain, verified.proof.jti, (), at),
            catalogue=context.store.catalogue_hint().revision,
            settle=settle,
        )
        denial = work.decide(draft).denial
        if denial is None and not isinstance(ceiling, Refusal):
            task = NewTask(
                id=TaskId(context.new_id("tsk_")),
                title=opening.title,
                owner=_owner(work, chain.origin.task, at),
                ceiling=ceiling,
                opened_at=at,
                deadline=deadline,
                inferred=False,
                idle=opening.idle,
                limits=opening.limits,
                under=chain,
            )
            made = _record(context, work, task, opening.to)
    raise_denial(denial)
    if made is None:  # unreachable: `raise_denial` raised; kept so that None never leaves
        raise AssertionError
    return made


def _owner(work: Work, task: TaskId, at: int) -> str:
    return found("task", task, work.task(task, at=at)).owner


def _record(
    context: CheckContext, work: Work, task: NewTask, to: PublicKey
) -> tuple[TaskEntry, Token]:
    if task.under is None:
        raise AssertionError
    work.open_task(task)
    pinned = task.under.origin.catalogue
    origin = Origin(context.ring.issuer, task.id, task.under.leaf.id, pinned)
    # The root is the whole ceiling: what the holder hands on, it narrows itself.
    ring = work.signing_ring(context.ring, at=task.opened_at)
    token = issue_token(ring, origin, to=to, grant=task.ceiling, token_format="biscuit")  # noqa: S106
    work.record_root(token.chain, token.evidence, at=task.opened_at)
    return found("task", task.id, work.task(task.id, at=task.opened_at)), token
