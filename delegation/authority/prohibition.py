"""Says in words why a capability prohibits a call, and what would be within it.

Sentences hold nothing of what was sent, for they are kept for good. In a remedy `WHO` stands for
whoever may grant more; whoever knows the chain puts the name there (`asking`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import prod
from typing import Final

from delegation.authority.argument import cut
from delegation.authority.arguments import ArgumentType
from delegation.authority.arguments.argument_type import admits
from delegation.authority.arguments.member import most_alike, place_of, shown_name
from delegation.authority.asked import of_value, refused_part
from delegation.authority.capability import Capability, Prohibition
from delegation.authority.catalogue import Tool
from delegation.authority.constraints import Constraint, Links, Missing
from delegation.authority.constraints.constraint import ABSENT
from delegation.authority.refusal import Refusal
from delegation.canonical import Json
from delegation.shown import shown_text

WHO: Final = "\N{NULL}"  # what no shown value holds: a value's own braces stay as they are
_CHOICES: Final = 256  # combinations of arguments that are tried
_TOOLS: Final = 16  # tool patterns that a refusal shows
_WORDS: Final = 300  # characters of what is asked, within a sentence


def worded(
    found: Prohibition,
    capability: Capability,
    tool: Tool,
    arguments: Mapping[str, Json],
    special: Mapping[str, str],
) -> Refusal:
    """Return the refusal that a prohibition is; its field begins at the capability.

    Args:
        found: What `Capability.prohibitions` found.
        capability: Whose prohibition it is.
        tool: The tool that was called.
        arguments: The call's canonical arguments.
        special: The arguments that hold a special host, with the code that refuses it.
    """
    if found.why == "resource":
        return _resource(found.name, capability, tool)
    name = found.name
    said, field = shown_name(name), f"arguments{place_of(name)}"
    definition = tool.arguments.get(name)
    if found.why == "unnamed":
        way = f"Leave {said} out, or ask {WHO} for a grant that names it."
        if definition is not None and definition.required:
            way = f"Ask {WHO} for a grant that names {said}: {tool.name} needs it."
        return Refusal(
            "argument_not_granted", f"The argument {said} is not granted.", field, arguments[name],
            None, way, "left out",
        )  # fmt: skip
    constraint = capability.arguments[name]
    allowed = cut(constraint.wording(None if definition is None else definition.type).must, _WORDS)
    if found.why == "special":
        return Refusal(
            special[name],
            f"The argument {said} holds a host that only the inside of a network, cloud or machine "
            "answers, and this capability does not name it exactly.",
            field,
            arguments[name],
            constraint.to_json(),
            f"Ask {WHO} for a grant that names it exactly, with host or url.",
            allowed,
        )
    if found.why == "missing":
        way = f"Add {said}: it must be {allowed}. Or ask {WHO} for a grant that does without."
        if definition is None:
            way = f"Ask {WHO} for a grant without {said}, which {tool.name} does not have."
        return Refusal(
            "argument_missing", f"The grant demands the argument {said}, which the call leaves out.",
            field, None, constraint.to_json(), cut(way), allowed,
        )  # fmt: skip
    return _refused(name, constraint, tool, arguments[name], allowed)


def _refused(name: str, constraint: Constraint, tool: Tool, value: Json, allowed: str) -> Refusal:
    definition = tool.arguments[name]
    place, part, finest, of = refused_part(constraint, value, definition.type)
    said, said_part = shown_name(name), shown_name(name + place)
    must = cut(finest.wording(of).must, _WORDS)
    message = f"The argument {said_part} must be {must}."
    leave = not place and not definition.required and constraint.admits(ABSENT)
    # Whoever keeps the one that was broken has to keep those beside it too.
    every = must if place else cut(of_value(constraint).wording(definition.type).must, _WORDS)
    way = f"Make {said_part} {every},{' leave it out,' if leave else ''} or ask {WHO} for more."
    if isinstance(finest, Missing):
        way = f"Leave {said_part} out, or ask {WHO} for a grant that admits it."
    if isinstance(finest, Links):
        message = f"The argument {said_part} holds a link that is not allowed: it must be {must}."
        way = f"Leave that link, which `offered` holds, out of {said_part}; it must be {must}."
    if (definition.required and isinstance(constraint, Missing)) or not _has_value(
        constraint, definition.type
    ):
        way = f"Ask {WHO} for another grant: {tool.name} takes no {said} that this one admits."
    return Refusal(
        "argument_refused", cut(message), f"arguments{place_of(name)}{place}", part,
        constraint.to_json(), cut(way), allowed,
    )  # fmt: skip


def _has_value(constraint: Constraint, of: ArgumentType) -> bool:
    """Return whether the type reads one of the values that are admitted, where they can be listed."""
    values = constraint.finite()
    return values is None or any(admits(of, value) for value in values)


def _resource(resource: str, capability: Capability, tool: Tool) -> Refusal:
    patterns = [pattern.text for pattern in capability.resources]
    allowed = cut(" or ".join(map(shown_text, patterns[:_TOOLS])) or "no resource", _WORDS)
    names = " and ".join(map(shown_name, tool.placeholders))
    way = f"Choose {names} so that the resource is {allowed}, or ask {WHO} for more."
    if not patterns:
        way = f"Ask {WHO} for a grant that names resources: this one is for tools without any."
    elif not can_fit(capability, tool):
        way = f"Ask {WHO} for another grant: no {names} that this one admits makes such a resource."
    return Refusal(
        "resource_not_granted", f"The call touches a resource that is not granted: it must be {allowed}.",
        "resources", resource, [*patterns], cut(way), allowed,
    )  # fmt: skip


def can_fit(capability: Capability, tool: Tool) -> bool:
    """Return whether admitted arguments make a granted resource, where they can be listed."""
    names = [name for name in tool.placeholders if name in capability.arguments]
    choices = [capability.arguments[name].finite() for name in names]
    listed = [values for values in choices if values is not None]
    if len(listed) < len(tool.placeholders) or prod(map(len, listed)) > _CHOICES:
        return True
    for values in product(*listed):
        made = tool.resources_of(dict(zip(names, values, strict=True)))
        if not isinstance(made, Refusal) and all(
            any(pattern.matches(one) for pattern in capability.resources) for one in made
        ):
            return True
    return False


def tool_not_granted(tool: str, capabilities: Sequence[Capability]) -> Refusal:
    """Return the refusal of a tool that a grant does not name; what the caller holds is offered."""
    held, alike = _held(tool, capabilities)
    return Refusal(
        "tool_not_granted", "No capability of the grant names this tool.", "capabilities", tool,
        [*held], f"Ask {WHO} for a capability for {shown_name(tool)}.{alike}",
        cut(", ".join(held)) or "no tool",
    )  # fmt: skip


def tool_unknown(tool: str, capabilities: Sequence[Capability]) -> Refusal:
    """Return the refusal of a tool that the catalogue does not have, now or as the root pins it.

    Only names that the caller's grant holds are offered: the catalogue is not told to holders.
    """
    held, alike = _held(tool, capabilities)
    return Refusal(
        "tool_unknown", "The catalogue revision that the token pins has no such tool.", "tool", tool,
        [*held], f"Ask {WHO} for a new root once the tool is registered.{alike}",
        cut(", ".join(held)) or "no tool",
    )  # fmt: skip


def _held(tool: str, capabilities: Sequence[Capability]) -> tuple[list[str], str]:
    """Return some tools of a grant, and a sentence on the one whose name is most like another's."""
    held = [capability.tool.text for capability in capabilities]
    near = most_alike(tool, held)
    return held[:_TOOLS], f" Call {near} if that is what you mean." if near else ""


def asking(refusal: Refusal, who: str) -> Refusal:
    """Return a refusal whose remedy names who may grant more."""
    return replace(refusal, remedy=refusal.remedy.replace(WHO, who))
