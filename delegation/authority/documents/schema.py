"""Imports JSON Schema: of each schema the argument type that admits the same, as near as types go.

What a type admits beyond the schema, or refuses of it, is in the report with its place. A member that
the document does not name is refused: what is not known is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, NamedTuple, cast

from delegation.authority.arguments import MAX_DEPTH, MAX_TYPES, parse_type
from delegation.authority.arguments.argument_type import is_canonical
from delegation.authority.arguments.composite import (
    MAX_FIELDS,
    MAX_ITEMS,
    MAX_NAME,
    member_key,
)
from delegation.authority.arguments.either import either
from delegation.authority.arguments.free import JsonType
from delegation.authority.documents.enums import enum_type
from delegation.authority.documents.facts import Facts, Part, is_plain
from delegation.authority.documents.free import FREE_KINDS, Freeing, free_of
from delegation.authority.documents.gathering import NUMBERS, CircleError
from delegation.authority.documents.imported import Report, UnmappableError
from delegation.authority.documents.inputs import BODY, Place
from delegation.authority.documents.numbers import NeverError, decimal_type, number_type
from delegation.authority.documents.parted import KINDS, parted
from delegation.authority.documents.references import References, spelled
from delegation.authority.documents.texts import text_type
from delegation.canonical import Json

_BACK: Final = "it leads back to what it stands in; it is taken as free JSON"
FILE: Final[Json] = {
    "type": "object",
    "fields": {
        "name?": {"type": "segment", "max": 255},
        "size": {"type": "integer", "min": 0},
        "media_type": {"type": "line", "max": 255},
        "digest": {
            "type": "identifier", "max": 71, "min": 71,
            "shape": [{"text": "sha256:"}, {"of": "0-9a-f", "min": 64, "max": 64}],
        },
    },
}  # fmt: skip
"""A file, which a call names by its digest and does not hold."""


class Made(NamedTuple):
    """A type that was made of a schema.

    Args:
        type: Its JSON.
        height: How deep types are nested in it.
        size: How many types it is made of.
    """

    type: Json
    height: int = 1
    size: int = 1


class Member(NamedTuple):
    """A named member of an object, or an argument.

    Args:
        type: Its type.
        is_required: Whether the schema asks for it.
        place: Where its schema stands.
    """

    type: Made
    is_required: bool
    place: str


def type_of_schema(
    schema: Json, root: Json | None = None, report: Report | None = None, *, place: str = "#"
) -> Json:
    """Return the JSON of the argument type that a JSON Schema describes.

    Args:
        schema: The schema, as parsed; numbers may be `Decimal`.
        root: What its references begin at; itself where left out.
        report: Takes what is not kept; made and forgotten where left out.
        place: What notes call the schema.

    Raises:
        UnmappableError: It admits no value, or refers elsewhere.
    """
    schemas = Schemas(References(schema if root is None else root), report or Report())
    try:
        return schemas.value([(schema, place)]).type
    except NeverError as error:
        raise UnmappableError(f"{place} admits no value: {error}") from error


@dataclass(slots=True)
class Schemas(Freeing):
    """Makes types of a document's schemas, each that is referred to once.

    Args:
        references: The document's.
        report: Takes what is kept and lost.
        is_old: Whether what stands beside a `$ref` is ignored, as before 2019.
        is_request: Whether `readOnly` members are left out, as OpenAPI has it.
    """

    is_request: bool = False
    _made: dict[tuple[str, Place], Made | Exception] = field(default_factory=dict)

    def value(
        self, parts: Sequence[Part], at: Place = BODY, inside: frozenset[int] = frozenset()
    ) -> Made:
        """Return the type of a value that all these schemas describe.

        Args:
            parts: Schemas with their places, one at least.
            at: Where the value goes.
            inside: The circles of references that it is inside of.

        Raises:
            NeverError: They admit no value.
            UnmappableError: A reference leads elsewhere, or a keyword has a value that it cannot have.
        """
        schema = parts[0][0]
        is_plain = isinstance(schema, dict) and len(schema) == 1 and len(parts) == 1
        reference = schema.get("$ref") if is_plain else None
        if type(reference) is not str or self.references.circle(reference) in inside:
            return self._value(parts, at, inside)
        reference = spelled(reference)
        if (known := self._made.get((reference, at))) is None:
            try:
                known = self._value(parts, at, inside)
            except (NeverError, UnmappableError) as error:
                known = error
            self._made[reference, at] = known
        if isinstance(known, Exception):
            raise known
        return known

    def _value(self, parts: Sequence[Part], at: Place, inside: frozenset[int]) -> Made:
        place = parts[0][1]
        try:
            facts = self.together(parts, inside)
        except CircleError:
            self.report.note(place, _BACK)
            self.lose_parts(parts, _BACK)
            facts, inside = Facts(types=self.together(parts).types), frozenset()
        return self.of_facts(facts, at, place, inside)

    def of_facts(self, facts: Facts, at: Place, place: str, inside: frozenset[int]) -> Made:
        """Return the type of a value of which these facts are known, unions settled."""
        self.lose_unsaid(facts)
        values, types = facts.enum, facts.types
        is_nullable = (
            at.kind == "body"
            and (types is None or "null" in types)
            and (None in values if values is not None else types is not None or not facts.kinds)
        )
        try:
            made = self._plain(facts, at, place, inside)
        except NeverError:
            if is_nullable:
                self.report.note(place, "null is the only value that it admits, and is refused")
            raise
        if not is_nullable:
            return made
        body = made.type if isinstance(made.type, dict) else {"type": made.type}
        return made._replace(type={**body, "nullable": True})

    def _plain(self, facts: Facts, at: Place, place: str, inside: frozenset[int]) -> Made:
        inside |= facts.circles
        kinds = facts.kinds
        if facts.types is not None and not kinds:
            raise NeverError("its types or branches exclude each other, or leave null alone")
        if facts.types is None and kinds and facts.enum is None:
            self.report.note(
                place, "it states no type; the one that its keywords speak of is taken"
            )
        if facts.enum is not None:
            bare = replace(facts, enum=None, formats=[], said={}, unsaid=[])
            made = enum_type(
                facts,
                kinds,
                lambda one: self._base(bare, frozenset({one}), at, place),
                place,
                self.report,
            )
            if made is not None:
                return Made(made)
            self.report.lose(facts.said.get("enum", []), "enum", "its values are no plain values")
            self.report.lose(facts.said.get("const", []), "const", "its value is no plain value")
        if kinds == {"array"}:
            return self._list(facts, at, place, inside)
        if kinds == {"object"}:
            return self._object(facts, at, place, inside)
        made = self._base(facts, kinds, at, place)
        return self._several(facts, at, place, inside) if made is None else Made(made)

    def _several(self, facts: Facts, at: Place, place: str, inside: frozenset[int]) -> Made:
        """Return the type of a value that may be of several kinds of JSON, each read by its own type."""
        kinds = parted(facts)
        if kinds.keys() == {"number", "string"}:
            made = decimal_type(kinds["number"], kinds["string"], place, self.report)
            if made is not None:
                return Made(made)
        if at.kind == "body":
            has_types = kinds.keys() != KINDS.keys() or not is_plain(facts)
        else:  # what is made of others has no one spelling there
            has_types = kinds.keys() <= {"boolean", "number", "string"}
        if len(kinds) < 2 or not has_types:  # noqa: PLR2004  # one
            return self._free(facts, at, place)
        found: dict[str, Made] = {}
        for kind, one in kinds.items():
            try:
                found[kind] = self.of_facts(one, at, place, inside)
            except NeverError:
                continue
        if not found:
            raise NeverError("no branch of it admits a value")
        free = [FREE_KINDS[kind] for kind, one in found.items() if one.type == free_of(kind)]
        types = [one.type for kind, one in found.items() if one.type != free_of(kind)]
        if free:
            types.append(JsonType(kinds=tuple(free)).to_json())
        whole = Made(
            either(types),
            1 + max(one.height for one in found.values()),
            1 + sum(one.size for one in found.values()),
        )
        return self._bounded(whole, facts, at, place)

    def _base(self, facts: Facts, kinds: frozenset[str], at: Place, place: str) -> Json:
        """Return the type of a plain value, None where it may be of several types."""
        if kinds == {"string"}:
            if at.files and facts.is_binary:
                self.report.note(place, "it is a file, which a call names by its digest")
                return FILE
            return text_type(facts, at, place, self.report)
        if kinds and kinds <= NUMBERS:
            return number_type(facts, place, self.report)
        return "boolean" if kinds == {"boolean"} else None

    def _list(self, facts: Facts, at: Place, place: str, inside: frozenset[int]) -> Made:
        low, high = facts.bounds.get("minItems", 0), facts.bounds.get("maxItems", MAX_ITEMS)
        if low > min(high, MAX_ITEMS):
            raise NeverError("no list that is read has as many items as it asks for")
        facts = self.with_items(facts, high, place)
        if high > MAX_ITEMS:
            self.report.note(place, f"lists of more than {MAX_ITEMS} items are refused")
        try:
            of = self.value(facts.items or [(True, f"{place}[]")], at.inner, inside)
        except NeverError:
            if low:
                raise
            of, high = Made("boolean"), 0
        for key in ("minItems", "maxItems", "uniqueItems"):
            self.report.keep(facts.said.get(key, []), key)
        body: dict[str, Json] = {"type": "list", "of": of.type}
        body |= {"max": min(high, MAX_ITEMS)} if high < MAX_ITEMS else {}
        body |= {"min": low} if low else {}
        body |= {"unique": True} if facts.bounds.get("uniqueItems") else {}
        return self._bounded(Made(body, of.height + 1, of.size + 1), facts, at, place)

    def _object(self, facts: Facts, at: Place, place: str, inside: frozenset[int]) -> Made:
        if not facts.fields and not facts.required:
            return self._map(facts, at, place, inside)
        members = self.members(facts, at, place, inside)
        odd = [n for n in members if not 0 < len(n) <= MAX_NAME or not n.isprintable()]
        for name in odd:
            if members.pop(name).is_required:
                raise UnmappableError(f"{place} needs a member whose name is not printable")
            self.report.note(place, "a member whose name is not printable is refused")
        if not members:  # it names some, and none can be given
            return Made({"type": "map", "of": "boolean", "max": 0}, 2, 2)
        if len(members) > MAX_FIELDS:
            self.lose_parts([part for parts in facts.fields.values() for part in parts])
            return self._free(replace(facts, fields={}, required={}), at, place)
        fields = {member_key(n, one.is_required): one.type.type for n, one in members.items()}
        made = Made(
            {"type": "object", "fields": cast("Json", fields)},
            1 + max(one.type.height for one in members.values()),
            1 + sum(one.type.size for one in members.values()),
        )
        return self._bounded(made, facts, at, place)

    def _map(self, facts: Facts, at: Place, place: str, inside: frozenset[int]) -> Made:
        """Return the type of an object whose names nobody lists, free where nothing is said of its values."""
        is_free = not facts.names and all(schema in (True, {}) for schema, _ in facts.others)
        if is_free or facts.is_closed or facts.is_patterned or at.kind not in {"body", "query"}:
            return self._free(facts, at, place)
        of = self.value(facts.others or [(True, f"{place}.*")], at.inner, inside)
        body: dict[str, Json] = {"type": "map", "of": of.type}
        if facts.names:
            names = self._names(facts, place, inside)
            body |= {"names": names} if names != "text" else {}
        least, most = (
            facts.bounds.get("minProperties", 0),
            facts.bounds.get("maxProperties", MAX_ITEMS),
        )
        if least > min(most, MAX_ITEMS):
            raise NeverError("no object that is read has as many members as it asks for")
        body |= {"max": most} if most < MAX_ITEMS else {}
        body |= {"min": least} if least else {}
        for key in ("minProperties", "maxProperties"):
            self.report.keep(facts.said.get(key, []), key)
        return self._bounded(Made(body, of.height + 1, of.size + 2), facts, at, place)

    def _names(self, facts: Facts, place: str, inside: frozenset[int]) -> Json:
        """Return the type of the names of an object's members."""
        return self.value([({"type": "string"}, place), *facts.names], BODY, inside).type

    def _named(
        self, facts: Facts, place: str, inside: frozenset[int]
    ) -> dict[str, list[Part] | None]:
        """Return the members that an object lists, without those whose names it refuses."""
        listed = {name: facts.fields.get(name) for name in {**facts.fields, **facts.required}}
        if not facts.names:
            return listed
        names = parse_type(self._names(facts, place, inside))
        kept = {name: parts for name, parts in listed.items() if is_canonical(name, names)}
        if kept.keys() != listed.keys():
            self.report.note(place, "members whose names it refuses are refused")
        if not facts.required.keys() <= kept.keys():
            raise NeverError("it needs a member whose name it refuses")
        return kept

    def _free(self, facts: Facts, at: Place, place: str) -> Made:
        return Made(self.free(facts, at, place))

    def members(
        self,
        facts: Facts,
        at: Place,
        place: str,
        inside: frozenset[int] = frozenset(),
        between: Mapping[str, str] = MappingProxyType({}),
    ) -> dict[str, Member]:
        """Return the members of an object by name.

        Args:
            facts: What is known of the object.
            at: Where it goes.
            place: Where notes are.
            inside: The circles of references that it is inside of.
            between: By member what stands between the items of a list, where that is something.

        Raises:
            NeverError: A member that is needed admits no value.
            UnmappableError: As `value`.
        """
        inside |= facts.circles
        found: dict[str, Member] = {}
        for name, parts in self._named(facts, place, inside).items():
            where = f"{place}.{name}"
            is_required = name in facts.required
            if parts is None:
                if facts.is_closed:
                    raise NeverError(f"it needs {name}, which it does not admit")
                parts = facts.others or [(True, where)]  # noqa: PLW2901  # all that is said of it
            if self.is_request and self._is_read_only(parts, inside):
                self.report.note(where, "it is read only, and so no part of a request")
                continue
            try:
                there = replace(at.inner, between=between[name]) if name in between else at.inner
                made = self.value(parts, there, inside)
            except NeverError as error:
                if is_required:
                    raise
                self.report.note(where, f"it admits no value and is refused: {error}")
                continue
            found[name] = Member(made, is_required, where)
        self.count_members(facts, sum(one.is_required for one in found.values()), len(found), place)
        return found

    def _is_read_only(self, parts: Sequence[Part], inside: frozenset[int]) -> bool:
        try:
            return any(self.facts(schema, where, inside).is_read_only for schema, where in parts)
        except (CircleError, NeverError):
            return False

    def _bounded(self, made: Made, facts: Facts, at: Place, place: str) -> Made:
        if made.height < MAX_DEPTH and made.size < MAX_TYPES:
            return made
        self.report.note(place, "it is nested deeper, or made of more, than types are")
        return self._free(facts, at, place)
