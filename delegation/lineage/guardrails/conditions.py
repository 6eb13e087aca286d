"""What a guardrail may ask of a link: the common form of all kinds.

A condition is asked about one link at a time. What it proposes as narrower grant is asked again by
the assessment, and shown only if it keeps the rule.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from delegation.authority.grant import FIELDS, Grant
from delegation.errors import MalformedError
from delegation.lineage.entry import LinkEntry
from delegation.lineage.guardrails.recorded_links import RecordedLinks


@dataclass(frozen=True, slots=True)
class Broken:
    """How one link breaks a condition.

    Args:
        message: One sentence.
        field: The grant's field to narrow; empty when no field would help.
        narrower: The grant that the link should have had, None when there is none to offer.
        also: A second link of the task that takes part in it.
    """

    message: str
    field: str
    narrower: Grant | None = None
    also: LinkEntry | None = None


class Condition(ABC):
    """One kind of guardrail."""

    __slots__ = ()
    kind: ClassVar[str]
    passes_down: ClassVar[bool] = True
    """Whether a link below one that breaks it breaks it for the same reason."""

    @abstractmethod
    def broken_by(self, link: LinkEntry, grant: Grant, forest: RecordedLinks) -> Broken | None:
        """Return how the link would break this if it held the grant, or None.

        Args:
            link: The link.
            grant: Its own grant, or a narrower one that is being tried.
            forest: All links of its root task.
        """


def changed(grant: Grant, **fields: object) -> Grant | None:
    """Return the grant with other fields, None if they have no form; narrowing is looked at later."""
    try:
        return Grant(**{**{name: getattr(grant, name) for name in FIELDS}, **fields})
    except MalformedError:
        return None
