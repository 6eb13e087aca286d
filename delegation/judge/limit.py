"""Where a limit of the leaf was set, and who may grant more than it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from delegation.authority.arguments.member import shown_name
from delegation.authority.chain import Chain
from delegation.authority.grant import Grant
from delegation.judge.line import Line, Place

OPENER: Final = "whoever opened the task"


def set_at(chain: Chain, has_limit: Callable[[Grant], bool]) -> int:
    """Return the depth of the link that set a limit which the leaf has: those below it kept it.

    Args:
        chain: The chain.
        has_limit: Returns whether a grant has the same limit.
    """
    depth = chain.depth
    while depth and has_limit(chain.links[depth - 1].grant):
        depth -= 1
    return depth


def who_granted(chain: Chain, depth: int) -> str:
    """Return who may grant more than a link does: its delegator, by the name that a chain claims.

    Args:
        chain: The chain.
        depth: The link's place in it; a root was granted for whoever opened the task.
    """
    if depth == 0:
        return OPENER
    name = chain.links[depth - 1].holder_name
    return (
        f"{shown_name(name)}, who delegated link {depth},"
        if name
        else f"the holder of link {depth - 1}"
    )


def who_granted_at(line: Line, place: Place) -> str:
    """Return who may grant more than a link on a line does; of a task above, whoever opened it."""
    return who_granted(line.chain, place.depth) if place.task == line.task else OPENER
