"""Proposes a narrower grant from recorded use; every recorded call is judged again under it.

The evidence is not computed from the values that made the proposal: each call is given as it was sent
to the judge that decides live calls, with the chain it was made under and the proposal in place of
the grant. A proposal is never wider than what is held; where narrowing is not proven, nothing is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from delegation.authority.access import Access
from delegation.authority.capability import MAX_RESOURCES, Capability
from delegation.authority.catalogue import Catalogue, Tool
from delegation.authority.chain import Chain
from delegation.authority.constraints import ABSENT, Constraint
from delegation.authority.explain import Change, differences
from delegation.authority.grant import FIELDS, Grant
from delegation.authority.ids import DecisionId
from delegation.authority.narrowing import refuse_replacement
from delegation.authority.pattern import SegmentPattern, resource_pattern
from delegation.cancellation import look
from delegation.canonical import Json
from delegation.errors import MalformedError
from delegation.judge.clearance import clear_call
from delegation.judge.decision import Denial
from delegation.lineage.tightening.generalise import feature, generalise

TightenKind: TypeAlias = Literal["link", "agent", "task"]
FEW_RESOURCES: Final = 8
MINIMUM: Final = 10  # recorded calls below which nothing is proposed, unless told otherwise


@dataclass(frozen=True, slots=True)
class Use:
    """One call that was allowed, as it was recorded.

    Args:
        decision: Its record.
        at: Unix seconds.
        chain: The chain as far as the grant that is to be tightened; its leaf holds that grant.
        below: How many links stood under that one when the call was made.
        access: The call as it was sent; None when it was erased.
        arguments: In canonical form; empty when erased.
        resources: What it touched.
        cost: What it was charged, `calls` included.
    """

    decision: DecisionId
    at: int
    chain: Chain
    below: int
    access: Access | None
    arguments: Mapping[str, Json]
    resources: tuple[str, ...]
    cost: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Refused:
    """A recorded call that the proposal would not allow."""

    decision: DecisionId
    tool: str
    code: str
    caveat: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A narrower grant with its evidence.

    Args:
        held: The grant that is held.
        grant: The narrower one; None when there is none to propose, and then `note` says why.
        calls: How many recorded calls were judged again.
        refused: Those that the proposal would not allow.
        erased: How many calls were recorded whose arguments are erased: they prove nothing.
        since: When the first of the calls was made, Unix seconds; 0 without any.
        until: When the last was made.
        note: Why nothing is proposed.
    """

    held: Grant
    grant: Grant | None
    calls: int
    refused: tuple[Refused, ...]
    erased: int
    since: int
    until: int
    note: str = ""

    @property
    def changes(self) -> tuple[Change, ...]:
        """What the proposal narrows."""
        return () if self.grant is None else differences(self.held, self.grant)


@dataclass(frozen=True, slots=True)
class Tightening:
    """A proposal and what it is for.

    Args:
        kind: `link`, or `task` for a ceiling.
        id: The link or task.
        holder: The link's holder as it was claimed; empty for a task.
        proposal: The narrower grant with its evidence.
    """

    kind: TightenKind
    id: str
    holder: str
    proposal: Proposal


def propose(
    held: Grant,
    uses: Sequence[Use],
    catalogue: Catalogue,
    *,
    minimum: int = MINIMUM,
    ignore: int = 0,
    with_budget: bool = False,
) -> Proposal:
    """Return the narrowest grant that recorded use speaks for.

    Kept as they are: the window, rules of consent and of flow. Tools that were never called go;
    a tool that was called less often than `minimum` keeps its arguments and resources.

    Args:
        held: The grant that is held; every use was made under it.
        uses: Allowed calls, in commit order.
        catalogue: All revisions.
        minimum: How many calls must be there.
        ignore: Leave out what occurs in no more calls than this: tools, domains, folders, hosts.
            The calls that are refused for it are listed.
        with_budget: Whether to lower budgets to what was used; only with the whole history.
    """
    known = [use for use in uses if use.access is not None]
    erased = len(uses) - len(known)
    at = [use.at for use in known]
    bare = Proposal(held, None, len(known), (), erased, min(at, default=0), max(at, default=0))
    if len(known) < max(minimum, 1):
        wanted = f"{max(minimum, 1)} calls with their arguments are needed"
        return replace(bare, note=f"{wanted}, {len(known)} are recorded.")
    kept = _common(known, catalogue, ignore)
    if not kept:
        return replace(bare, note=f"Nothing occurs in more than {ignore} calls.")
    grant = _grant(held, kept, catalogue, minimum, uses if with_budget else ())
    if refuse_replacement(grant, held) is not None:
        return replace(bare, note="No grant was proven to be narrower.")
    return replace(bare, grant=grant, refused=tuple(replay(grant, known, catalogue)))


