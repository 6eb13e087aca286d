"""Splits a schema by kind of JSON: the keywords for each kind, since no keyword is about two."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from delegation.authority.documents.enums import kind_of
from delegation.authority.documents.facts import Facts, together
from delegation.authority.documents.numbers import NUMBER_FORMATS

KINDS: Final = {
    "boolean": frozenset({"boolean"}),
    "number": frozenset({"integer", "fraction"}),
    "string": frozenset({"string"}),
    "array": frozenset({"array"}),
    "object": frozenset({"object"}),
}
_SAID: Final = {
    "boolean": frozenset[str](),
    "number": frozenset(
        {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "format"}
    ),
    "string": frozenset({"minLength", "maxLength", "pattern", "format"}),
    "array": frozenset({"minItems", "maxItems", "uniqueItems", "minContains", "maxContains"}),
    "object": frozenset({"minProperties", "maxProperties", "required", "dependentRequired"}),
}
_ALWAYS: Final = frozenset({"enum", "const"})


def parted(facts: Facts) -> dict[str, Facts]:
    """Return what is said of a value for each kind of JSON that it may be of; empty where no type is known.

    Args:
        facts: Of the value, unions settled.
    """
    if facts.types is None:
        return {}
    return {kind: of for kind in KINDS if (of := _of_kind(facts, kind)) is not None}


def of_one_kind(facts: Facts) -> Facts:
    """Return facts of a value that may be of one kind alone with what unions say of it if it is of that.

    Args:
        facts: Of the value, unions settled.
    """
    kinds = parted(facts) if facts.apart else {}
    if len(kinds) != 1:
        return facts
    types, enum = facts.types or frozenset(), facts.enum
    one = together(replace(facts, apart={}), *(facts.apart[kind] for kind in kinds))
    if "null" in types and (enum is None or None in enum):  # unions tell of null beside the kinds
        one.types = (one.types or frozenset()) | {"null"}
        one.enum = None if one.enum is None else [*(v for v in one.enum if v is not None), None]
    return one


def _of_kind(facts: Facts, kind: str) -> Facts | None:
    """Return what is said of a value of this kind, None where it may not be of it."""
    types = (facts.types or frozenset()) & KINDS[kind]
    enum = None if facts.enum is None else [one for one in facts.enum if kind_of(one) in types]
    if not types or enum == [] or (facts.apart and kind not in facts.apart):
        return None
    one = Facts(
        types=types,
        enum=enum,
        bounds={key: value for key, value in facts.bounds.items() if key in _SAID[kind]},
        said={key: at for key, at in facts.said.items() if key in _SAID[kind] | _ALWAYS},
        is_read_only=facts.is_read_only,
        unsaid=facts.unsaid,
        circles=facts.circles,
    )
    if kind == "number":
        one.multiples = facts.multiples
    if kind in {"number", "string"}:
        one.formats = [
            entry for entry in facts.formats if (entry[0] in NUMBER_FORMATS) == (kind == "number")
        ]
        if "format" in one.said and not one.formats:
            del one.said["format"]
    if kind == "string":
        one.patterns, one.encodings, one.media = facts.patterns, facts.encodings, facts.media
    if kind == "array":
        one.items, one.prefixes = facts.items, facts.prefixes
    if kind == "object":
        one.fields, one.required = facts.fields, facts.required
        one.is_closed, one.others = facts.is_closed, facts.others
        one.names, one.is_patterned = facts.names, facts.is_patterned
    return together(one, facts.apart[kind]) if facts.apart else one
