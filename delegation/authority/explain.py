"""Explains a delegation in words: the difference between a parent's grant and its child's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from delegation.authority.capability import Capability
from delegation.authority.constraints.wording import as_json, names
from delegation.authority.fields import PLAIN_NAME
from delegation.authority.flow import words as flow_words
from delegation.authority.grant import Grant
from delegation.cancellation import look

HANDING: Final = "only to be handed on"
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
        ("effects", names(parent.effects) if parent else "", names(child.effects)),
        ("audience", names(parent.audience) if parent else "", names(child.audience)),
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
    held = {as_json(rule.to_json()) for rule in parent.needs_approval} if parent else set()
    added = [as_json(rule.to_json()) for rule in child.needs_approval]
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


def _purpose(purpose: str) -> str:
    return names([purpose]) if purpose else ""


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
            spelled = name if PLAIN_NAME.fullmatch(name) else as_json(name)
            said = [one.wording().short if one else "" for one in (was, now)]
            yield Change(f"{tool}.{spelled}", *said)
    if old is not None and old.resources != new.resources:
        texts = [names(pattern.text for pattern in c.resources) for c in (old, new)]
        yield Change(f"{tool} resources", *texts)
