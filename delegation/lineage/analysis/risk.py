"""Scores links by risk, so that anybody can compute it again; it ranks links, it is no probability."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from delegation.lineage.entry import LinkEntry
from delegation.lineage.survey import Survey

WEIGHTS: Final = {"read": 1, "write": 3, "delete": 4, "admin": 5, "actuate": 5}
FORMULA: Final = "effect x (1 + sensitivity) x (tools + depth + hours)"
MAX_TOOLS: Final = 10
MAX_HOURS: Final = 24


@dataclass(frozen=True, slots=True)
class Risk:
    """A link's score and the numbers that it is made of.

    Args:
        link: The link.
        effect: Weight of the most harmful effect that it reaches: read 1, write 3, delete 4, admin
            and actuate 5.
        sensitivity: The highest sensitivity of a tool that it reaches, 0 to 3.
        tools: How many tools it reaches, at most 10.
        depth: Its depth: 0 for a root.
        hours: Hours that it still holds, begun ones counted, at most 24.
    """

    link: LinkEntry
    effect: int
    sensitivity: int
    tools: int
    depth: int
    hours: int

    @property
    def score(self) -> int:
        """The score; see `FORMULA`."""
        return self.effect * (1 + self.sensitivity) * (self.tools + self.depth + self.hours)

    @property
    def sum(self) -> str:
        """The formula with its numbers in place."""
        return (
            f"{self.effect} x (1 + {self.sensitivity}) x "
            f"({self.tools} + {self.depth} + {self.hours}) = {self.score}"
        )


def risk(survey: Survey, link: LinkEntry) -> Risk:
    """Return a link's risk; one that reaches nothing has the score 0."""
    stands = link.standing == "active" and link.grant.not_before <= survey.at
    found = survey.reach(link) if stands else ()
    seconds = max(0, survey.until(link) - survey.at)
    return Risk(
        link,
        max((WEIGHTS[one.tool.effect] for one in found), default=0),
        max((one.sensitivity for one in found), default=0),
        min(MAX_TOOLS, len({one.tool.name for one in found})),
        link.depth,
        min(MAX_HOURS, -(-seconds // 3600)),
    )


def ranked(survey: Survey, links: Iterable[LinkEntry] | None = None) -> tuple[Risk, ...]:
    """Return the risks of links above 0, the highest first; equal ones by id."""
    wanted = survey.links if links is None else links
    found = [risk(survey, link) for link in wanted if link.standing == "active"]
    return tuple(
        sorted((one for one in found if one.score), key=lambda one: (-one.score, one.link.id))
    )
