"""Imports free JSON for values that no type describes, and reports what is lost by that."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final, cast

from delegation.authority.arguments.free import JsonType
from delegation.authority.documents.facts import Facts, equal
from delegation.authority.documents.gathering import NUMBERS, Gatherer
from delegation.authority.documents.imported import UnmappableError
from delegation.authority.documents.inputs import Place
from delegation.authority.documents.parted import KINDS as PARTS
from delegation.authority.documents.texts import text_type
from delegation.authority.documents.unions import one_of_them
from delegation.canonical import Json

_KINDS: Final = {
    "object": "object", "array": "list", "string": "text", "integer": "number",
    "fraction": "number", "boolean": "boolean",
}  # fmt: skip


FREE_KINDS: Final = {kind: _KINDS.get(kind, "number") for kind in PARTS}
"""What kinds of values free JSON calls what `parted` tells apart."""


class Freeing(Gatherer):
    """Makes free JSON of what is known of a value, and names what is not kept."""

    __slots__ = ()

    def free(self, facts: Facts, at: Place, place: str) -> Json:
        """Return the type of free JSON of the kinds that the facts admit, of text where only text can go.

        Args:
            facts: What is known of the value.
            at: Where it goes.
            place: Where notes are.

        Raises:
            UnmappableError: It is an object that no text stands for.
        """
        kinds = facts.kinds
        if at.kind != "body" and not (
            at.kind == "query" and kinds and kinds <= {"object", "array"}
        ):
            if kinds == {"object"}:
                raise UnmappableError(f"{place} is a free object outside of a body")
            self.report.note(place, "it may have several types; it is sent as text")
            self.lose_facts(facts, "it is sent as text")
            return text_type(Facts(), at, place, self.report)
        free = JsonType()
        body: dict[str, Json] = {
            "type": "json", "bytes": free.bytes, "depth": free.depth, "count": free.count,
        }  # fmt: skip
        if kinds and len(kinds | NUMBERS) < len(_KINDS):
            body["kinds"] = cast("Json", sorted({_KINDS[kind] for kind in kinds}))
        kept = set()
        if kinds == {"object"} and not facts.fields and facts.is_closed:
            body |= {"depth": 1, "count": 0}
            kept.add("maxProperties")
        if len(kinds & NUMBERS) == 1:
            self.report.note(
                place, "it is taken as free JSON: that its numbers are whole is not kept"
            )
        if facts.items or facts.fields or facts.others or (facts.is_closed and not kept):
            self.report.note(place, "it is taken as free JSON: what it says of members is not kept")
        self.lose_facts(facts, "it is taken as free JSON", kept)
        return body

    def with_items(self, facts: Facts, high: int, place: str) -> Facts:
        """Return the facts of a list whose items may be what any place of it may hold.

        Args:
            facts: What is said of the list.
            high: How many items it has at most.
            place: Where notes are.
        """
        items = facts.items
        for prefix, rest in facts.prefixes:
            several = [*prefix, rest] if high > len(prefix) and rest[0] is not False else prefix
            if several:
                items = [*items, *one_of_them([[part] for part in several])]
            if any(not equal(part[0], several[0][0]) for part in several):
                self.report.leave(place, "prefixItems", "all items of a list have one type")
                self.lose_parts(several, "all items of a list have one type")
        return replace(facts, prefixes=[], items=items) if facts.prefixes else facts

    def count_members(self, facts: Facts, needed: int, count: int, place: str) -> None:
        """Count what is said of how many members an object has, and name what is not kept.

        Args:
            facts: What is said of it.
            needed: How many members a value must have.
            count: How many it may have.
            place: Where notes are.
        """
        if facts.others:
            self.report.note(place, "members beyond those that it names are refused")
        self.report.keep(facts.said.get("required", []), "required")
        for key, holds in (
            ("minProperties", facts.bounds.get("minProperties", 0) <= needed),
            ("maxProperties", facts.bounds.get("maxProperties", count) >= count),
        ):
            if holds:
                self.report.keep(facts.said.get(key, []), key)
            else:
                self.report.lose(facts.said[key], key, "objects have no number of members")

    def lose_facts(self, facts: Facts, why: str, kept: Collection[str] = frozenset()) -> None:
        """Count and name what is said of a value, and of all that it holds.

        Args:
            facts: What is said of it.
            why: The reason.
            kept: Keywords that are kept all the same.
        """
        for key, where in facts.said.items():
            if key in kept:
                self.report.keep(where, key)
            else:
                self.report.lose(where, key, why)
        parts = [part for some in facts.fields.values() for part in some]
        self.lose_parts([*parts, *facts.items, *facts.others, *facts.names])
        for one in facts.apart.values():
            self.lose_facts(one, why)


def free_of(kind: str) -> Json:
    """Return the type of all free values of a kind, as `parted` calls it."""
    return JsonType(kinds=(FREE_KINDS[kind],)).to_json()