def replay(grant: Grant, uses: Iterable[Use], catalogue: Catalogue) -> Iterable[Refused]:
    """Return the calls that steps 7 and 8 refuse when the grant stands in the held one's place."""
    for use in uses:
        if use.access is None:
            continue
        leaf = replace(use.chain.leaf, grant=grant)
        chain = Chain((*use.chain.links[:-1], leaf))
        found = clear_call(chain, use.access, catalogue, use.at)
        if isinstance(found, Denial):
            yield Refused(use.decision, use.access.tool, found.code, found.caveat)


def _common(uses: Sequence[Use], catalogue: Catalogue, ignore: int) -> list[Use]:
    """Return the uses without those that have anything rare about them."""
    if ignore <= 0:
        return list(uses)
    marks = {use.decision: _marks(use, catalogue) for use in uses}
    counts = Counter(mark for found in marks.values() for mark in found)
    return [use for use in uses if all(counts[mark] > ignore for mark in marks[use.decision])]


def _marks(use: Use, catalogue: Catalogue) -> set[tuple[str, str, str]]:
    look()
    tool = _tool(use, catalogue)
    found = {(tool.name, "", "")}
    for name, value in use.arguments.items():
        argument = tool.arguments.get(name)
        mark = None if argument is None else feature(value, argument.type)
        if mark is not None:
            found.add((tool.name, name, mark))
    return found


def _tool(use: Use, catalogue: Catalogue) -> Tool:
    name = use.access.tool if use.access is not None else ""
    tool = catalogue.tool(name)
    if tool is None:
        raise MalformedError("A recorded call", wanted="one of a tool that the catalogue has")
    return tool


def _definitions(use: Use, catalogue: Catalogue) -> Iterable[Tool]:
    now = _tool(use, catalogue)
    then = catalogue.tool(now.name, use.chain.origin.catalogue)
    return (now,) if then is None else (then, now)


def _grant(
    held: Grant, uses: Sequence[Use], catalogue: Catalogue, minimum: int, charged: Sequence[Use]
) -> Grant:
    groups: dict[tuple[int, str], list[Use]] = {}
    for use in uses:
        look()
        place = _admitting(held, use)
        if place is not None:
            groups.setdefault((place, _tool(use, catalogue).name), []).append(use)
    # As they are defined now and as the roots pin them: the judge asks for both.
    tools = [tool for use in uses for tool in _definitions(use, catalogue)]
    capabilities = [
        _capability(held.capabilities[place], mine, catalogue, minimum)
        for (place, _), mine in sorted(groups.items(), key=lambda group: group[0])
    ]
    accesses = [use.access for use in uses if use.access is not None]
    audience = sorted({access.audience for access in accesses} & set(held.audience))
    fields: dict[str, object] = {name: getattr(held, name) for name in FIELDS}
    fields |= {
        "capabilities": capabilities,
        "effects": sorted({tool.effect for tool in tools} & set(held.effects)),
        "max_sensitivity": min(
            max((tool.sensitivity for tool in tools), default=0), held.max_sensitivity
        ),
        "audience": audience,
        "purpose": _purpose(held.purpose, {access.purpose for access in accesses}),
        "delegations_left": min(max(use.below for use in uses), held.delegations_left),
    }
    if charged:
        fields["budget"] = _budget(held, charged)
    try:
        return Grant(**fields)  # type: ignore[arg-type]  # by name, as the held grant has them
    except MalformedError:  # more caveats than a grant may have: only what was never used goes
        places = sorted({place for place, _ in groups})
        return Grant(**{**fields, "capabilities": [held.capabilities[n] for n in places]})  # type: ignore[arg-type]


