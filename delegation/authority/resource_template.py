"""Fills resource templates: names the resources of a call from its canonical arguments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from delegation.authority.argument import Argument
from delegation.authority.arguments.text import reads_one_way
from delegation.authority.fields import matching_text
from delegation.authority.refusal import Refusal
from delegation.canonical import Json
from delegation.errors import MalformedError

MAX_CALL_RESOURCES: Final = 256  # resources that one call may touch through list arguments
_TEMPLATE: Final = re.compile(r"[A-Za-z0-9._~:@+/{}-]{1,256}", re.ASCII)
_PLACEHOLDER: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_-]{0,63})\}")
# Values are percent-encoded, so these stand in a segment only where the template has them.
_BETWEEN_NOTHING_ELSE: Final = re.compile(r"\}[^/{}:@+]*\{")


def placeholders(template: str | None, arguments: Mapping[str, Argument]) -> tuple[str, ...]:
    """Return the arguments that a template names, in their order; none without a template.

    Not checked here: that different arguments make different names (`refuse_ambiguous`).

    Raises:
        MalformedError: It is no template, or names an argument that is optional or unknown.
    """
    if template is None:
        return ()
    matching_text("resource", template, _TEMPLATE, "segments with {argument} placeholders")
    names = tuple(dict.fromkeys(_PLACEHOLDER.findall(template)))
    bare = _PLACEHOLDER.sub("x", template)
    if "{" in bare or "}" in bare or any(s in {"", ".", ".."} for s in bare.split("/")):
        raise MalformedError("resource", wanted="segments with {argument} placeholders")
    for name in names:
        argument = arguments.get(name)
        if argument is None or not argument.required or argument.is_nullable:
            raise MalformedError(
                "resource", wanted="a template of required arguments, none nullable"
            )
    return names


def refuse_ambiguous(template: str | None) -> None:
    """Refuse a template that makes one name of different arguments, as `{a}-{b}` does.

    Raises:
        MalformedError: Nothing between two placeholders of a segment is held by the template alone.
    """
    if template is not None and _is_ambiguous(template):
        raise MalformedError(
            "resource", wanted="a template with :, @ or + between placeholders of one segment"
        )


def _is_ambiguous(template: str) -> bool:
    return _BETWEEN_NOTHING_ELSE.search(template) is not None


def filled(
    template: str, names: tuple[str, ...], canonical: Mapping[str, Json]
) -> tuple[str, ...] | Refusal:
    """Return every resource that a template makes, or why it makes none.

    Everything else in a value than letters, digits and `-._~` is percent-encoded, so no value can
    add a segment, a separator or a wildcard. An ambiguous template, which a catalogue may hold from
    before they were refused, makes none.

    Args:
        template: The template.
        names: Its placeholders.
        canonical: The call's canonical arguments.
    """
    if _is_ambiguous(template):
        return Refusal(
            "resource_ambiguous",
            "The tool's resource template makes one name of different arguments.",
            "resources",
            None,
            template,
            "Define the tool anew, with :, @ or + between the placeholders of one segment.",
        )
    made = [template]
    for placeholder in names:
        value = canonical[placeholder]
        items = value if isinstance(value, list) else [value]
        if not items or len(items) * len(made) > MAX_CALL_RESOURCES:
            return _unfillable(placeholder, "names no resource, or too many")
        more = []
        for item in items:
            if not isinstance(item, str | int) or isinstance(item, bool) or item == "":
                return _unfillable(placeholder, "cannot stand in a resource name")
            if not reads_one_way(item):
                # Labels and grants go by the name: it must be the one that the system behind sees.
                return _unfillable(placeholder, "is no text in normal form C, without hidden marks")
            text = quote(str(item), safe="")
            more += [name.replace("{" + placeholder + "}", text) for name in made]
        made = more
    if any(segment in {"", ".", ".."} for name in made for segment in name.split("/")):
        return _unfillable(names[0], "makes an empty or dot segment")
    return tuple(dict.fromkeys(made))


def _unfillable(argument: str, why: str) -> Refusal:
    return Refusal(
        "resource_unfillable",
        f'The argument "{argument}" {why}.',
        f"arguments.{argument}",
        remedy=f"Send a {argument} that names one resource.",
    )
