"""Labels resources: a call on one brings its labels into its task's history.

A tool that reads any table brings `pii` only when it reads the customers'. The operator declares it
by a pattern over resource names, as a revision of the catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from delegation.authority.fields import closed_object, list_of, matching_text
from delegation.authority.flow import LABEL, MAX_LABELS
from delegation.authority.pattern import SegmentPattern, resource_pattern
from delegation.canonical import Json
from delegation.errors import MalformedError

MAX_RESOURCE_LABELS: Final = 512  # patterns; each is held against each resource of a call
_FIELDS: Final = frozenset({"pattern", "labels"})


@dataclass(frozen=True, slots=True, init=False)
class ResourceLabels:
    """What calls that touch resources of one pattern are labelled with.

    Args:
        pattern: Pattern over resource names, such as `db:crm/customers/**`.
        labels: Labels such as `pii`; none takes back what an earlier revision declared, for roots
            that are issued from then on.

    Raises:
        MalformedError: A field has another form.
    """

    pattern: SegmentPattern
    labels: tuple[str, ...]

    def __init__(self, pattern: str, labels: Iterable[str]) -> None:
        if type(pattern) is not str:
            raise MalformedError("pattern", wanted="a pattern over resource names")
        found = {matching_text("labels", label, LABEL, "lower-case words") for label in labels}
        if len(found) > MAX_LABELS:
            raise MalformedError("labels", wanted=f"at most {MAX_LABELS}")
        object.__setattr__(self, "pattern", resource_pattern(pattern))
        object.__setattr__(self, "labels", tuple(sorted(found)))

    def to_json(self) -> dict[str, Json]:
        """Return the declaration's JSON."""
        return {"pattern": self.pattern.text, "labels": list(self.labels)}

    @classmethod
    def from_json(cls, value: Json) -> ResourceLabels:
        """Return the declaration that this JSON states.

        Raises:
            MalformedError: A field is missing, unknown or of another form.
        """
        body = closed_object("A label of resources", value, _FIELDS)
        return cls(body["pattern"], list_of("labels", body["labels"], MAX_LABELS))  # type: ignore[arg-type]  # checked by __init__


def labels_of(
    declared: Iterable[Sequence[tuple[int, ResourceLabels]]], resources: Sequence[str], pinned: int
) -> frozenset[str]:
    """Return the labels of resources: those of every pattern that matches, then and now.

    Every pattern counts, not the longest alone: else a pattern for one file would take a label away
    that its folder has. What was redefined since has both definitions' labels.

    Args:
        declared: For each pattern its definitions, oldest first, with their revisions.
        resources: Names of resources, as a call touches them.
        pinned: The revision that the root pins.
    """
    found: set[str] = set()
    for definitions in declared:
        newest = definitions[-1][1]
        if any(newest.pattern.matches(name) for name in resources):
            found.update(newest.labels)
            before = [labels for revision, labels in definitions if revision <= pinned]
            found.update(before[-1].labels if before else ())
    return frozenset(found)
