"""Paces a task, a holder and a branch, with bursts: part of step 12.

One number for each (GCRA): the instant at which its next turn would be if all had come evenly. A call
comes too early if that lies further ahead than a burst reaches. Only allowed calls take a turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeAlias

from delegation.authority.arguments.character import counted
from delegation.authority.ids import TaskId
from delegation.authority.refusal import Refusal
from delegation.canonical import b64u
from delegation.judge.decision import Denial
from delegation.judge.facts import TaskFact
from delegation.judge.line import Line

STEP = 12
MICRO: Final = 1_000_000
DAY: Final = 24 * 3600  # clocks of one store differ by less
NONE_RENEWED: Final[Mapping[str, str]] = MappingProxyType({})
Scope: TypeAlias = Literal["task", "holder", "branch"]


class PaceKey(NamedTuple):
    """Names what keeps a pace: a task, a holder in a task, or a link with all below it.

    Its id begins with the task that sets the limit: a link below keeps those of each task above it.
    """

    scope: Scope
    id: str

    @property
    def task(self) -> TaskId:
        """The task that sets the limit."""
        return TaskId(self.id.partition("/")[0])


class Rate(NamedTuple):
    """How fast something may call.

    Args:
        key: What it is.
        rate: Calls a minute.
        burst: Calls at once.
    """

    key: PaceKey
    rate: int
    burst: int


def paces_of(
    line: Line, tasks: tuple[TaskFact, ...], renewed: Mapping[str, str] = NONE_RENEWED
) -> tuple[Rate, ...]:
    """Return every pace that a call on this line must keep; none where no limit is set.

    Args:
        line: The verified chain, with those of the openers above its task.
        tasks: Its task and those above it, nearest first.
        renewed: For a link that renews another, the first of that line: they keep one pace.
    """
    found: list[Rate] = []
    for task in tasks:
        limits = task.limits
        if not limits.is_paced:
            continue
        rate = limits.calls_per_minute
        if rate is not None:
            found.append(Rate(PaceKey("task", task.id), rate, limits.burst or rate))
        rate = limits.holder_calls_per_minute
        if rate is not None:
            key = PaceKey("holder", f"{task.id}/{b64u(line.chain.leaf.holder_key)}")
            found.append(Rate(key, rate, limits.burst or rate))
        rate = limits.branch_calls_per_minute
        if rate is not None:
            found += [
                Rate(
                    PaceKey("branch", f"{task.id}/{renewed.get(link.id, link.id)}"),
                    rate,
                    limits.burst or rate,
                )
                for link in line.below(task.id)[1:]
            ]
    return tuple(found)


def believed(turn: int, now: int, furthest: int) -> int:
    """Return a turn; one that a clock set which was more than a day ahead waits for no such day.

    From there on it goes on as slowly as if the burst had just been used up.

    Args:
        turn: As it was kept, microseconds of Unix time.
        now: The clock, microseconds.
        furthest: How far ahead of the clock a turn may be for one more call.
    """
    return now + furthest if turn > now + furthest + DAY * MICRO else turn


def take_turns(
    line: Line, paces: tuple[Rate, ...], turns: Mapping[tuple[str, str], int], at: int
) -> dict[tuple[str, str], int] | Denial:
    """Return the next turn of each pace once this call was made, or why it comes too early.

    Args:
        line: The line of the call.
        paces: Those that it must keep.
        turns: Their next turns so far, in microseconds of Unix time; one without a row has none.
        at: The service's clock, Unix seconds.
    """
    now = at * MICRO
    taken: dict[tuple[str, str], int] = {}
    early: list[tuple[int, PaceKey, int]] = []
    for key, rate, burst in paces:
        interval = 60 * MICRO // rate
        turn = max(believed(turns.get(key, 0), now, (burst - 1) * interval), now)
        wait = turn - now - (burst - 1) * interval
        if wait > 0:
            early.append((wait, key, rate))
        taken[key] = turn + interval
    if early:  # whoever waits for the longest waits for all of them
        wait, key, rate = max(early, key=itemgetter(0))
        return Denial.at(STEP, line.limited(_early(key.scope, rate, -(-wait // MICRO)), key.task))
    return taken


def _early(scope: Scope, rate: int, wait: int) -> Refusal:
    if scope == "task":
        return _refusal("rate_task", "task", rate, wait)
    if scope == "holder":
        return _refusal("rate_holder", "holder", rate, wait)
    return _refusal("rate_branch", "branch of the task", rate, wait)


def _refusal(code: str, whose: str, rate: int, wait: int) -> Refusal:
    return Refusal(
        code,
        f"The {whose} calls faster than its limit.",
        "limits",
        None,
        rate,
        f"Wait {counted(wait, 'second')}, then prove the call anew; an operator opens another task with "
        "higher limits.",
        f"{counted(rate, 'call')} a minute",
    )
