"""Reads guardrails from TOML and compares them with the catalogue; an unknown key is refused.

A key that was skipped would be a rule that nobody checks.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from delegation.authority.approval import APPROVER, ApprovalRule
from delegation.authority.catalogue import Catalogue
from delegation.authority.constraints import parse_constraint
from delegation.authority.fields import AUDIENCE, matching_text, units
from delegation.authority.fit import matching, refuse_unfit_arguments, refuse_unknown_tools
from delegation.authority.flow import LABEL, AfterNever
from delegation.authority.grant import EFFECTS, MAX_SENSITIVITY
from delegation.authority.pattern import SegmentPattern, resource_pattern, tool_pattern
from delegation.authority.refusal import Refusal
from delegation.errors import MalformedError, UnfitError
from delegation.lineage.guardrails.assessment import Condition, Guardrail
from delegation.lineage.guardrails.reaching import (
    ArgumentsWithin,
    AudienceWithin,
    BudgetAtMost,
    LastsAtMost,
    MaxChildren,
    MaxLinks,
    NeedsApproval,
    NeverAfter,
    NeverReach,
)

MAX_TEXT: Final = 256 * 1024  # characters of a file
MAX_GUARDRAILS: Final = 256
_HEADER: Final = re.compile(r"^\s*\[\[\s*guardrail\s*\]\]", re.MULTILINE)
_DURATION: Final = re.compile(r"([1-9][0-9]{0,8})([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_ABOUT: Final = frozenset({"name", "why", "holders", "owners"})
_NAME: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,200}")
_WORD: Final = re.compile(r"[a-z0-9._-]{1,64}")
Read = Callable[[str, Any], Condition]


def parse_guardrails(text: str) -> tuple[Guardrail, ...]:
    """Return the guardrails of a TOML text, in its order.

    Raises:
        MalformedError: It is no TOML, holds no guardrail, an unknown key, a value of another form,
            one name twice. The error names the place: number and line of the guardrail, and key.
    """
    if len(text) > MAX_TEXT:
        raise MalformedError("The guardrails", wanted=f"at most {MAX_TEXT} characters")
    try:
        body = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, too
        raise MalformedError("The guardrails", wanted=f"TOML: {error}") from error
    _refuse_unknown("The guardrails", body, {"version", "guardrail"})
    if type(body.get("version")) is not int or body["version"] != 1:
        raise MalformedError("version", wanted="1")
    tables = body.get("guardrail")
    if not isinstance(tables, list) or not 0 < len(tables) <= MAX_GUARDRAILS:
        raise MalformedError("guardrail", wanted=f"1 to {MAX_GUARDRAILS} tables [[guardrail]]")
    # Lines are a help for the eye: they are left out where the text has other headers than tables.
    lines = [text.count("\n", 0, found.end()) + 1 for found in _HEADER.finditer(text)]
    places = [
        f"guardrail {n}" + (f" (line {lines[n - 1]})" if len(lines) == len(tables) else "")
        for n in range(1, len(tables) + 1)
    ]
    made = [_guardrail(place, table) for place, table in zip(places, tables, strict=True)]
    seen: set[str] = set()
    for place, guardrail in zip(places, made, strict=True):
        if guardrail.name in seen:
            raise MalformedError(f"{place}: name", wanted="unlike that of every other guardrail")
        seen.add(guardrail.name)
    return tuple(made)


def _guardrail(place: str, table: Any) -> Guardrail:
    if not isinstance(table, dict):
        raise MalformedError(place, wanted="a table")
    _refuse_unknown(place, table, {*_ABOUT, *_KINDS})
    kinds = [kind for kind in _KINDS if kind in table]
    if len(kinds) != 1:
        raise MalformedError(place, wanted="a table with exactly one of " + ", ".join(_KINDS))
    name = _within(f"{place}: name", lambda: matching_text("", table.get("name"), _NAME, "a text"))
    place = f"{place}: {kinds[0]}"
    return Guardrail(
        name=name,
        condition=_KINDS[kinds[0]](place, table[kinds[0]]),
        holders=_texts(place, table, "holders", _NAME),
        owners=_texts(place, table, "owners", _NAME),
        why=matching_text(f"{place}: why", table.get("why", ""), r"[^\x00-\x1f]{0,500}", "a text"),
    )


def _refuse_unknown(place: str, table: Mapping[str, object], known: set[str]) -> None:
    unknown = sorted(table.keys() - known)
    if unknown:
        wanted = "a table of " + ", ".join(sorted(known))
        raise MalformedError(place, wanted=f"{wanted}, without {unknown[0][:40]!a}")


def _table(place: str, value: Any, known: set[str], *, needs: set[str] | None = None) -> Any:
    if not isinstance(value, dict):
        raise MalformedError(place, wanted="a table of " + ", ".join(sorted(known)))
    _refuse_unknown(place, value, known)
    for key in sorted(needs or set()):
        if key not in value:
            raise MalformedError(f"{place}.{key}", wanted="given")
    return value


def _texts(place: str, table: Mapping[str, Any], key: str, form: re.Pattern[str]) -> Any:
    """Return the texts of a list, which may be left out and may not be empty."""
    if key not in table:
        return ()
    found = table[key]
    if not isinstance(found, list) or not found:
        raise MalformedError(f"{place}.{key}", wanted="a list of at least one text")
    return tuple(matching_text(f"{place}.{key}", one, form, "well-formed texts") for one in found)


def _within(place: str, read: Callable[[], Any]) -> Any:
    """Read a value with the library's own reader, and name the place in the file if it refuses."""
    try:
        return read()
    except MalformedError as error:
        raise MalformedError(place, wanted=error.wanted) from error


