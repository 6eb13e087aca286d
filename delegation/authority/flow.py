"""Flow rules: what may not follow what within one task, and how often things may happen.

The rules travel in grants and only accumulate. They are judged at step 11 on the task's history;
until the tracker keeps one, a grant that carries any is denied there (`not_supported_here`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from delegation.authority.fields import closed_object, list_of, matching_text, units
from delegation.canonical import Json
from delegation.errors import MalformedError

LABEL: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")
MAX_LABELS: Final = 32


def _labels(what: str, value: object) -> tuple[str, ...]:
    items = list_of(what, list(value) if isinstance(value, tuple) else value, MAX_LABELS)
    labels = tuple(sorted({matching_text(what, item, LABEL, "a label") for item in items}))
    if not labels:
        raise MalformedError(what, wanted="at least one label")
    return labels


@dataclass(frozen=True, slots=True)
class AfterNever:
    """Once the task has seen one label of `after`, nothing labelled one of `never` may be called.

    Args:
        after: Labels of tools or resources, at least one.
        never: Labels that are refused from then on, at least one.
    """

    after: tuple[str, ...]
    never: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "after", _labels("after", self.after))
        object.__setattr__(self, "never", _labels("never", self.never))

    def implies(self, other: FlowRule) -> bool:
        """Return whether whatever the other refuses, this refuses too."""
        return (
            isinstance(other, AfterNever)
            and set(self.after) >= set(other.after)
            and set(self.never) >= set(other.never)
        )

    def to_json(self) -> dict[str, Json]:
        """Return the rule's JSON."""
        return {"after": list(self.after), "never": list(self.never)}


@dataclass(frozen=True, slots=True)
class AtMost:
    """The task may not count more than so many of each named thing (`writes`, `calls`, ...)."""

    counts: Mapping[str, int]

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", units("at_most", self.counts))
        if not self.counts:
            raise MalformedError("at_most", wanted="at least one count")

    def implies(self, other: FlowRule) -> bool:
        """Return whether whatever the other refuses, this refuses too."""
        return isinstance(other, AtMost) and all(
            name in self.counts and self.counts[name] <= most for name, most in other.counts.items()
        )

    def to_json(self) -> dict[str, Json]:
        """Return the rule's JSON."""
        return {"at_most": dict(self.counts)}


FlowRule: TypeAlias = AfterNever | AtMost


def parse_flow_rule(value: Json) -> FlowRule:
    """Return the flow rule that this JSON states.

    Raises:
        MalformedError: An unknown kind, or a field of another form.
    """
    if isinstance(value, dict) and "at_most" in value:
        return AtMost(closed_object("A flow rule", value, frozenset({"at_most"}))["at_most"])  # type: ignore[arg-type]  # checked by `units`
    body = closed_object("A flow rule", value, frozenset({"after", "never"}))
    return AfterNever(body["after"], body["never"])  # type: ignore[arg-type]  # checked by `_labels`
