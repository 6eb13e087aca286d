"""Steps 7 and 8 once more, for the chains above a child task: what its opener may not do, it may not.

A child task's ceiling lies within its opener's grant, so this denies little: what only shows on the
opener's own links, such as a constraint that does not go with its argument's type.
"""

from __future__ import annotations

from delegation.authority.access import Access
from delegation.authority.catalogue import Catalogue
from delegation.judge.capability import judge_capability
from delegation.judge.decision import Denial
from delegation.judge.line import Line, above_task
from delegation.judge.window import deny_outside_window


def clear_above(
    line: Line, access: Access, catalogue: Catalogue, at: int
) -> frozenset[str] | Denial:
    """Return the terms of flow rules above that the catalogue does not know, or why one refuses.

    Args:
        line: The line of the call, whole.
        access: The call, as the proof covers it.
        catalogue: The definitions that it was judged by.
        at: The service's clock, Unix seconds.
    """
    unknown: frozenset[str] = frozenset()
    for chain in reversed(line.above):
        found = deny_outside_window(chain, access, at) or judge_capability(chain, access, catalogue)
        if isinstance(found, Denial):
            return above_task(found, chain.origin.task)
        unknown |= found.unknown
    return unknown
