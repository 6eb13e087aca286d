"""Steps 7 and 8 once more, for the chains above a child task: what its opener may not do, it may not.

A child task's ceiling lies within its opener's grant, so this denies little: what only shows on the
opener's own links, such as a constraint that does not go with its argument's type.
"""

from __future__ import annotations

from typing import NamedTuple

from delegation.authority.access import Access
from delegation.authority.catalogue import Catalogue
from delegation.authority.ids import LinkId
from delegation.judge.capability import Reading, judge_capability
from delegation.judge.decision import Denial
from delegation.judge.line import Line, above_task
from delegation.judge.window import deny_outside_window


class Above(NamedTuple):
    """What the chains above say of a call.

    Args:
        unknown: Terms of their flow rules that the catalogue does not know.
        handed: Their links that admit it by nothing but what their holders may only hand on.
    """

    unknown: frozenset[str] = frozenset()
    handed: frozenset[LinkId] = frozenset()


def clear_above(line: Line, access: Access, catalogue: Catalogue, at: int) -> Above | Denial:
    """Return what the chains above say of a call that they admit, or why one refuses it.

    Args:
        line: The line of the call, whole.
        access: The call, as the proof covers it.
        catalogue: The definitions that it was judged by.
        at: The service's clock, Unix seconds.
    """
    above, reading = Above(), Reading()
    for chain in reversed(line.above):
        found = deny_outside_window(chain, access, at) or judge_capability(
            chain, access, catalogue, reading
        )
        if isinstance(found, Denial):
            return above_task(found, chain.origin.task)
        above = Above(above.unknown | found.unknown, above.handed | found.handed)
    return above
