"""Compares imported tools with a catalogue, and keeps what people set by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from delegation.authority.catalogue import Catalogue, Tool
from delegation.authority.grant import EFFECTS
from delegation.canonical import Json
from delegation.errors import MalformedError

_UNSTATED: Final = ("domain", "resource", "cost")
Kind: TypeAlias = Literal["added", "changed", "same"]
# Where one of these differs from the revision that a root pins, calls under that root are refused.
REFUSING: Final = frozenset({"arguments", "resource", "cost"})


@dataclass(frozen=True, slots=True)
class Reimport:
    """A document's tools with what stays of the definitions that stand.

    Args:
        tools: The definitions to record.
        kept: By tool's name the fields that stay as they stand.
        skipped: Tools whose definition cannot keep what stands, and why.
        gone: Tools under the document's prefix that it has not, or no more.
    """

    tools: tuple[Tool, ...]
    kept: dict[str, tuple[str, ...]]
    skipped: tuple[tuple[str, str], ...] = ()
    gone: tuple[str, ...] = ()


def reimported(
    catalogue: Catalogue, tools: Iterable[Tool], *, prefix: str, reset: bool = False
) -> Reimport:
    """Return what a document's tools come to beside those that stand under their names.

    Domain, labels, resource and cost stay, aliases (none moves to another tool of the document), and
    the system where the import names none: no document states them. Of sensitivity and effect the
    graver one stays: importing makes no tool tamer than people said.

    Args:
        catalogue: What stands.
        tools: The document's, as imported.
        prefix: Under which they were imported.
        reset: Whether nothing is kept, so that the definitions are the document's alone.
    """
    tools = tuple(tools)
    stand = {} if reset else {tool.name: catalogue.tool(tool.name) for tool in tools}
    # A name that calls use stays with its tool while the document has that tool: no other takes it.
    owner = {alias: name for name, one in stand.items() if one for alias in one.aliases}
    taken = {tool.name for tool in tools}
    made, kept, skipped = list[Tool](), dict[str, tuple[str, ...]](), list[tuple[str, str]]()
    names = set[str]()
    for tool in tools:
        names.add(tool.name)
        before = stand.get(tool.name)
        body = tool.to_json()
        said = [alias for alias in tool.aliases if owner.get(alias, tool.name) == tool.name]
        stays = {} if before is None else _staying(before, tool)
        held = {*before.aliases} - taken - {*said} if before else set[str]()
        stays["aliases"] = list[Json]([*said, *sorted(held)])
        changed = {key: value for key, value in stays.items() if body.get(key, []) != value}
        try:
            made.append(Tool.from_json({**body, **changed}))
        except MalformedError as error:
            named = ", ".join(changed)
            skipped.append((tool.name, f"it cannot keep what was set by hand ({named}): {error}"))
            continue
        if changed:
            kept[tool.name] = tuple(changed)
    gone = (
        name
        for name in catalogue.history
        if name not in names and prefix and name.rpartition(".")[0] == prefix
    )
    return Reimport(tuple(made), kept, tuple(skipped), tuple(sorted(gone)))


def _staying(before: Tool, tool: Tool) -> dict[str, Json]:
    """Return the fields of a definition that stand beside what a document says."""
    stands, said = before.to_json(), tool.to_json()
    stays = {key: stands[key] for key in _UNSTATED}
    stays["labels"] = list[Json](sorted({*before.labels, *tool.labels}))
    stays["sensitivity"] = max(before.sensitivity, tool.sensitivity)
    stays["effect"] = max(before.effect, tool.effect, key=EFFECTS.index)
    stays["system"] = said["system"] or stands["system"]
    return stays


def without_aliases(tool: Tool) -> Tool:
    """Return the definition without the names that it has elsewhere."""
    return Tool.from_json({**tool.to_json(), "aliases": []})


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