def _admitting(held: Grant, use: Use) -> int | None:
    """Return the place of the capability that admitted the whole call."""
    if use.access is None:
        return None
    # What may only be handed on comes last: it never admitted a call of its own holder.
    for place, capability in sorted(
        enumerate(held.capabilities), key=lambda one: one[1].delegate_only
    ):
        if capability.prohibits(use.access.tool, use.arguments, use.resources) is None:
            return place
    return None


def _capability(
    held: Capability, uses: Sequence[Use], catalogue: Catalogue, minimum: int
) -> Capability:
    tool = _tool(uses[0], catalogue)
    if len(uses) < minimum:
        return held.narrow(tool.name)
    arguments: dict[str, Constraint] = {}
    for name, constraint in held.arguments.items():
        argument = tool.arguments.get(name)
        values = [use.arguments.get(name, ABSENT) for use in uses]
        if argument is None or all(value is ABSENT for value in values):
            if not constraint.admits(ABSENT):
                arguments[name] = constraint
            continue  # never given: not named any more, so it must stay away
        arguments[name] = generalise(values, argument.type, constraint)
    touched = sorted({resource for use in uses for resource in use.resources})
    child = Capability(
        SegmentPattern(tool.name, "."),
        _resources(touched, held.resources),
        arguments,
        held.delegate_only,
    )
    # The same rule that a verifier applies; were it not met, the tool alone is narrowed.
    return held.narrow(tool.name) if held.refuses_child(child) is not None else child


def _resources(
    touched: Sequence[str], held: Sequence[SegmentPattern]
) -> tuple[SegmentPattern, ...]:
    """Return patterns for resources: each by name while they are few, else by what is alike."""
    found: dict[str, SegmentPattern] = {}
    for pattern in held:
        mine = [name for name in touched if pattern.matches(name)]
        touched = [name for name in touched if name not in mine]
        if not mine:
            continue
        for one in _alike(mine):
            kept = one if one is not None and one.is_within(pattern) else pattern
            found[kept.text] = kept
    return tuple(found.values())[:MAX_RESOURCES]


def _alike(names: Sequence[str]) -> list[SegmentPattern | None]:
    split = [name.split("/") for name in names]
    if len(names) > FEW_RESOURCES:
        if len({len(parts) for parts in split}) != 1:
            return [None]
        columns = zip(*split, strict=True)
        split = [[column[0] if len(set(column)) == 1 else "*" for column in columns]]
    found: list[SegmentPattern | None] = []
    for parts in split:
        try:
            found.append(resource_pattern("/".join(parts)))
        except MalformedError:  # a name that no pattern can spell: what is held stays
            found.append(None)
    return found


def _purpose(held: str, used: set[str]) -> str:
    """Return the longest purpose that all of the used ones are or lie below."""
    parts = [purpose.split("/") for purpose in used]
    common = []
    for column in zip(*parts, strict=False):
        if len(set(column)) != 1:
            break
        common.append(column[0])
    found = "/".join(common)
    return found if len(found) >= len(held) else held


def _budget(held: Grant, uses: Sequence[Use]) -> dict[str, int]:
    spent: Counter[str] = Counter()
    for use in uses:
        spent.update(dict(use.cost))
    units = {"calls", *held.budget, *spent}
    return {unit: min(spent[unit], held.budget.get(unit, spent[unit])) for unit in sorted(units)}


__all__ = [
    "MINIMUM",
    "Proposal",
    "Refused",
    "TightenKind",
    "Tightening",
    "Use",
    "propose",
    "replay",
]
