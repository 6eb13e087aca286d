"""Imports a document again: what people set by hand stays, as no document states it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from delegation.authority.catalogue import Catalogue, Tool
from delegation.authority.grant import EFFECTS
from delegation.canonical import Json
from delegation.errors import MalformedError

_UNSTATED: Final = ("domain", "resource", "cost")


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
