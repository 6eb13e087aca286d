"""Matches a call with the capability: tool, effect, arguments, resources, cost. Step 8."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from delegation.authority.access import Access
from delegation.authority.capability import Capability, Prohibition
from delegation.authority.catalogue import Catalogue, Tool
from delegation.authority.chain import Chain
from delegation.authority.grant import Grant
from delegation.authority.ids import LinkId
from delegation.authority.narrowing import purpose_is_within
from delegation.authority.prohibition import (
    WHO,
    asking,
    tool_not_granted,
    tool_unknown,
    worded,
)
from delegation.authority.refusal import Refusal
from delegation.canonical import Json, same
from delegation.judge.decision import UNASKED, Denial
from delegation.judge.flow import unknown_terms
from delegation.judge.line import OPENER, Line, set_at, who_granted
from delegation.judge.subject import Subject, definition_subjects, named_by, tool_subjects

STEP = 8


@dataclass(frozen=True, slots=True)
class Clearance:
    """What a call that passed step 8 is: nothing but this may be executed, charged, remembered.

    Args:
        arguments: In canonical form.
        resources: What the call touches.
        cost: By unit, in minor units, without `calls`.
        marks: What it brings into the task's history, see `authority.flow`.
        unknown: Terms of the chain's flow rules that the catalogue does not know.
        named: The subjects that its tool is, by any definition from the pinned to the present.
        reserved: Units of `cost` that are the holder's most, since only the service will know.
        handed: Links of the chain that admit it by nothing but what their holders may only hand on.
        unasked: Steps before the transaction that nothing was configured for.
    """

    arguments: Mapping[str, Json]
    resources: tuple[str, ...]
    cost: Mapping[str, int]
    marks: tuple[str, ...] = ()
    unknown: frozenset[str] = frozenset()
    named: tuple[Subject, ...] = ()
    reserved: tuple[str, ...] = ()
    handed: frozenset[LinkId] = frozenset()
    unasked: frozenset[int] = UNASKED


class Reading:
    """A call's arguments in canonical form: made when they are first asked for, and once.

    The form is the tool's and the call's alone, so every link of every chain is judged by the same.
    """

    def __init__(self) -> None:
        """Begin with nothing read."""
        self._made: tuple[Tool, Access, dict[str, Json] | Refusal, dict[str, str]] | None = None

    def of(self, tool: Tool, access: Access) -> tuple[dict[str, Json] | Refusal, dict[str, str]]:
        """Return the canonical arguments, or why they have none, and those that hold a special host."""
        if self._made is None or self._made[0] is not tool or self._made[1] is not access:
            special: dict[str, str] = {}
            self._made = (tool, access, tool.canonicalise(access.arguments, special), special)
        return self._made[2], self._made[3]


def judge_capability(
    chain: Chain, access: Access, catalogue: Catalogue, reading: Reading | None = None
) -> Clearance | Denial:
    """Return the call's clearance, or why the leaf's grant does not admit it.

    Not checked here: time and audience (step 7), what is already spent (step 12).

    Args:
        chain: The verified chain; its root pins the catalogue revision.
        access: The call, `named`.
        catalogue: All revisions that the service knows.
        reading: What other chains of the same call were judged by.
    """
    reading = reading or Reading()
    if isinstance(result := _judge(chain, access, catalogue, reading), Clearance):
        # Every link's constraints must go with the types, not only the leaf's: one that does not
        # was never the restriction that its delegator meant, whatever a child made of it.
        return _unfit_link(chain, access, catalogue) or _with_handed(
            result, chain, access, catalogue, reading
        )
    return result


def _judge(
    chain: Chain, access: Access, catalogue: Catalogue, reading: Reading
) -> Clearance | Denial:
    if isinstance(definitions := _definitions(chain, access, catalogue), Refusal):
        return Denial.at(STEP, definitions, link=chain.root.id, depth=0)
    then, now = definitions
    # What no value of the call can help is named first, and where it was narrowed away first.
    denial = _not_held(chain, then, now) or _other_purpose(chain, access)
    if denial is not None:
        return denial
    if isinstance(called := _call(chain, access, now, reading), Denial):
        return called
    pinned = chain.origin.catalogue
    # Of a tool that was redefined, both definitions' labels count: the stricter of the two.
    marks = now.marks
    named = definition_subjects(named_by(now))
    if then is not now:
        marks = tuple(sorted({*then.marks, *now.marks}))
        named = tool_subjects(catalogue, access.tool, pinned)
    labels = catalogue.labels_of(called.resources, pinned) if catalogue.resources else set[str]()
    if not labels <= set(marks):
        marks = tuple(sorted(labels.union(marks)))
    unknown = unknown_terms(Line(chain), catalogue)
    return replace(called, marks=marks, unknown=unknown, named=named)


def _definitions(chain: Chain, access: Access, catalogue: Catalogue) -> tuple[Tool, Tool] | Refusal:
    """Return the tool as the root pins it and as it is now, or why the call is of none."""
    pinned = chain.origin.catalogue
    if pinned > catalogue.revision:
        return Refusal(
            "catalogue_unknown",
            "The token pins a catalogue revision that this service does not know.",
            "catalogue",
            pinned,
            catalogue.revision,
            "Ask the issuer which service holds that catalogue.",
        )
    then, now = catalogue.tool(access.tool, pinned), catalogue.tool(access.tool)
    if (then is None or now is None) and catalogue.names.is_moved(access.tool, pinned):
        return Refusal(
            "tool_alias_moved",
            "The name was another tool's alias when the root was issued.",
            "tool",
            access.tool,
            None,
            "Name the tool by its own name, or ask for a new root.",
        )
    if then is None or now is None:
        return asking(tool_unknown(access.tool, chain.leaf.grant.capabilities), OPENER)
    return refuse_redefined(then, now) or (then, now)


def refuse_redefined(then: Tool, now: Tool) -> Refusal | None:
    """Refuse a tool whose calls mean something else now than when the grant was made."""
    if then is now:
        return None
    before, after = then.to_json(), now.to_json()
    for name in ("arguments", "resource", "cost"):
        if not same(before[name], after[name]):
            return Refusal(
                "tool_redefined",
                f"The tool's {name} changed since the root was issued.",
                f"catalogue.{name}",
                None,
                None,
                "Ask for a new root under the present catalogue.",
            )
    return None


def _not_held(chain: Chain, then: Tool, now: Tool) -> Denial | None:
    """Return the denial by the first link, root first, that lacks the tool, its effect or its reach.

    Only who delegated that link, or somebody above, can give it: asking at a lower one leads nowhere.
    """
    held = chain.leaf.grant.capabilities
    if _lacking(chain.leaf.grant, held, then, now) is None:  # then no link above lacks it (step 5)
        return None
    for depth, link in enumerate(chain.links):
        if (refusal := _lacking(link.grant, held, then, now)) is not None:
            return _denied(chain, depth, refusal)
    return None


def _lacking(grant: Grant, held: Sequence[Capability], then: Tool, now: Tool) -> Refusal | None:
    """Return what a grant lacks for any call of a tool; `held` is what the caller holds instead."""
    for tool in (then, now):
        if tool.effect not in grant.effects:
            return Refusal(
                "effect_not_granted",
                f"The tool's effect, {tool.effect}, is not granted.",
                "effects",
                tool.effect,
                list(grant.effects),
                f"Ask {WHO} for a grant with the effect {tool.effect}.",
                " or ".join(grant.effects) or "no effect",
            )
    if (sensitivity := max(then.sensitivity, now.sensitivity)) > grant.max_sensitivity:
        return Refusal(
            "sensitivity_not_granted",
            f"The tool's sensitivity is {sensitivity}, and the grant reaches {grant.max_sensitivity}.",
            "max_sensitivity",
            sensitivity,
            grant.max_sensitivity,
            f"Ask {WHO} for a grant with max_sensitivity {sensitivity}.",
            f"at most {grant.max_sensitivity}",
        )
    if not any(capability.tool.matches(now.name) for capability in grant.capabilities):
        return tool_not_granted(now.name, held)
    return None


def _other_purpose(chain: Chain, access: Access) -> Denial | None:
    granted = chain.leaf.grant.purpose
    if access.purpose == granted or purpose_is_within(access.purpose, granted):
        return None
    return _denied(
        chain,
        set_at(chain, lambda grant: grant.purpose == granted),
        Refusal(
            "purpose_not_granted",
            f"The call's purpose must be {granted}, or below it.",
            "purpose",
            access.purpose,
            granted,
            f"State the purpose {granted} if it is the call's, or ask {WHO} for another grant.",
            f"{granted}, or below it",
        ),
    )


def _denied(chain: Chain, depth: int, refusal: Refusal) -> Denial:
    return Denial.at(
        STEP, asking(refusal, who_granted(chain, depth)), link=chain.links[depth].id, depth=depth
    )


def _call(chain: Chain, access: Access, tool: Tool, reading: Reading) -> Clearance | Denial:
    arguments, special = reading.of(tool, access)
    if isinstance(arguments, Refusal):
        return Denial.at(STEP, arguments)
    if isinstance(resources := tool.resources_of(arguments), Refusal):
        return Denial.at(STEP, resources)
    if (denial := _admitting(chain, tool, arguments, resources, special)) is not None:
        return denial
    if isinstance(cost := tool.cost_of(arguments), Refusal):
        return Denial.at(STEP, cost)
    for unit, amount in cost.items():
        most = access.max_cost.get(unit, 0)  # a unit that the holder did not name is not agreed to
        if amount > most:
            refusal = Refusal(
                "cost_over_max",
                f"The call costs more {unit} than the {most} that its proof agrees to.",
                f"max_cost.{unit}",
                amount,
                most,
                f"Sign a proof with max_cost {amount} for {unit}, or make a cheaper call.",
                f"at most {most} {unit}",
            )
            return Denial.at(STEP, refusal)
    for unit in tool.settled_units:
        if unit not in access.max_cost:
            refusal = Refusal(
                "max_cost_missing",
                f"The call's cost in {unit} is known only after it, and the holder named no most.",
                f"max_cost.{unit}",
                None,
                None,
                f"Sign a proof with max_cost for {unit}.",
                f"a most for {unit}",
            )
            return Denial.at(STEP, refusal)
        cost[unit] = access.max_cost[unit]
    return Clearance(arguments, resources, cost, reserved=tool.settled_units)


def _unfit_link(chain: Chain, access: Access, catalogue: Catalogue) -> Denial | None:
    if (tool := catalogue.tool(access.tool)) is None:
        return None
    for depth, link in enumerate(chain.links):
        for index, capability in enumerate(link.grant.capabilities):
            refusal = refuse_unfit(capability, tool) if capability.tool.matches(tool.name) else None
            if refusal is not None:
                placed = replace(refusal, field=f"capabilities[{index}].{refusal.field}")
                return Denial.at(STEP, placed, link=link.id, depth=depth)
    return None


def _with_handed(
    cleared: Clearance, chain: Chain, access: Access, catalogue: Catalogue, reading: Reading
) -> Clearance:
    """Return the clearance with the links that hold the call only to hand it on."""
    handing = [
        link
        for link in chain.links
        if any(capability.delegate_only for capability in link.grant.capabilities)
    ]
    tool = catalogue.tool(access.tool) if handing else None
    if tool is None:
        return cleared
    _, special = reading.of(tool, access)
    handed = frozenset(
        link.id
        for link in handing
        if all(
            capability.delegate_only
            or capability.prohibits(tool.name, cleared.arguments, cleared.resources, special)
            for capability in link.grant.capabilities
        )
    )
    return replace(cleared, handed=handed)


def refuse_unfit(capability: Capability, tool: Tool) -> Refusal | None:
    """Refuse a constraint of a kind that does not go with its argument's type.

    It would compare text that nobody canonicalised: a path constraint on plain text admits
    `/data/../etc` under `/data`.
    """
    for name, constraint in capability.arguments.items():
        argument = tool.arguments.get(name)
        if argument is not None and not constraint.suits(argument.type):
            return Refusal(
                "constraint_unfit",
                f"The constraint on {name} does not go with the argument's type.",
                f"arguments.{name}",
                argument.type.to_json(),
                constraint.to_json(),
                f"Constrain {name} by a kind that fits {argument.type.name}.",
            )
    return None


def _admitting(
    chain: Chain,
    tool: Tool,
    arguments: Mapping[str, Json],
    resources: tuple[str, ...],
    special: Mapping[str, str],
) -> Denial | None:
    """Return None if one capability of the leaf admits the whole call; else what is in the way.

    The leaf's own limit is named, since whoever keeps it keeps all those above. Of several
    capabilities the one with the least in its way is spoken of: so one that follows the remedies
    one after the other is never led back to what it changed before.
    """
    call = (tool.name, arguments, resources, special)
    held = chain.leaf.grant.capabilities
    if any(capability.prohibits(*call) is None for capability in held):
        return None
    known = [one for one in held if one.tool.matches(tool.name)]  # some do: see `_not_held`
    capability, found = min(
        ((one, [*one.prohibitions(*call)]) for one in known), key=lambda one: _weight(one[1], tool)
    )
    first = found[0]
    refusal = worded(first, capability, tool, arguments, special)

    def place(grant: Grant) -> int | None:
        return next(
            (
                index
                for index, held in enumerate(grant.capabilities)
                if held.tool.matches(tool.name) and _is_same_limit(held, capability, first)
            ),
            None,
        )

    depth = set_at(chain, lambda grant: place(grant) is not None)
    return _denied(
        chain,
        depth,
        replace(refusal, field=f"capabilities[{place(chain.links[depth].grant)}].{refusal.field}"),
    )


def _weight(found: list[Prohibition], tool: Tool) -> tuple[bool, int]:
    """Return whether no call of the tool gets by, and how much is in the way."""
    hopeless = any(one.why == "unnamed" and tool.arguments[one.name].required for one in found)
    return hopeless, len(found)


def _is_same_limit(held: Capability, leaf: Capability, found: Prohibition) -> bool:
    if found.why == "resource":
        return held.resources == leaf.resources
    return held.arguments.get(found.name) == leaf.arguments.get(found.name)
