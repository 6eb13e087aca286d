"""Fitting guardrails to a catalogue: one that speaks of nothing that there is would hold in silence."""

from __future__ import annotations

from collections.abc import Iterable

from delegation.authority.catalogue import Catalogue
from delegation.authority.fit import matching, refuse_unfit_arguments, refuse_unknown_tools
from delegation.authority.pattern import SegmentPattern
from delegation.authority.refusal import Refusal
from delegation.errors import UnfitError
from delegation.lineage.guardrails.assessment import Guardrail
from delegation.lineage.guardrails.reaching import ArgumentsWithin, NeedsApproval, NeverReach


def refuse_unfit_rules(guardrails: Iterable[Guardrail], catalogue: Catalogue) -> None:
    """Refuse guardrails that name a tool or an argument that there is not, or a bound of another type.

    A pattern with a wildcard may stand for no tool yet: rules are shared, and outlive catalogues.

    Args:
        guardrails: The rules.
        catalogue: All revisions.

    Raises:
        UnfitError: One does.
    """
    for guardrail in guardrails:
        refusal = _refusal(guardrail, catalogue)
        if refusal is not None:
            raise UnfitError(
                refusal.code,
                refusal.field,
                f"The guardrail {guardrail.name!r} does not go with the catalogue. {refusal.message}",
                remedy=refusal.remedy,
            )


def _refusal(guardrail: Guardrail, catalogue: Catalogue) -> Refusal | None:
    condition = guardrail.condition
    named: tuple[SegmentPattern, ...] = ()
    if isinstance(condition, NeverReach | ArgumentsWithin):
        named = condition.tools
    elif isinstance(condition, NeedsApproval):
        named = condition.rule.tools
    literal = [pattern for pattern in named if pattern.is_literal]
    refusal = refuse_unknown_tools(literal, f"{condition.kind}.tools", catalogue)
    if refusal is not None or not isinstance(condition, ArgumentsWithin):
        return refusal
    tools = [tool for pattern in named for tool in matching(pattern, catalogue)]
    if not tools:
        return None
    return refuse_unfit_arguments(condition.arguments, tools, condition.kind)
