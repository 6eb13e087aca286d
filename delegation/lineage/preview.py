"""What would end with a subject, and what would go on: shown before anybody revokes."""

from __future__ import annotations

from dataclasses import dataclass

from delegation.authority.ids import LinkId, TaskId
from delegation.judge.facts import Subject


@dataclass(frozen=True, slots=True)
class Preview:
    """What revoking or suspending a subject would come to now; nothing was changed.

    Args:
        subject: What would end.
        links: Active links under it, at most as many as were looked at.
        tasks: Tasks of those links.
        holders: Fingerprints of their holders' keys.
        surviving: How many active links of the same tasks would go on.
        is_complete: Whether all links under it were looked at; if not, there are more.
    """

    subject: Subject
    links: tuple[LinkId, ...]
    tasks: tuple[TaskId, ...]
    holders: tuple[str, ...]
    surviving: int
    is_complete: bool
