"""What a delegation changed, in words: the difference between a parent's grant and its child's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from delegation import canonical
from delegation.authority import constraints
from delegation.authority.arguments import ArgumentType, ListType, MoneyType, ObjectType
from delegation.authority.arguments.nullable import inner
from delegation.authority.capability import Capability
from delegation.authority.constraints import Constraint
from delegation.authority.constraints.literal import shown
from delegation.authority.fields import PLAIN_NAME
from delegation.authority.flow import words as flow_words
from delegation.authority.grant import Grant
from delegation.cancellation import look

HANDING: Final = "only to be handed on"
_PLAIN: Final = re.compile(r"[^\s,\"“”()]+")
_LAST_SECOND: Final = 253402300799  # 9999-12-31: the calendar of `datetime` ends there


@dataclass(frozen=True, slots=True)
class Change:
    """One field that a link narrowed.

    Args:
        field: Dotted path, such as `mail.send.to` or `budget.calls`.
        before: What the parent holds, in words; empty when it had none.
        after: What the child holds; empty when it was removed.
    """

    field: str
    before: str
    after: str

    def __str__(self) -> str:
        """Return the change as one short line."""
        if not self.after:
            return f"- {self.field}" + (f" {self.before}" if self.before else "")
        if not self.before:
            return f"+ {self.field} {self.after}".rstrip()
        return f"{self.field}: {self.before} → {self.after}"


def differences(parent: Grant | None, child: Grant) -> tuple[Change, ...]:
    """Return what a child's grant narrowed, in the order of the grant's fields.

    Args:
        parent: The grant above, None for a root: then everything it holds counts as given.
        child: The grant of the link.
    """
    look()
    changes = list(_capabilities(parent.capabilities if parent else (), child.capabilities))
    pairs: list[tuple[str, str, str]] = [
        ("effects", _words(parent.effects) if parent else "", _words(child.effects)),
        ("audience", _words(parent.audience) if parent else "", _words(child.audience)),
        ("purpose", _purpose(parent.purpose) if parent else "", _purpose(child.purpose)),
        *(
            (name, spell(getattr(parent, name)) if parent else "", spell(getattr(child, name)))
            for name, spell in (
                ("max_sensitivity", str),
                ("not_before", instant),
                ("expires_at", instant),
                ("delegations_left", str),
            )
        ),
    ]
    changes += [Change(name, before, after) for name, before, after in pairs if before != after]
    changes += _units(parent.budget if parent else {}, child.budget)
    held = {_json(rule.to_json()) for rule in parent.needs_approval} if parent else set()
    added = [_json(rule.to_json()) for rule in child.needs_approval]
    changes += [Change("needs_approval", "", rule) for rule in added if rule not in held]
    sequence = {flow_words(rule) for rule in parent.flow} if parent else set()
    more = [flow_words(rule) for rule in child.flow]
    changes += [Change("flow", "", rule) for rule in more if rule not in sequence]
    return tuple(changes)


def instant(seconds: int) -> str:
    """Return Unix seconds as UTC time."""
    if seconds > _LAST_SECOND:
        return f"second {seconds}"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def words(constraint: Constraint, of: ArgumentType | None = None) -> str:  # one line a kind
    """Return a constraint in a few words, so that no two of one argument read alike.

    What it holds is JSON where it could be taken for a word of ours or for another type, and the
    parts of a combination stand in brackets.

    Args:
        constraint: What is said.
        of: The argument's type where it is known: amounts of money are said with their currency.
    """
    match constraint:
        case constraints.Anything():
            return "anything"
        case constraints.Missing():
            return "absent"
        case constraints.Exact():
            return _said(constraint.value, of)
        case constraints.OneOf():
            return _joined(constraint.values, " or ", "one of ", of=of)
        case constraints.NotOneOf():
            return _joined(constraint.values, ", ", "not ", always=True, of=of)
        case constraints.Range():
            ends = (
                ("> ", constraint.above, constraint.min),
                ("< ", constraint.below, constraint.max),
            )
            return " … ".join(
                _bound(sign, open_, closed, of) for sign, open_, closed in ends
            ).strip()
        case constraints.Length():
            least = f"{constraint.min} to " if constraint.min else "at most "
            return f"{least}{constraint.max} long"
        case constraints.Count():
            least = f"{constraint.min} to " if constraint.min else "at most "
            return f"{least}{constraint.max} of them"
        case constraints.During():
            return "during " + " … ".join(one or "" for one in (constraint.start, constraint.end))
        case constraints.Argv():
            parts = [f"({words(part)})" for part in constraint.head]
            rest = "no more" if constraint.rest is None else f"each ({words(constraint.rest)})"
            return "command " + " ".join([*parts, "then", rest])
        case constraints.Members():
            types = _fields(of)
            parts = [f"{_words([n])} is ({words(p, types.get(n))})" for n, p in constraint.parts]
            return "where " + " and ".join(parts)
        case constraints.Links():
            return f"no links but to {_words(constraint.hosts)}" if constraint.hosts else "no links"
        case constraints.NotBelow():
            return "not under " + _words(constraint.under)
        case constraints.Contains():
            return _joined(constraint.values, ", ", "with ", always=True)
        case constraints.Subset():
            return _joined(constraint.values, ", ", "of ", always=True)
        case constraints.Each():
            return "each " + words(constraint.item, _item(of))
        case constraints.AllOf() | constraints.AnyOf():
            is_all = isinstance(constraint, constraints.AllOf)
            parts = [f"({words(part, of)})" for part in constraint.parts]
            if len(parts) == 1:
                return ("all of " if is_all else "any of ") + parts[0]
            return (" and " if is_all else " or ").join(parts)
        case constraints.PathUnder() | constraints.UrlUnder():
            query = isinstance(constraint, constraints.UrlUnder) and constraint.query
            return "under " + _words(constraint.under) + (" with any query" if query else "")
        case constraints.HostNamed():
            return "host " + _words(constraint.names)
        case constraints.AddressIn():
            return "in " + _words(constraint.networks)
        case constraints.EmailAt():
            said = _words(d if "@" in d else f"@{d}" for d in constraint.domains)
            return f"mail {said}" if said.startswith('"') else said
        case constraints.Glob():
            return "like " + _words(constraint.patterns)
    return "constraint " + _json(constraint.to_json())


def _bound(
    sign: str, exclusive: int | str | None, inclusive: int | str | None, of: ArgumentType | None
) -> str:
    if exclusive is not None:
        return sign + _said(exclusive, of)
    return "" if inclusive is None else _said(inclusive, of)


def _joined(
    values: Iterable[canonical.Json],
    between: str,
    before: str,
    *,
    always: bool = False,
    of: ArgumentType | None = None,
) -> str:
    """Return values as JSON; words of ours before them unless there are several."""
    said = [_said(value, of) for value in values]
    return (before if always or len(said) < 2 else "") + between.join(said)  # noqa: PLR2004  # several


def _words(entries: Iterable[str]) -> str:
    """Return entries as they are, those that hold a separator or a word of ours as JSON."""
    return (
        ", ".join(e if _PLAIN.fullmatch(e) and e != "none" else _json(e) for e in entries) or "none"
    )


def _purpose(purpose: str) -> str:
    return _words([purpose]) if purpose else ""


def _item(of: ArgumentType | None) -> ArgumentType | None:
    of = None if of is None else inner(of)
    return of.of if isinstance(of, ListType) else None


def _fields(of: ArgumentType | None) -> Mapping[str, ArgumentType]:
    of = None if of is None else inner(of)
    return of.members if isinstance(of, ObjectType) else {}


def _said(value: canonical.Json, of: ArgumentType | None) -> str:
    of = None if of is None else inner(of)
    return of.shown(value) if isinstance(of, MoneyType) and type(value) is int else shown(value)


def _json(value: canonical.Json) -> str:
    return canonical.encode(value).decode()


def _units(before: Mapping[str, int], after: Mapping[str, int]) -> list[Change]:
    return [
        Change(f"budget.{unit}", str(before[unit]) if unit in before else "", str(most))
        for unit, most in after.items()
        if before.get(unit) != most
    ]


def _capabilities(
    before: tuple[Capability, ...], after: tuple[Capability, ...]
) -> Iterable[Change]:
    held = {capability.tool.text: capability for capability in before}
    kept = {capability.tool.text for capability in after}
    for tool, lost in held.items():
        if tool not in kept and not any(c.tool.is_within(lost.tool) for c in after):
            yield Change(tool, "", "")
    for capability in after:
        tool = capability.tool.text
        old = held.get(tool)
        if old is None:
            old = next((c for c in before if capability.tool.is_within(c.tool)), None)
            wider = old.tool.text if old is not None else ""
            yield Change("tool", wider, tool)
        yield from _handing(tool, old, capability)
        yield from _arguments(tool, old, capability)


def _handing(tool: str, old: Capability | None, new: Capability) -> Iterable[Change]:
    if new.delegate_only != (old is not None and old.delegate_only):
        said = (HANDING, "") if old is not None and old.delegate_only else ("", HANDING)
        yield Change(f"{tool} use", *said)


def _arguments(tool: str, old: Capability | None, new: Capability) -> Iterable[Change]:
    before = old.arguments if old else {}
    after = new.arguments
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was != now and old is not None:
            spelled = name if PLAIN_NAME.fullmatch(name) else _json(name)
            yield Change(f"{tool}.{spelled}", words(was) if was else "", words(now) if now else "")
    if old is not None and old.resources != new.resources:
        texts = [_words(pattern.text for pattern in c.resources) for c in (old, new)]
        yield Change(f"{tool} resources", *texts)
