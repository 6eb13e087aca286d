"""Name the systems of tools, by every definition that counts: what was ended with one stays ended."""

from __future__ import annotations

from delegation.authority.catalogue import Catalogue


def systems_of(catalogue: Catalogue, name: str, since: int = 0) -> tuple[str, ...]:
    """Return every system that a tool's definitions name, in force at a revision or after it.

    What was ended with a system does not stand again because a later definition names another.

    Args:
        catalogue: All definitions.
        name: Exact tool name.
        since: The first revision that counts; 0 for all there ever were.
    """
    entries = catalogue.history.get(name, ())
    if len(entries) == 1:
        return (entries[0][1].system,) if entries[0][1].system else ()
    first = max((n for n, (at, _) in enumerate(entries) if at <= since), default=0)
    systems = (tool.system for _, tool in entries[first:])
    return tuple(dict.fromkeys(system for system in systems if system))


def tools_of(catalogue: Catalogue, kind: str, name: str) -> tuple[str, ...]:
    """Return the names of the tools that a subject of the kind `tool` or `system` speaks of.

    Of a system those of which any definition ever named it.
    """
    if kind == "tool":
        return (name,) if name in catalogue.history else ()
    known = sorted(catalogue.history)
    return tuple(tool for tool in known if name in systems_of(catalogue, tool))
