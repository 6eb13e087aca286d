"""Defines approval rules: calls that need a human's consent besides the grant. Judged at step 13."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from delegation.authority.fields import closed_object, integer, list_of, matching_text
from delegation.authority.pattern import SegmentPattern, tool_pattern
from delegation.canonical import Json
from delegation.errors import MalformedError

APPROVER: Final = re.compile(r"[A-Za-z0-9._@+:-]{1,128}")
MAX_APPROVERS: Final = 32
MAX_TOOLS: Final = 64


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    """Calls of these tools need the consent of so many of these approvers.

    Args:
        tools: Tool patterns, at least one.
        approvers: Roles or persons, at least as many as the quorum.
        quorum: How many different people must consent, 1 or more.

    Raises:
        MalformedError: A field has another form, or the quorum can never be reached.
    """

    tools: tuple[SegmentPattern, ...]
    approvers: tuple[str, ...]
    quorum: int = 1

    def __post_init__(self) -> None:
        integer("quorum", self.quorum, 1, MAX_APPROVERS)
        if not self.tools or not self.approvers:
            raise MalformedError("An approval rule", wanted="one that names tools and approvers")

    def covers(self, other: ApprovalRule) -> bool:
        """Return whether this rule asks for everything that the other asks for.

        Every tool of the other is still covered: were a child free to shorten the list, it would
        drop the consent for the tools it left out. See docs/adr/0004-approval-rules-cover.md.
        """
        return (
            all(any(tool.is_within(mine) for mine in self.tools) for tool in other.tools)
            and set(self.approvers) <= set(other.approvers)
            and self.quorum >= other.quorum
        )

    def asks_about(self, tool: str) -> bool:
        """Return whether calls of this tool need the consent."""
        return any(pattern.matches(tool) for pattern in self.tools)

    def names(self, person: str, roles: Collection[str]) -> bool:
        """Return whether this person, or one in one of these roles, is asked."""
        return any(name in self.approvers for name in (person, *roles))

    def to_json(self) -> dict[str, Json]:
        """Return the rule's JSON."""
        return {
            "tools": [tool.text for tool in self.tools],
            "approvers": list(self.approvers),
            "quorum": self.quorum,
        }

    @classmethod
    def from_json(cls, value: Json) -> ApprovalRule:
        """Return the rule that this JSON states.

        Raises:
            MalformedError: A field is missing, unknown or of another form.
        """
        body = closed_object("An approval rule", value, frozenset({"tools", "approvers", "quorum"}))
        tools = list_of("tools", body["tools"], MAX_TOOLS)
        approvers = list_of("approvers", body["approvers"], MAX_APPROVERS)
        return cls(
            tuple(
                tool_pattern(matching_text("tools", tool, r"[!-~]+", "patterns")) for tool in tools
            ),
            tuple(matching_text("approvers", name, APPROVER, "names") for name in approvers),
            integer("quorum", body["quorum"], 1, MAX_APPROVERS),
        )
