"""Checks that a grant goes with the tools it names, so that a mistake is found before any call.

A misspelt argument or a bound of another type restricts nothing that its author meant: every call that
meets it is denied (step 8). Here the same is said in a sentence, wherever a catalogue is at hand.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from delegation.authority.arguments import (
    ArgumentType,
    BooleanType,
    EnumType,
    ListType,
    NoCanonicalFormError,
    ObjectType,
)
from delegation.authority.arguments.nullable import inner
from delegation.authority.capability import Capability
from delegation.authority.catalogue import Catalogue, Tool
from delegation.authority.constraints import (
    EXAMPLES,
    AllOf,
    AnyOf,
    Argv,
    Constraint,
    Contains,
    Each,
    Exact,
    Members,
    NotOneOf,
    OneOf,
    Subset,
)
from delegation.authority.constraints.constraint import MAX_DEPTH
from delegation.authority.constraints.literal import same, shown
from delegation.authority.empty_capability import refuse_empty
from delegation.authority.fields import ARGUMENT_NAME
from delegation.authority.grant import Grant
from delegation.authority.pattern import SegmentPattern
from delegation.authority.refusal import Refusal
from delegation.canonical import Json
from delegation.errors import UnfitError
from delegation.shown import shown_text

UNFIT: Final = frozenset(
    {"tool_unknown", "argument_unknown", "constraint_unfit", "unit_unknown", "capability_empty"}
)
_NEAR: Final = 3  # names that a question offers
_COMPARED: Final = 32  # names that are compared letter by letter
_LISTED: Final = 12  # names that a remedy lists
_LONG: Final = 160  # characters of a constraint in words


def refuse_unfit_grant(
    grant: Grant,
    catalogue: Catalogue,
    at: int | None = None,
    *,
    above: Grant | None = None,
    is_ceiling: bool = False,
) -> Refusal | None:
    """Return why a grant does not go with the tools that it names, or None.

    Each capability and each rule of consent must name a tool that there is, by its own name. Each
    argument must be one of a tool that the capability is for, and its constraint must go with the
    argument's type there. Of a pattern over several tools one that has the argument is enough, and
    calls of those whose type it does not go with are denied as ever. Some call must be possible: every
    argument that a tool needs is named, and what it touches. A budget must be in `calls` or in a unit
    that some tool costs.

    Args:
        grant: What is about to be opened, issued or handed on.
        catalogue: All revisions that are known.
        at: The revision that its root pins; None for the newest.
        above: The grant above it: units of its budget were looked at there, and a capability that is
            its own says nothing new, though no call may be possible by it.
        is_ceiling: Whether its effects must be those of its tools too, where they are set. A link's
            may be fewer: that is how one hands on only what reads.
    """
    effects = grant.effects if is_ceiling and "effects" not in grant.unset else None
    for index, capability in enumerate(grant.capabilities):
        place, is_held = (
            f"capabilities[{index}]",
            above is not None and capability in above.capabilities,
        )
        refusal = _refuse_capability(capability, place, catalogue, at, effects, is_held=is_held)
        if refusal is not None:
            return refusal
    for index, rule in enumerate(grant.needs_approval):
        place = f"needs_approval[{index}].tools"
        if (refusal := refuse_unknown_tools(rule.tools, place, catalogue, at)) is not None:
            return refusal
    return _refuse_budget(grant, catalogue, at, {} if above is None else above.budget)


def raise_unfit(refusal: Refusal | None) -> None:
    """Raise what was refused.

    Raises:
        UnfitError: It is not None.
    """
    if refusal is not None:
        raise UnfitError(refusal.code, refusal.field, refusal.message, remedy=refusal.remedy)


def refuse_unfit_arguments(
    arguments: Mapping[str, Constraint], tools: Sequence[Tool], place: str
) -> Refusal | None:
    """Return why constraints go with the arguments of none of these tools, or None.

    Args:
        arguments: Constraints by argument name.
        tools: At least one.
        place: Path of what holds the constraints.
    """
    whose = tools[0].name if len(tools) == 1 else f"none of {_listed(t.name for t in tools)}"
    for name, constraint in arguments.items():
        having = [tool for tool in tools if name in tool.arguments]
        if not having:
            known = sorted({known for tool in tools for known in tool.arguments})
            near = _near(name, known)
            has = "has no argument" if len(tools) == 1 else "has an argument"
            return Refusal(
                "argument_unknown",
                f'{whose} {has} "{shown_text(name)}"{_question(near)}.',
                f"{place}.arguments.{name}",
                constraint.to_json(),
                [*known[:_LISTED]],
                _instead(near, known, f'Leave "{shown_text(name)}" out: no argument can be given.'),
            )
        if not any(constraint.suits(tool.arguments[name].type) for tool in having):
            return _unfit(name, constraint, having[0], place)
    return None


def refuse_unknown_tools(
    patterns: Iterable[SegmentPattern], place: str, catalogue: Catalogue, at: int | None = None
) -> Refusal | None:
    """Return why one of these patterns stands for no tool, or None."""
    lost = (pattern for pattern in patterns if not matching(pattern, catalogue, at))
    return next((_unknown(pattern, place, catalogue, at) for pattern in lost), None)


def matching(pattern: SegmentPattern, catalogue: Catalogue, at: int | None = None) -> list[Tool]:
    """Return the tools that a pattern stands for, as a revision defines them."""
    names = [pattern.text] if pattern.is_literal else sorted(catalogue.history)
    found = (catalogue.tool(name, at) for name in names if pattern.matches(name))
    return [tool for tool in found if tool is not None]


def _refuse_capability(
    capability: Capability,
    place: str,
    catalogue: Catalogue,
    at: int | None,
    effects: Sequence[str] | None,
    *,
    is_held: bool,
) -> Refusal | None:
    if not (tools := matching(capability.tool, catalogue, at)):
        return refuse_unknown_tools([capability.tool], f"{place}.tool", catalogue, at)
    refusal = refuse_unfit_arguments(capability.arguments, tools, place)
    if refusal is not None or is_held:
        return refusal
    return refuse_empty(capability, tools, place, effects)


def _unknown(pattern: SegmentPattern, place: str, catalogue: Catalogue, at: int | None) -> Refusal:
    text_ = pattern.text
    if meant := catalogue.names.meant(text_, catalogue.revision if at is None else at):
        return Refusal(
            "tool_unknown",
            f"{text_} is an alias of the tool {meant}, and grants speak of a tool by its own name.",
            place,
            text_,
            meant,
            f"Write {meant}.",
        )
    known = [name for name in sorted(catalogue.history) if catalogue.tool(name, at) is not None]
    near = _near(text_, known)
    what = f"no tool {text_}" if pattern.is_literal else f"no tool that {text_} stands for"
    return Refusal(
        "tool_unknown",
        f"The catalogue has {what}{_question(near)}.",
        place,
        text_,
        [*near],
        _instead(
            near, (), "Register the tool first, or name one that `delegation catalogue list` shows."
        ),
    )


def _unfit(name: str, constraint: Constraint, tool: Tool, place: str) -> Refusal:
    of = tool.arguments[name].type
    inmost = _misfit(constraint, of, name)
    said = shown_text(inmost.part.wording(inmost.of).short)
    said = said if len(said) <= _LONG else said[:_LONG] + "…"
    return Refusal(
        "constraint_unfit",
        f'The constraint ({said}) on "{shown_text(inmost.name)}" of {tool.name} does not go with its '
        f"type {inmost.of.name}: {inmost.why}.",
        f"{place}.arguments.{name}",
        constraint.to_json(),
        of.to_json(),
        inmost.remedy,
    )


@dataclass(frozen=True, slots=True)
class _Misfit:
    """The innermost part that does not go with its type: which member's, why, and what would."""

    name: str
    part: Constraint
    of: ArgumentType
    why: str
    remedy: str


