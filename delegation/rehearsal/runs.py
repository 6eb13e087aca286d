"""Rehearses recorded runs: hand-offs are real offline delegations, actions real proofs and checks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import get_args

from delegation.authority.access import Access
from delegation.authority.grant import Grant
from delegation.authority.ids import TaskId
from delegation.client import Client
from delegation.commands.announce import announcement
from delegation.identity.keys import HolderKey
from delegation.rehearsal.inference import AUDIENCE, TOOLS, calls_per_hand_off, capabilities, pooled
from delegation.rehearsal.whowhen import Action, HandOff, Transcript
from delegation.tokens.evidence import Format
from delegation.tokens.token import Token

OWNER = "whowhen-import"
LASTS = 3600  # seconds; the records have no clock of their own
FORMATS = get_args(Format)


@dataclass(slots=True)
class Outcome:
    """What one rehearsed run came to.

    Args:
        run: The recorded run.
        task: Its task.
        format: Which token format carried it.
        delegations: Hand-offs that became recorded links.
        allowed: Calls that were allowed.
        denials: (place in the record, role, step and code) of each denied call.
    """

    run: Transcript
    task: TaskId
    format: str
    delegations: int = 0
    allowed: int = 0
    denials: list[tuple[int, str, str]] = field(default_factory=list)

    @property
    def calls(self) -> int:
        """How many calls were attempted."""
        return self.allowed + len(self.denials)

    @property
    def reasons(self) -> Counter[str]:
        """How often each step and code denied."""
        return Counter(code for _, _, code in self.denials)

    @property
    def is_mistake_denied(self) -> bool:
        """Whether the labelled mistake's own message is among the denied calls."""
        return any(place == self.run.mistake_step for place, _, _ in self.denials)


def rehearse(
    client: Client, runs: Sequence[Transcript], *, done: Callable[[Outcome], None]
) -> list[Outcome]:
    """Rehearse runs one after the other, biscuit and macaroon in turn.

    Args:
        client: An operator's client of a running service.
        runs: All runs; each one's grants are inferred from the others.
        done: Called after each run.

    Raises:
        ServiceError: The service did not answer.
    """
    for tool in TOOLS:
        client.add_tool(tool)
    outcomes = []
    for index in range(len(runs)):
        outcome = _rehearse(client, runs, index)
        outcomes.append(outcome)
        done(outcome)
    return outcomes


def _rehearse(client: Client, runs: Sequence[Transcript], index: int) -> Outcome:
    run, token_format = runs[index], FORMATS[index % len(FORMATS)]
    keys: dict[str, HolderKey] = {}
    boss = HolderKey.generate(run.root)
    ceiling = Grant(
        capabilities(runs, index, None), effects=[tool.effect for tool in TOOLS],
        max_sensitivity=1, audience=[AUDIENCE], purpose="rehearsal", delegations_left=2,
    )  # fmt: skip
    task = client.open_task(run.name, owner=OWNER, ceiling=ceiling, lasts=LASTS, inferred=True)
    root = client.issue(task, to=boss.public, format=token_format)
    outcome = Outcome(run, task.id, token_format)
    held: dict[str, Token] = {}
    grants: dict[str, Grant] = {}
    steps: list[HandOff | Action] = [*run.hand_offs, *run.actions]
    steps.sort(key=lambda step: step.index)
    for step in steps:
        if isinstance(step, Action):
            _act(client, step, keys.get(step.role), held.get(step.role), outcome)
            continue
        key = keys.setdefault(step.holder, HolderKey.generate(step.holder))
        role = pooled(run, step.holder)
        if role not in grants:
            grants[role] = Grant(
                capabilities(runs, index, role),
                budget={"calls": calls_per_hand_off(runs, index, role)},
                delegations_left=0,
            )
        token = root.delegate(by=boss, to=key.public, grant=grants[role])
        client.announce(token, key.prove(token, announcement(token.chain.origin.issuer)))
        held[step.holder] = token
        outcome.delegations += 1
    return outcome


def _act(
    client: Client, action: Action, key: HolderKey | None, token: Token | None, outcome: Outcome
) -> None:
    """Make one call; a role that was handed nothing has nothing to show, and is denied as such."""
    access = Access(action.tool, action.arguments, AUDIENCE, purpose="rehearsal")
    if key is None or token is None:
        decision = client.check("", None, access)
    else:
        decision = client.check(token, key.prove(token, access), access)
    if decision.denial is None:
        outcome.allowed += 1
    else:
        code = f"{decision.denial.step} {decision.denial.code}"
        outcome.denials.append((action.index, action.role, code))
