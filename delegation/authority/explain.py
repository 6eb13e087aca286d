"""What a delegation changed, in words: the difference between a parent's grant and its child's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from delegation import canonical
from delegation.authority.capability import Capability
from delegation.authority.grant import Grant


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
    changes = list(_capabilities(parent.capabilities if parent else (), child.capabilities))
    pairs: list[tuple[str, str, str]] = [
        ("effects", _words(parent.effects) if parent else "", _words(child.effects)),
        ("audience", _words(parent.audience) if parent else "", _words(child.audience)),
        ("purpose", parent.purpose if parent else "", child.purpose),
        *(
            (name, str(getattr(parent, name)) if parent else "", str(getattr(child, name)))
            for name in ("max_sensitivity", "not_before", "expires_at", "delegations_left")
        ),
    ]
    changes += [Change(name, before, after) for name, before, after in pairs if before != after]
    changes += _units(parent.budget if parent else {}, child.budget)
    for name in ("needs_approval", "flow"):
        held = {_json(rule.to_json()) for rule in getattr(parent, name)} if parent else set()
        added = [_json(rule.to_json()) for rule in getattr(child, name)]
        changes += [Change(name, "", rule) for rule in added if rule not in held]
    return tuple(changes)


def _words(entries: Iterable[str]) -> str:
    return ", ".join(entries) or "none"


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
    for tool in held:
        if tool not in kept and not any(c.tool.is_within(held[tool].tool) for c in after):
            yield Change(tool, "", "")
    for capability in after:
        tool = capability.tool.text
        old = held.get(tool)
        if old is None:
            old = next((c for c in before if capability.tool.is_within(c.tool)), None)
            wider = old.tool.text if old is not None else ""
            yield Change("tool", wider, tool)
        yield from _arguments(tool, old, capability)


def _arguments(tool: str, old: Capability | None, new: Capability) -> Iterable[Change]:
    before = {name: _json(c.to_json()) for name, c in old.arguments.items()} if old else {}
    after = {name: _json(c.to_json()) for name, c in new.arguments.items()}
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name) and old is not None:
            yield Change(f"{tool}.{name}", before.get(name, ""), after.get(name, ""))
    if old is not None and old.resources != new.resources:
        texts = [_words(pattern.text for pattern in c.resources) for c in (old, new)]
        yield Change(f"{tool} resources", *texts)