def _misfit(constraint: Constraint, of: ArgumentType, name: str) -> _Misfit:
    whole = inner(of)
    parts: list[tuple[str, Constraint, ArgumentType]] = []
    if isinstance(constraint, AllOf | AnyOf):
        parts = [("", part, of) for part in constraint.parts]
    elif isinstance(constraint, Each) and isinstance(whole, ListType):
        parts = [("", constraint.item, whole.of)]
    elif isinstance(constraint, Argv) and isinstance(whole, ListType) and of.name == "argv":
        parts = [("", part, whole.of) for part in constraint.members()]
    elif isinstance(constraint, Members) and isinstance(whole, ObjectType):
        known = whole.members
        for member, part in constraint.parts:
            if member not in known:
                near = _near(member, known)
                why = f'it has no member "{member}"{_question(near)}'
                remedy = _instead(near, sorted(known), f'Leave "{member}" out.')
                return _Misfit(name, constraint, of, why, remedy)
            parts.append((f"{name}.{member}", part, known[member]))
    for inside, part, type_ in parts:
        if not part.suits(type_):
            return _misfit(part, type_, inside or name)
    return _Misfit(name, constraint, of, _why(constraint, of), f"Use {_or(fitting(of))}.")


def _why(constraint: Constraint, of: ArgumentType) -> str:
    whole = inner(of)
    if isinstance(constraint, Contains | Subset) and isinstance(whole, ListType):
        return _of_literals(constraint.values, whole.of)
    if isinstance(constraint, OneOf | NotOneOf):
        return _of_literals(constraint.values, of)
    if isinstance(constraint, Exact):
        return _of_literals((constraint.value,), of)
    return f"{constraint.kind} is no bound of {'an' if of.name[0] in 'aeiou' else 'a'} {of.name}"


