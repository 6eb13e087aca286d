"""What importing tools would change in a catalogue: added, changed with what changed, the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from delegation.authority.catalogue import Catalogue, Tool
from delegation.canonical import Json

Kind: TypeAlias = Literal["added", "changed", "same"]
# Where one of these differs from the revision that a root pins, calls under that root are refused.
REFUSING: Final = frozenset({"arguments", "resource", "cost"})


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of a definition that differs.

    Args:
        field: Its name, for arguments and costs with theirs: `arguments.to`.
        before: What it was, None where it was not there.
        after: What it would be, None where it would be gone.
    """

    field: str
    before: Json
    after: Json


@dataclass(frozen=True, slots=True)
class Redefinition:
    """One tool of an import, held against the catalogue.

    Args:
        tool: The definition that would be recorded.
        kind: `added`, `changed` or `same`.
        changes: The fields that differ, with what they were and would be.
    """

    tool: Tool
    kind: Kind
    changes: tuple[FieldChange, ...] = ()

    @property
    def refuses_issued(self) -> bool:
        """Whether tokens that were issued before are refused for this tool from then on."""
        return any(change.field.split(".")[0] in REFUSING for change in self.changes)

    def to_json(self) -> dict[str, Json]:
        """Return its JSON."""
        return {
            "tool": self.tool.name,
            "kind": self.kind,
            "changes": [
                {"field": c.field, "before": c.before, "after": c.after} for c in self.changes
            ],
            "refuses_issued": self.refuses_issued,
        }


def redefinitions(catalogue: Catalogue, tools: Iterable[Tool]) -> tuple[Redefinition, ...]:
    """Return what recording these definitions would change, in their order.

    Raises:
        ConflictError: One of them could not be recorded: a name is another tool's or reserved.
        MalformedError: One has a resource template that no catalogue takes.
    """
    found, after = [], catalogue
    for tool in tools:
        found.append(_redefinition(catalogue.tool(tool.name), tool))
        after = after.with_tool(tool)
    return tuple(found)


def _redefinition(before: Tool | None, tool: Tool) -> Redefinition:
    if before is None:
        return Redefinition(tool, "added")
    if before == tool:
        return Redefinition(tool, "same")
    was, becomes = before.to_json(), tool.to_json()
    changes: list[FieldChange] = []
    for field in {**was, **becomes}:  # aliases are there only where a tool has some
        old, new = was.get(field), becomes.get(field)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            names = sorted(old.keys() | new.keys())
            changes += [
                FieldChange(f"{field}.{name}", old.get(name), new.get(name))
                for name in names
                if old.get(name) != new.get(name)
            ]
        else:
            changes.append(FieldChange(field, old, new))
    return Redefinition(tool, "changed", tuple(changes))
