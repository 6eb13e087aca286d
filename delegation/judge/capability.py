"""Step 8, capability: tool, effect, sensitivity, purpose, arguments, resources, cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from delegation.authority.access import Access
from delegation.authority.capability import Capability
from delegation.authority.catalogue import Catalogue, Tool
from delegation.authority.chain import Chain
from delegation.authority.grant import Grant
from delegation.authority.ids import LinkId
from delegation.authority.narrowing import purpose_is_within
from delegation.authority.refusal import Refusal
from delegation.authority.systems import systems_of
from delegation.canonical import Json, same
from delegation.judge.decision import Denial
from delegation.judge.flow import unknown_terms
from delegation.judge.line import Line

STEP = 8


@dataclass(frozen=True, slots=True)
class Clearance:
    """What a call that passed step 8 is: nothing but this may be executed, charged, remembered.

    Args:
        arguments: In canonical form.
        resources: What the call touches.
        cost: By unit, in minor units, without `calls`.
        marks: What it brings into the task's history, see `authority.term`.
        unknown: Terms of the chain's flow rules that the catalogue does not know.
        systems: The systems that the tool acts on, by any definition from the pinned to the present.
        reserved: Units of `cost` that are the holder's most, since only the service will know.
        handed: Links of the chain that admit it by nothing but what their holders may only hand on.
    """

    arguments: Mapping[str, Json]
    resources: tuple[str, ...]
    cost: Mapping[str, int]
    marks: tuple[str, ...] = ()
    unknown: frozenset[str] = frozenset()
    systems: tuple[str, ...] = ()
    reserved: tuple[str, ...] = ()
    handed: frozenset[LinkId] = frozenset()


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
    result = _judge(chain, access, catalogue, reading)
    if isinstance(result, Clearance):
        # Every link's constraints must go with the types, not only the leaf's: one that does not
        # was never the restriction that its delegator meant, whatever a child made of it.
        return _unfit_link(chain, access, catalogue) or _with_handed(
            result, chain, access, catalogue, reading
        )
    # Attribute the refusal to the first link, root first, that refuses this call by itself: the
    # reviewer asks who narrowed it away, not only that the leaf lacks it.
    depth, refusal = _first_refusing(chain, access, catalogue, result, reading)
    return Denial.at(STEP, refusal, link=chain.links[depth].id, depth=depth)


def _first_refusing(
    chain: Chain, access: Access, catalogue: Catalogue, leaf: Refusal, reading: Reading
) -> tuple[int, Refusal]:
    for depth in range(len(chain.links) - 1):
        refusal = _judge(Chain(chain.links[: depth + 1]), access, catalogue, reading)
        if isinstance(refusal, Refusal):
            return depth, refusal
    return len(chain.links) - 1, leaf


def _judge(
    chain: Chain, access: Access, catalogue: Catalogue, reading: Reading
) -> Clearance | Refusal:
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
        return Refusal(
            "tool_unknown",
            "The catalogue revision that the token pins has no such tool.",
            "tool",
            access.tool,
            None,
            "Register the tool, then ask for a new root.",
        )
    refusal = refuse_redefined(then, now) or _attributes(chain.leaf.grant, access, then, now)
    called = refusal or _call(chain.leaf.grant, access, now, reading)
    if isinstance(called, Refusal):
        return called
    # Of a tool that was redefined, both definitions' labels count: the stricter of the two.
    marks = now.marks if then is now else tuple(sorted({*then.marks, *now.marks}))
    labels = catalogue.labels_of(called.resources, pinned)
    if not labels <= set(marks):
        marks = tuple(sorted(labels.union(marks)))
    unknown = unknown_terms(Line(chain), catalogue)
    systems = systems_of(catalogue, access.tool, pinned)
    return replace(called, marks=marks, unknown=unknown, systems=systems)


def named(access: Access, catalogue: Catalogue, pinned: int) -> Access:
    """Return the access by its tool's own name, which alone is judged, counted and recorded.

    What names no tool, or named another one at the pinned revision, stays as it is and is denied.

    Args:
        access: The call, as the proof covers it.
        catalogue: All revisions that the service knows.
        pinned: The revision that the call's root pins.
    """
    return access.by_name(catalogue.names.own_name(access.tool, pinned))


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


def _attributes(grant: Grant, access: Access, then: Tool, now: Tool) -> Refusal | None:
    for tool in (then, now):
        if tool.effect not in grant.effects:
            return Refusal(
                "effect_not_granted",
                "The tool's effect is not granted.",
                "effects",
                tool.effect,
                list(grant.effects),
                f"Ask for a grant with the effect {tool.effect}.",
            )
    sensitivity = max(then.sensitivity, now.sensitivity)
    if sensitivity > grant.max_sensitivity:
        return Refusal(
            "sensitivity_not_granted",
            "The tool is more sensitive than the grant reaches.",
            "max_sensitivity",
            sensitivity,
            grant.max_sensitivity,
            f"Ask for a grant with max_sensitivity {sensitivity}.",
        )
    if not purpose_is_within(access.purpose, grant.purpose):
        return Refusal(
            "purpose_not_granted",
            "The call's purpose is not the grant's, nor below it.",
            "purpose",
            access.purpose,
            grant.purpose,
            "State the purpose that was granted.",
        )
    return None


def _call(grant: Grant, access: Access, tool: Tool, reading: Reading) -> Clearance | Refusal:
    arguments, special = reading.of(tool, access)
    if isinstance(arguments, Refusal):
        return arguments
    resources = tool.resources_of(arguments)
    if isinstance(resources, Refusal):
        return resources
    refusal = _admitting(grant, access.tool, arguments, resources, special)
    if refusal is not None:
        return refusal
    cost = tool.cost_of(arguments)
    if isinstance(cost, Refusal):
        return cost
    for unit, amount in cost.items():
        most = access.max_cost.get(unit, 0)  # a unit that the holder did not name is not agreed to
        if amount > most:
            return Refusal(
                "cost_over_max",
                f"The call costs more {unit} than the holder agreed to.",
                f"max_cost.{unit}",
                amount,
                most,
                f"Sign a proof with max_cost of at least {amount} {unit}.",
            )
    for unit in tool.settled_units:
        if unit not in access.max_cost:
            return Refusal(
                "max_cost_missing",
                f"The call's cost in {unit} is known only after it, and the holder named no most.",
                f"max_cost.{unit}",
                None,
                None,
                f"Sign a proof with max_cost for {unit}.",
            )
        cost[unit] = access.max_cost[unit]
    return Clearance(arguments, resources, cost, reserved=tool.settled_units)


def _unfit_link(chain: Chain, access: Access, catalogue: Catalogue) -> Denial | None:
    tool = catalogue.tool(access.tool)
    for depth, link in enumerate(chain.links):
        for index, capability in enumerate(link.grant.capabilities):
            if tool is not None and capability.tool.matches(tool.name):
                refusal = refuse_unfit(capability, tool)
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
    grant: Grant,
    tool: str,
    arguments: Mapping[str, Json],
    resources: tuple[str, ...],
    special: Mapping[str, str],
) -> Refusal | None:
    """Return None if one capability admits the whole call; else the refusal that helps most."""
    first: tuple[int, Refusal] | None = None
    for index, capability in enumerate(grant.capabilities):
        refusal = capability.prohibits(tool, arguments, resources, special)
        if refusal is None:
            return None
        if refusal.code != "tool_not_granted" and first is None:
            first = (index, refusal)
    if first is not None:
        index, refusal = first
        return Refusal(
            refusal.code,
            refusal.message,
            f"capabilities[{index}].{refusal.field}",
            refusal.offered,
            refusal.allowed,
            refusal.remedy,
        )
    return Refusal(
        "tool_not_granted",
        "No capability of the grant names this tool.",
        "capabilities",
        tool,
        [capability.tool.text for capability in grant.capabilities[:16]],
        f"Ask the delegator for a capability for {tool}.",
    )