def _of_literals(values: Iterable[Json], of: ArgumentType) -> str:
    for value in values:
        said = shown_text(shown(value))[:_LONG]
        try:
            canonical = of.canonicalise(value)
        except NoCanonicalFormError as error:
            return f"no call can offer {said}, since {error}"
        if not same(canonical, value):
            return f"{said} is written {shown_text(shown(canonical))[:_LONG]} there"
    return "its values are of another type"


def fitting(of: ArgumentType, levels: int = MAX_DEPTH) -> Iterator[str]:
    """Yield constraints that go with a type, as they are written in Python.

    Args:
        of: The type.
        levels: How deep they may be nested.
    """
    if isinstance(whole := inner(of), EnumType):
        yield f"one_of({', '.join(ascii(value) for value in whole.values[:_LISTED])})"
    elif isinstance(whole, BooleanType):
        yield "exact(True)"
    elif levels > 1 and isinstance(whole, ObjectType):
        for name, inside in whole.members.items():
            if ARGUMENT_NAME.fullmatch(name):
                yield f"members({{{name!a}: {next(fitting(inside, levels - 1))}}})"
                break
    elif levels > 1 and isinstance(whole, ListType) and of.name != "argv":
        yield f"each({next(fitting(whole.of, levels - 1))})"
    yield from (said for said, one in EXAMPLES if one.suits(of))
    yield "anything()"


def _refuse_budget(
    grant: Grant, catalogue: Catalogue, at: int | None, beside: Mapping[str, int]
) -> Refusal | None:
    stated = [unit for unit in grant.budget if unit != "calls" and unit not in beside]
    if not stated:
        return None
    reached = [tool for c in grant.capabilities for tool in matching(c.tool, catalogue, at)]
    costed = {unit for tool in reached for unit in tool.cost}
    known = {unit for entries in catalogue.history.values() for _, t in entries for unit in t.cost}
    unbounded = sorted(costed - grant.budget.keys())
    for unit in stated:
        if unit in costed or (unit in known and not unbounded):
            continue
        near = unbounded or sorted(costed or known)
        return Refusal(
            "unit_unknown",
            f"No tool of this grant costs {unit}, so the budget of it bounds nothing"
            + (f"; what its tools cost is counted in {_listed(near)}." if costed else "."),
            f"budget.{unit}",
            grant.budget[unit],
            [*near[:_LISTED]],
            f"Bound {near[0]} instead." if costed else f"Leave {unit} out, or bound calls.",
        )
    return None


def _near(name: str, known: Iterable[str]) -> list[str]:
    lower = {one.lower(): one for one in known}
    alike = [*lower]
    if len(lower) > _COMPARED:
        # Pairs of letters first: names of thousands of tools are too many to be compared one by one.
        wanted = _pairs(name.lower())
        alike = sorted(lower, key=lambda one: -len(wanted & _pairs(one)))[:_COMPARED]
    return [lower[one] for one in difflib.get_close_matches(name.lower(), alike, n=_NEAR)]


def _pairs(name: str) -> set[str]:
    return {name[at : at + 2] for at in range(len(name) - 1)}


def _question(near: Sequence[str]) -> str:
    return f" (did you mean {_or(near)}?)" if near else ""


def _instead(near: Sequence[str], known: Sequence[str], other: str) -> str:
    if near:
        return f"Write {near[0]}."
    return f"Use one of {_listed(known)}." if known else other


def _or(texts: Iterable[str]) -> str:
    found = [*texts]
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} or {found[-1]}"


def _listed(texts: Iterable[str]) -> str:
    found = [*texts]
    more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    return ", ".join(found[:_LISTED]) + more
