"""Writes values as JSON, reads them back and describes them, all from the types of their fields.

One `Form` for each type. A dataclass is an object of its fields by name; what differs is said once, as a
`Shape`, and holds for writing, reading and the schema alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from functools import lru_cache
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from delegation.cancellation import look
from delegation.canonical import b64u, unb64u

Schema = dict[str, Any]
COMPONENTS: Final[dict[str, Schema]] = {}  # schemas by name, of every form that was asked for
_PLAIN: Final[Mapping[object, Schema]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    float: {"type": "number"},
    NoneType: {"type": "null"},
}


@dataclass(frozen=True, slots=True)
class Form:
    """How values of one type stand in JSON.

    Args:
        write: Returns the JSON of a value.
        read: Returns the value of its JSON; of any other JSON a TypeError, KeyError, ValueError or
            AttributeError comes.
        schema: Its JSON Schema, which may refer to `COMPONENTS`.
    """

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]
    schema: Schema


@dataclass(frozen=True, slots=True)
class Shape:
    """What of a dataclass's JSON is not its fields by name.

    Args:
        names: Members of another name, by field.
        forms: Forms other than those of the fields' types.
        inlined: Fields whose members stand among the object's own.
        grouped: Fields that stand in a member of their own object, by the name of that member.
        lacking: Fields that are left out where they have their default.
        unsaid: Fields that are never written, with what is read in their place.
        added: Members for readers, which are passed over on the way back: their form, and what is written.
        finish: Returns the value after all was read, or refuses it.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    forms: Mapping[str, Form] = field(default_factory=dict)
    inlined: Sequence[str] = ()
    grouped: Mapping[str, str] = field(default_factory=dict)
    lacking: Sequence[str] = ()
    unsaid: Mapping[str, Any] = field(default_factory=dict)
    added: Mapping[str, tuple[Form, Callable[[Any], Any]]] = field(default_factory=dict)
    finish: Callable[[Any, Mapping[str, Any]], Any] = lambda value, _: value


FORMS: Final[dict[object, Form]] = {}  # types that have a form of their own
SHAPES: Final[dict[type, Shape]] = {}


def _same(value: Any) -> Any:
    return value


JSON: Final = Form(_same, _same, {})


def named(name: str, schema: Schema) -> Schema:
    """Keep a schema under a name and return what refers to it.

    Raises:
        ValueError: The name stands for another schema.
    """
    if COMPONENTS.setdefault(name, schema) != schema:
        raise ValueError(name)
    return {"$ref": f"#/components/schemas/{name}"}


def members(*lacking: str, **kinds: Any) -> Schema:
    """Return the schema of an object.

    Args:
        *lacking: Members that may be left out.
        **kinds: The type of each member, or its schema.
    """
    found = {
        name: kind if isinstance(kind, dict) else form_of(kind).schema
        for name, kind in kinds.items()
    }
    required = sorted(found.keys() - set(lacking))
    return {"type": "object", "properties": found, "required": required}


def extended(schema: Schema, more: Mapping[str, Schema]) -> Schema:
    """Return the schema of an object that has further members."""
    known = COMPONENTS[schema["$ref"].rsplit("/", 1)[1]]
    required = sorted({*known["required"], *more})
    return {**known, "properties": {**known["properties"], **more}, "required": required}


def own(kind: Any, schema: Schema | None = None, name: str = "") -> Form:
    """Return the form of a class that writes and reads itself, by `to_json` and `from_json`."""
    told = named(name or kind.__name__, schema or {"type": "object", "additionalProperties": True})
    return Form(lambda value: value.to_json(), kind.from_json, told)


def many(item: Form, made: Callable[[Iterable[Any]], Any] = tuple) -> Form:
    """Return the form of a tuple of any length, or of what else is made of its items."""

    def read(body: Any) -> Any:
        if not isinstance(body, list):  # a text would be read letter by letter
            raise TypeError
        return made(map(item.read, body))

    schema = {"type": "array", "items": item.schema}
    return Form(lambda value: [item.write(one) for one in value], read, schema)


@lru_cache(maxsize=1024)
def form_of(kind: Any) -> Form:
    """Return the form of a type hint.

    Raises:
        TypeError: Values of it have no form in an answer.
    """
    if kind in FORMS:
        return FORMS[kind]
    origin, inside = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return form_of(inside[0])
    if origin in {Union, UnionType}:
        return _optional([one for one in inside if one is not NoneType], inside)
    if origin is Literal:
        return words(inside)
    if origin in {tuple, list, Sequence} and (inside[1:] in {(), (Ellipsis,)}):
        return many(form_of(inside[0]), tuple if origin is tuple else list)
    if origin is tuple:
        return _pair([form_of(one) for one in inside])
    if origin in {dict, Mapping}:
        return _mapping(*map(form_of, inside))
    if is_dataclass(kind):
        return _of_dataclass(kind)
    plain = getattr(kind, "__supertype__", kind)  # ids are texts of their own name
    if plain in _PLAIN:
        return Form(_same, _exactly(plain), _PLAIN[plain])
    if kind in {Any, object} or not isinstance(kind, type):  # JSON, in its alias that names itself
        return JSON
    raise TypeError(kind)


