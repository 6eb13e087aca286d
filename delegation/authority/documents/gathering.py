"""Gathers what schemas say: with what they are made of, what they refer to, and what their unions come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from delegation.authority.documents.facts import BOUNDS, UNSAID, Facts, Part, own_facts
from delegation.authority.documents.imported import Report, UnmappableError
from delegation.authority.documents.numbers import NeverError
from delegation.authority.documents.parted import of_one_kind
from delegation.authority.documents.references import References, bounds_inside, spelled
from delegation.authority.documents.unions import Union, settled

_MAX_CHAIN: Final = 64  # schemas that one is made of, one in the other
_MOST_LOOKS: Final = 200_000  # at schemas, of a document; one is looked at wherever it is a part
_MOST_PARTS: Final = 1024  # schemas of one member, or of one kind beside each other
_INSIDE: Final = "it stands inside of what is taken as free JSON"
NUMBERS: Final = frozenset({"integer", "fraction"})


class CircleError(Exception):
    """A schema that stands in the circle of references that it is looked at from."""


@dataclass(slots=True)
class Gatherer:
    """Gathers the facts of a document's schemas, each that is referred to once.

    Args:
        references: The document's.
        report: Takes what is kept and lost.
        is_old: Whether what stands beside a `$ref` is ignored, as before 2019.
    """

    references: References
    report: Report
    is_old: bool = False
    _facts: dict[str, Facts] = field(default_factory=dict)

    def together(self, parts: Sequence[Part], inside: frozenset[int] = frozenset()) -> Facts:
        """Return what several schemas say of one value, with its unions settled.

        Args:
            parts: The schemas with their places, one at least.
            inside: The circles of references that the value is inside of.

        Raises:
            NeverError, UnmappableError: As `value`.
        """
        facts = Facts()
        for schema, place in parts:
            facts.meet(self.facts(schema, place, inside))
        if not facts.unions:
            return facts
        return of_one_kind(
            settled(
                facts,
                parts[0][1],
                lambda part: self.facts(*part, inside),
                self._open,
            )
        )

    def _open(self, union: Union, place: str) -> None:
        """Name a union that no type stands for, and count what its hull does not say."""
        names = dict.fromkeys(name for one in union.branches for name in one.fields)
        said = f"; members: {', '.join(names)}" if names else ""
        self.report.leave(place, union.keyword, f"it is one of several{said}")
        for where, key in sorted(union.lost):
            self.report.lose([where], key, "the branches of a union differ in it")
        kinds = {kind for one in union.branches for kind in one.kinds}
        if len(kinds - NUMBERS) + bool(kinds & NUMBERS) > 1:  # free JSON, or text
            for one in union.branches:
                inner = [part for parts in one.fields.values() for part in parts]
                self.lose_parts([*inner, *one.items, *one.others, *one.names])

    def lose_parts(self, parts: Sequence[Part], why: str = _INSIDE) -> None:
        """Count and name the bounds inside of schemas that no type is made of."""
        for where, key in sorted(bounds_inside(parts, self.references)):
            self.report.lose([where], key, why)

    def facts(
        self, schema: Any, place: str, inside: frozenset[int], chain: tuple[str, ...] = ()
    ) -> Facts:
        """Return what a schema and all that it is made of say; unions are not settled."""
        self.report.looks += 1
        if self.report.looks > _MOST_LOOKS:
            raise UnmappableError("the document's schemas are made of one another too many times")
        if schema is True:
            return Facts()
        if schema is False:
            raise NeverError("the schema is false")
        if not isinstance(schema, dict) or len(chain) > _MAX_CHAIN:
            raise UnmappableError(f"{place} is no schema, or one of too many parts")
        facts = Facts()
        if "$ref" in schema:
            facts.meet(self._referred(schema["$ref"], inside, chain))
            if self.is_old:
                if beside := sorted(schema.keys() & BOUNDS):
                    said = ", ".join(beside)
                    self.report.note(place, f"beside a reference nothing counts: {said}")
                return facts
        facts.meet(own_facts(schema, place))
        whole = schema.get("allOf", [])
        if not isinstance(whole, list):
            raise UnmappableError("allOf is no list")
        for part in whole:
            facts.meet(self.facts(part, place, inside, (*chain, "")))
            if facts.most_parts > _MOST_PARTS:
                raise UnmappableError(f"{place} is made of too many parts")
        return facts

    def _referred(self, reference: Any, inside: frozenset[int], chain: tuple[str, ...]) -> Facts:
        target = self.references.target(reference)
        reference = spelled(reference)
        if (circle := self.references.circle(reference)) in inside:
            raise CircleError
        if reference in chain:
            raise UnmappableError("a schema is made of itself")
        if (known := self._facts.get(reference)) is None:
            known = self.facts(target, reference, inside, (*chain, reference))
            known.circles |= {circle} if circle else set()
            self._facts[reference] = known
        elif known.circles & inside:
            raise CircleError
        return known

    def lose_unsaid(self, facts: Facts) -> None:
        """Name the keywords that no type has."""
        for keyword, where in facts.unsaid:
            tell = self.report.lose if keyword in BOUNDS else self.report.leave
            tell(where, keyword, UNSAID[keyword] or "types have no conditions")
