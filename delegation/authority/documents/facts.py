"""Collects the facts of one schema and all that it is made of (`allOf`, references).

Whatever several parts say of one keyword is said at once here; what cannot be said at once is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import Any, Final, TypeAlias, TypeVar

from delegation.authority.documents.imported import UnmappableError

Part: TypeAlias = "tuple[Any, str]"
"""A schema, and the place where it stands."""
Number: TypeAlias = "int | Decimal"

# Numbers that are no integers are a type of their own here, so that types are sets.
ALL_TYPES: Final = frozenset(
    {"null", "boolean", "string", "integer", "fraction", "array", "object"}
)
_TYPES: Final = {
    **{name: frozenset({name}) for name in ALL_TYPES - {"fraction"}},
    "number": frozenset({"integer", "fraction"}),
    "file": frozenset({"string"}),  # of Swagger 2; who reads bodies looks for it before
}
# Of each keyword, how two parts that say it are one: the stricter counts.
_STRICTER: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "minimum": max, "exclusiveMinimum": max, "maximum": min, "exclusiveMaximum": min,
    "minLength": max, "maxLength": min, "minItems": max, "maxItems": min,
    "minProperties": max, "maxProperties": min, "uniqueItems": lambda a, b: a or b,
}  # fmt: skip
_COUNTS: Final = frozenset(
    key for key in _STRICTER if key.endswith(("Length", "Items", "Properties"))
) - {"uniqueItems"}
# What no argument type says; each is named where it stands.
UNSAID: dict[str, str] = {
    "not": "types say what is admitted, not what is not",
    "if": "types have no conditions", "then": "", "else": "",
    "dependentRequired": "types have no conditions", "dependentSchemas": "types have no conditions",
    "dependencies": "types have no conditions",
    "contains": "all items of a list have one type", "minContains": "", "maxContains": "",
    "unevaluatedItems": "all items of a list have one type",
    "contentSchema": "text is not looked into",
}  # fmt: skip
# Every keyword that refuses values itself, of all dialects: those that are counted. What only applies
# other schemas (`anyOf`, `additionalProperties`, `if`) is named where it is not kept, and not counted.
_ENDS: Final = frozenset(
    {"formatMinimum", "formatMaximum", "formatExclusiveMinimum", "formatExclusiveMaximum"}
)
# How Pydantic writes a bound on a union: under its own name, as no keyword is of all its types.
_PYDANTIC: Final = frozenset({"ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length"})
UNSAID |= dict.fromkeys(_ENDS, "no type has ends in time; a grant's range may")
UNSAID |= dict.fromkeys(_PYDANTIC, "it is no keyword of JSON Schema, and said of several types")
_One = TypeVar("_One")
_KINDS: Final[Mapping[type, str]] = {list: "list", dict: "object", str: "text"}
_MOST_COMPARED: Final = 2048**2  # values of enums, each with each
BOUNDS: Final = frozenset(
    {*_STRICTER, "multipleOf", "pattern", "format", "enum", "const", "required"}
    | {"dependentRequired", "minContains", "maxContains"}
    | _ENDS
    | _PYDANTIC
)


@dataclass(slots=True)
class Facts:
    """What is said of one value. None, or empty, says nothing.

    Args:
        types: The types that it may have, of `ALL_TYPES`.
        enum: The values that it may be.
        bounds: Numbers by keyword, the strictest of all parts.
        multiples: What it is a multiple of.
        patterns: Expressions that it matches.
        formats: Names of formats.
        encodings: Content encodings.
        media: Media types of the content.
        fields: The schemas of each property.
        required: The properties that are needed.
        is_closed: Whether no other property may occur.
        others: Schemas of all other properties, where they may occur.
        items: Schemas of every item.
        prefixes: Lists of schemas of items by their position, each with that of all that follow.
        names: Schemas of the names of properties.
        is_patterned: Whether properties were said by patterns of their names.
        unions: For each `oneOf` or `anyOf` its keyword and branches.
        apart: Where its unions leave several kinds of JSON, what is said of it if it is of one (`parted`).
        is_read_only: Whether it is no part of a request.
        said: Where each keyword that bounds it was said.
        unsaid: Where a keyword was said that no type has.
        circles: Circles of references that were entered on the way.
    """

    types: frozenset[str] | None = None
    enum: list[Any] | None = None
    bounds: dict[str, Any] = field(default_factory=dict)
    multiples: list[Number] = field(default_factory=list)
    patterns: list[tuple[str, str]] = field(default_factory=list)
    formats: list[tuple[str, str]] = field(default_factory=list)
    encodings: list[str] = field(default_factory=list)
    media: list[str] = field(default_factory=list)
    fields: dict[str, list[Part]] = field(default_factory=dict)
    required: dict[str, None] = field(default_factory=dict)
    is_closed: bool = False
    others: list[Part] = field(default_factory=list)
    items: list[Part] = field(default_factory=list)
    prefixes: list[tuple[list[Part], Part]] = field(default_factory=list)
    names: list[Part] = field(default_factory=list)
    is_patterned: bool = False
    unions: list[tuple[str, list[Part]]] = field(default_factory=list)
    apart: dict[str, Facts] = field(default_factory=dict)
    is_read_only: bool = False
    said: dict[str, list[str]] = field(default_factory=dict)
    unsaid: list[tuple[str, str]] = field(default_factory=list)
    circles: frozenset[int] = frozenset()

    def meet(self, other: Facts) -> None:
        """Take in what another part says of the same value; that part stays as it is."""
        if other.types is not None:
            self.types = other.types if self.types is None else self.types & other.types
        if other.enum is not None:
            self.enum = _met(self.enum, other.enum)
        for key, value in other.bounds.items():
            known = self.bounds.get(key)
            self.bounds[key] = value if known is None else _STRICTER[key](known, value)
        for name, parts in other.fields.items():
            self.fields[name] = _joined(self.fields.get(name, []), parts)
        for key, places in other.said.items():
            self.said[key] = [*dict.fromkeys(self.said.get(key, []) + places)]
        self.required = self.required | other.required
        if not (self.apart and other.apart):
            self.apart = self.apart or other.apart
        else:
            both = self.apart.keys() & other.apart.keys()
            self.apart = {kind: together(self.apart[kind], other.apart[kind]) for kind in both}
            self.types = frozenset[str]() if not both else self.types
        self.circles |= other.circles
        for name in ("is_closed", "is_read_only", "is_patterned"):
            setattr(self, name, getattr(self, name) or getattr(other, name))
        for name in ("multiples", "patterns", "formats", "encodings", "media", "unsaid"):
            setattr(self, name, [*dict.fromkeys(getattr(self, name) + getattr(other, name))])
        for name in ("others", "items", "prefixes", "names", "unions"):
            setattr(self, name, _joined(getattr(self, name), getattr(other, name)))

    @property
    def most_parts(self) -> int:
        """How many parts it has of the kind of which it has most."""
        counts = [len(self.unions), len(self.others), len(self.items), len(self.names)]
        return max(*counts, len(self.prefixes), *map(len, self.fields.values()), 0)

    @property
    def is_binary(self) -> bool:
        """Whether it is bytes that stand for themselves."""
        names = {name for name, _ in self.formats} | set(self.encodings)
        return bool(names & {"binary"}) or bool(self.media and not self.encodings)

    @property
    def kinds(self) -> frozenset[str]:
        """The types but null that it may have; those that its keywords speak of, where none is stated."""
        return self.types - {"null"} if self.types is not None else self.spoken_of

    @property
    def spoken_of(self) -> frozenset[str]:
        """The types that the keywords speak of."""
        found = set()
        if self.fields or self.required or self.others or self.is_closed or self.names:
            found.add("object")
        if self.items or self.prefixes:
            found.add("array")
        if self.patterns or self.formats or self.encodings:
            found.add("string")
        ends = {"Length": "string", "Items": "array", "Properties": "object"}
        kinds = {
            next((of for end, of in ends.items() if key.endswith(end)), "") for key in self.bounds
        }
        is_number = "" in kinds or bool(self.multiples)
        return frozenset(found | kinds - {""} | ({"integer", "fraction"} if is_number else set()))


def _joined(known: list[_One], more: list[_One]) -> list[_One]:
    """Return both, without what is known already: a schema that is referred to twice says it once."""
    if not known:
        return [*more]
    ids = set(map(id, known))
    return known + [one for one in more if id(one) not in ids]


def together(*several: Facts) -> Facts:
    """Return what all say of one value; each stays as it is."""
    found = Facts()
    for one in several:
        found.meet(one)
    return found


def is_plain(facts: Facts) -> bool:
    """Return whether nothing is said of a value but its types."""
    return facts == Facts(types=facts.types, circles=facts.circles, is_read_only=facts.is_read_only)


def own_facts(schema: dict[str, Any], place: str) -> Facts:
    """Return what the keywords of a schema itself say, without references and combinations.

    Raises:
        UnmappableError: A keyword has a value that it cannot have.
    """
    facts = Facts()
    for key, value in schema.items():
        _read(facts, schema, key, value, place)
        if key in BOUNDS and not (value is False or (key == "required" and value in ([], True))):
            facts.said.setdefault(key, []).append(place)
    return facts


def _read(facts: Facts, schema: dict[str, Any], key: str, value: Any, place: str) -> None:
    if key == "type":
        facts.types = _types(value, schema)
    elif key == "enum":
        facts.enum = _met(facts.enum, _of_kind(list, value, key))
    elif key == "const":
        facts.enum = _met(facts.enum, [value])
    elif key in _STRICTER:
        _read_bound(facts, schema, key, value)
    elif key == "multipleOf":
        facts.multiples = [_number(value, key)]
        if facts.multiples[0] <= 0:
            raise UnmappableError("multipleOf is not above zero")
    elif key == "pattern":
        facts.patterns = [(_of_kind(str, value, key), place)]
    elif key == "format":
        facts.formats = [(_of_kind(str, value, key), place)]
    elif key == "contentEncoding":
        facts.encodings = [_of_kind(str, value, key)]
    elif key == "contentMediaType":
        facts.media = [_of_kind(str, value, key)]
    elif key == "properties":
        facts.fields = {
            name: [(part, f"{place}.{name}")] for name, part in _of_kind(dict, value, key).items()
        }
    elif key == "required":
        if not isinstance(value, bool):  # of a Swagger parameter, or a draft of old
            facts.required = dict.fromkeys(
                _of_kind(str, one, key) for one in _of_kind(list, value, key)
            )
    elif key in {"additionalProperties", "unevaluatedProperties"}:
        if value is False:
            facts.is_closed = True
        elif value is not True:
            facts.others = [*facts.others, (value, f"{place}.*")]
    elif key == "propertyNames":
        if not _is_vacuous(key, value):
            facts.names = [(value, f"{place}.propertyNames")]
    elif key == "patternProperties":
        facts.is_patterned = True
        facts.others += [(part, f"{place}.*") for part in _of_kind(dict, value, key).values()]
    elif key == "items" and not isinstance(value, list):
        if "prefixItems" not in schema:  # else it speaks of what follows those
            facts.items = [*facts.items, (value, f"{place}[]")]
    elif key in {"prefixItems", "items"}:
        parts = [(part, f"{place}[{n}]") for n, part in enumerate(_of_kind(list, value, key))]
        rest = schema.get("items" if key == "prefixItems" else "additionalItems", True)
        facts.prefixes = [*facts.prefixes, (parts, (rest, f"{place}[]"))]
    elif key in {"oneOf", "anyOf"}:
        branches = [(part, f"{place}({n})") for n, part in enumerate(_of_kind(list, value, key), 1)]
        facts.unions = [*facts.unions, (key, branches)]
    elif key == "readOnly":
        facts.is_read_only = value is True
    elif key in UNSAID and not _is_vacuous(key, value):
        facts.unsaid = [*facts.unsaid, (key, place)]


def _is_vacuous(key: str, value: Any) -> bool:
    if key in {"not", "contains"}:  # that a list holds anything at all bounds it
        return value is False and key == "not"
    return value in ({}, True)


def _read_bound(facts: Facts, schema: dict[str, Any], key: str, value: Any) -> None:
    if key.startswith("exclusive") and isinstance(value, bool):  # OpenAPI 3.0, Swagger 2
        limit = schema.get(key.replace("exclusiveM", "m"))
        if value and limit is not None:
            facts.bounds[key] = _number(limit, key)
    elif key == "uniqueItems":
        if value is True:
            facts.bounds[key] = True
    elif key in _COUNTS:
        if (number := _number(value, key)) < 0 or number != int(number):
            raise UnmappableError(f"{key} is no count")
        facts.bounds[key] = int(number)
    else:
        facts.bounds[key] = _number(value, key)


def _types(value: Any, schema: dict[str, Any]) -> frozenset[str]:
    names = value if isinstance(value, list) else [value]
    if not all(type(name) is str and name in _TYPES for name in names):
        raise UnmappableError("a schema has a type that there is not")
    found = frozenset[str]().union(*(_TYPES[name] for name in names))
    nullable = schema.get("nullable") is True or schema.get("x-nullable") is True
    return found | {"null"} if nullable else found


def _met(known: list[Any] | None, values: list[Any]) -> list[Any]:
    if known is None:
        return values
    if len(known) * len(values) > _MOST_COMPARED:
        raise UnmappableError("its values are too many")
    return [a for a in known if any(equal(a, b) for b in values)]


def _of_kind(kind: type[_One], value: Any, key: str) -> _One:
    if not isinstance(value, kind):
        raise UnmappableError(f"{key} is no {_KINDS[kind]}")
    return value


def _number(value: Any, key: str) -> Number:
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise UnmappableError(f"{key} is no number")
    return value


def equal(left: Any, right: Any) -> bool:
    """Return whether two JSON values are equal: `1` is `1.0`, and not `true`."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | float | Decimal) and isinstance(right, int | float | Decimal):
        return left == right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    return type(left) is type(right) and bool(left == right)


def common_multiple(multiples: Iterable[Number]) -> Fraction:
    """Return the least number that is a multiple of all."""
    fractions = [Fraction(one) for one in multiples]
    below = lcm(*(one.denominator for one in fractions))
    return Fraction(lcm(*(int(one * below) for one in fractions)), below)
