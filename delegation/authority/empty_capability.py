"""Finds empty capabilities: those that admit no call of any tool that they are for.

They give nothing away, so no law is broken; but whoever wrote one meant to grant something, and would
learn only from denials that it does not. What is compared is what no value of a call can help.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from delegation.authority.arguments.member import shown_name
from delegation.authority.capability import Capability
from delegation.authority.catalogue import Tool
from delegation.authority.constraints import Missing
from delegation.authority.pattern import segments_overlap
from delegation.authority.prohibition import can_fit
from delegation.authority.refusal import Refusal
from delegation.canonical import Json
from delegation.shown import shown_text

_SHOWN: Final = 120  # characters of a segment in a remedy; a pattern takes no longer ones than 200


@dataclass(frozen=True, slots=True)
class _Why:
    """Why a capability admits no call of one tool."""

    message: str
    place: str
    offered: Json
    allowed: Json
    remedy: str


def refuse_empty(
    capability: Capability,
    tools: Sequence[Tool],
    place: str,
    effects: Sequence[str] | None = None,
) -> Refusal | None:
    """Return why a capability admits no call of any of these tools, or None.

    Not compared: constraints that contradict each other, and templates whose placeholders have more
    values than can be listed.

    Args:
        capability: Whose tools and arguments were looked at (`authority.fit`).
        tools: Those that it is for, at least one.
        place: Path of the capability.
        effects: The grant's, where it must name its tools' own; None where they may be narrower,
            as a link that leaves only what reads.
    """
    found = []
    for tool in tools:
        if (why := _why(capability, tool, effects)) is None:
            return None
        found.append(why)
    first = found[0]
    field = f"{place}.{first.place}" if first.place != "effects" else "effects"
    return Refusal(
        "capability_empty", first.message, field, first.offered, first.allowed, first.remedy
    )


def _why(capability: Capability, tool: Tool, effects: Sequence[str] | None) -> _Why | None:
    if effects is not None and tool.effect not in effects:
        return _Why(
            f"No call of {tool.name} can be allowed: its effect is {tool.effect}, and the grant's "
            f"effects are {' and '.join(effects) or 'none'}.",
            "effects",
            [*effects],
            tool.effect,
            f"Add {tool.effect} to the effects, or leave them unset: they become those of the tools.",
        )
    for name, argument in tool.arguments.items():
        if not argument.required:
            continue
        said, given = shown_name(name), capability.arguments.get(name)
        if given is None or isinstance(given, Missing):
            does = "does not name" if given is None else "forbids"
            return _Why(
                f"No call of {tool.name} can be allowed: it needs the argument {said}, which this "
                f"capability {does}.",
                f"arguments.{name}",
                None if given is None else given.to_json(),
                argument.type.to_json(),
                f"Bound {said} by a constraint, or by anything() where every value will do.",
            )
    if tool.resource is None:
        return None
    # A placeholder fills part of one segment, so any segment that has one may become any other. Of the
    # template's own a segment may be longer than a pattern's: only a wildcard stands for it.
    segments = ["*" if "{" in part else part for part in tool.resource.split("/")]
    meets = (segments_overlap(segments, one.text.split("/")) for one in capability.resources)
    if any(meets) and can_fit(capability, tool):
        return None
    shape = "/".join(part if len(part) <= _SHOWN else "*" for part in segments)
    template = shown_text(tool.resource)
    which = ", ".join(shown_text(pattern.text) for pattern in capability.resources)
    return _Why(
        f"No call of {tool.name} can be allowed: it touches the resource {template}, and this "
        f"capability names {which or 'none'}.",
        "resources",
        [pattern.text for pattern in capability.resources],
        tool.resource,
        f'Name what it may touch, such as resources=["{shown_text(shape)}"].',
    )
