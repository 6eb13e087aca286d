"""Where a limit of the leaf was set, and who may grant more than it."""

from __future__ import annotations

from collections.abc import Callable

from delegation.authority.arguments.member import shown_name
from delegation.authority.chain import Chain
from delegation.authority.grant import Grant


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
        return "whoever opened the task"
    name = chain.links[depth - 1].holder_name
    return (
        f"{shown_name(name)}, who delegated link {depth},"
        if name
        else f"the holder of link {depth - 1}"
    )