def _exactly(kind: type) -> Callable[[Any], Any]:
    def read(body: Any) -> Any:
        if type(body) is not kind and not (kind is float and type(body) is int):
            raise TypeError(kind)
        return body

    return read


def _optional(kinds: list[Any], inside: tuple[Any, ...]) -> Form:
    if len(kinds) > 1:
        raise TypeError(inside)
    given = form_of(kinds[0])
    if given is JSON or len(inside) == 1:
        return given
    return Form(
        _same
        if given.write is _same
        else lambda value: None if value is None else given.write(value),
        lambda body: None if body is None else given.read(body),
        {"anyOf": [given.schema, {"type": "null"}]},
    )


def words(allowed: tuple[Any, ...], name: str = "") -> Form:
    """Return the form of some words, described under a name of their own if one is given."""

    def read(body: Any) -> Any:
        if body not in allowed:
            raise TypeError(allowed)
        return body

    schema = {"type": "string", "enum": list(allowed)}
    return Form(_same, read, named(name, schema) if name else schema)


def _pair(parts: list[Form]) -> Form:
    def read(body: Any) -> tuple[Any, ...]:
        return tuple(part.read(one) for part, one in zip(parts, body, strict=True))

    size = len(parts)
    return Form(
        lambda value: [part.write(one) for part, one in zip(parts, value, strict=True)],
        read,
        {"type": "array", "prefixItems": [p.schema for p in parts], "minItems": size, "maxItems": size},
    )  # fmt: skip


def _mapping(key: Form, value: Form) -> Form:
    return Form(
        lambda found: {key.write(name): value.write(one) for name, one in found.items()},
        lambda body: {key.read(name): value.read(one) for name, one in body.items()},
        {"type": "object", "additionalProperties": value.schema or True},
    )


def _of_dataclass(kind: Any) -> Form:
    shape, hints = SHAPES.get(kind, Shape()), get_type_hints(kind, localns={"Json": Any})
    defaults = {one.name: one.default for one in fields(kind) if one.default is not MISSING}
    parts = [
        (one.name, shape.names.get(one.name, one.name), shape.grouped.get(one.name, ""),
         shape.forms.get(one.name) or form_of(hints[one.name]))
        for one in fields(kind)
        if one.name not in shape.unsaid
    ]  # fmt: skip

    simple = [(n, m, None if form.write is _same else form.write) for n, m, _, form in parts]

    def write_simple(value: Any) -> dict[str, Any]:
        look()
        return {
            member: getattr(value, name) if write is None else write(getattr(value, name))
            for name, member, write in simple
        }

    def write(value: Any) -> dict[str, Any]:
        look()
        body: dict[str, Any] = {}
        for name, member, group, form in parts:
            given = getattr(value, name)
            if name in shape.inlined:
                body |= form.write(given)
            elif name not in shape.lacking or given != defaults[name]:
                (body.setdefault(group, {}) if group else body)[member] = form.write(given)
        return body | {name: form.write(told(value)) for name, (form, told) in shape.added.items()}

    def read(body: Any) -> Any:
        given = dict(shape.unsaid)
        for name, member, group, form in parts:
            here = body[group] if group else body
            if name in shape.inlined:
                given[name] = form.read(body)
            elif member in here or name not in shape.lacking:
                given[name] = form.read(here[member])
        return shape.finish(kind(**given), body)

    is_simple = not (shape.inlined or shape.grouped or shape.lacking or shape.added)
    writer = write_simple if is_simple else write
    return Form(writer, read, named(kind.__name__, _object(shape, parts)))


def _object(shape: Shape, parts: list[tuple[str, str, str, Form]]) -> Schema:
    found: Schema = {"type": "object", "properties": {}, "required": []}
    groups: dict[str, Schema] = {}
    for name, member, group, form in parts:
        if name in shape.inlined:
            inner = COMPONENTS[form.schema["$ref"].rsplit("/", 1)[1]]
            found["properties"] |= inner["properties"]
            found["required"] += inner["required"]
            continue
        here = groups.setdefault(group, {"type": "object", "properties": {}}) if group else found
        here["properties"][member] = form.schema
        if name not in shape.lacking:
            here.setdefault("required", []).append(member)
    found["properties"] |= {name: form.schema for name, (form, _) in shape.added.items()} | groups
    found["required"] = sorted({*found["required"], *shape.added, *groups})
    return found


FORMS[bytes] = Form(b64u, unb64u, {"type": "string", "format": "base64url"})