def _patterns(place: str, table: Mapping[str, Any], key: str, read: Callable[[str], Any]) -> Any:
    texts = _texts(place, table, key, re.compile(r"[!-~]+"))
    return tuple(_within(f"{place}.{key}", lambda text=text: read(text)) for text in texts)  # type: ignore[misc]  # a default argument binds the loop's text


def _count(place: str, value: Any, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise MalformedError(place, wanted=f"an integer from {least} to {most}")
    return value


def _never_reach(place: str, value: Any) -> Condition:
    known = {"tools", "effects", "labels", "systems", "domains", "resources", "sensitivity_above"}
    table = _table(place, value, known)
    if not table:
        raise MalformedError(place, wanted="a table of at least one of " + ", ".join(sorted(known)))
    above = table.get("sensitivity_above")
    if above is not None:
        above = _count(f"{place}.sensitivity_above", above, 0, MAX_SENSITIVITY)
    return NeverReach(
        tools=_patterns(place, table, "tools", tool_pattern),
        effects=_texts(place, table, "effects", re.compile("|".join(EFFECTS))),
        labels=_texts(place, table, "labels", LABEL),
        systems=_texts(place, table, "systems", _WORD),
        domains=_texts(place, table, "domains", _WORD),
        resources=_patterns(place, table, "resources", resource_pattern),
        sensitivity_above=above,
    )


def _never_after(place: str, value: Any) -> Condition:
    table = _table(place, value, {"after", "never"}, needs={"after", "never"})
    after, never = (_texts(place, table, key, LABEL) for key in ("after", "never"))
    return NeverAfter(_within(place, lambda: AfterNever(after, never)))


def _arguments_within(place: str, value: Any) -> Condition:
    keys = {"tools", "arguments"}
    table = _table(place, value, keys, needs=keys)
    arguments = table["arguments"]
    if not isinstance(arguments, dict) or not arguments:
        raise MalformedError(f"{place}.arguments", wanted="a table of constraints by argument")
    return ArgumentsWithin(
        _patterns(place, table, "tools", tool_pattern),
        {
            name: _within(f"{place}.arguments.{name[:40]}", lambda c=c: parse_constraint(c))  # type: ignore[misc]  # binds the loop's value
            for name, c in arguments.items()
        },
    )


def _needs_approval(place: str, value: Any) -> Condition:
    known = {"tools", "approvers", "quorum"}
    table = _table(place, value, known, needs={"tools", "approvers"})
    tools = _patterns(place, table, "tools", tool_pattern)
    approvers = _texts(place, table, "approvers", APPROVER)
    quorum = table.get("quorum", 1)
    return NeedsApproval(_within(place, lambda: ApprovalRule(tools, approvers, quorum)))


def _audience_within(place: str, value: Any) -> Condition:
    return AudienceWithin(_texts(place, {"list": value}, "list", AUDIENCE))


def _budget_at_most(place: str, value: Any) -> Condition:
    most = _within(place, lambda: units("", value))
    if not most:
        raise MalformedError(place, wanted="a table of at least one unit")
    return BudgetAtMost(most)


def _lasts_at_most(place: str, value: Any) -> Condition:
    wanted = "seconds, or a text such as 90s, 15m, 1h, 7d"
    if type(value) is int and 0 < value <= 10**9:
        return LastsAtMost(value)
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise MalformedError(place, wanted=wanted)
    return LastsAtMost(int(found[1]) * _SECONDS[found[2]])


_KINDS: Final[Mapping[str, Read]] = {
    "never_reach": _never_reach,
    "never_after": _never_after,
    "arguments_within": _arguments_within,
    "needs_approval": _needs_approval,
    "audience_within": _audience_within,
    "budget_at_most": _budget_at_most,
    "lasts_at_most": _lasts_at_most,
    "max_links": lambda place, value: MaxLinks(_count(place, value, 1, 16)),
    "max_children": lambda place, value: MaxChildren(_count(place, value, 0, 10**9)),
}
KINDS: Final = tuple(_KINDS)


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
