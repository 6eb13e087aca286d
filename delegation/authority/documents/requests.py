"""Imports requests that a document of any version describes, with the arguments that they need."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from delegation.authority.documents.facts import Part
from delegation.authority.documents.imported import Report, UnmappableError
from delegation.authority.documents.inputs import BODY, Input, InputPlace, Place
from delegation.authority.documents.naming import Draft, argument_name
from delegation.authority.documents.numbers import NeverError
from delegation.authority.documents.schema import FILE, Made, Schemas

EFFECTS: Final = {
    "get": "read", "head": "read", "options": "read", "trace": "read", "query": "read",
    "post": "write", "put": "write", "patch": "write", "delete": "delete",
}  # fmt: skip
_JSON: Final = re.compile(
    r"application/(?:[a-z0-9.+-]*\+)?json(?:-seq)?|application/x-ndjson|text/json|\*/\*|application/\*"
)
_XML: Final = re.compile(r"(?:application|text)/(?:[a-z0-9.+-]*\+)?xml")
FORM: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = re.compile(r"multipart/.*")
_PLACEHOLDER: Final = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a request.

    Args:
        name: As the document has it.
        place: Where it stands in the request.
        at: How its value is written there.
        part: Its schema, with its place.
        is_required: Whether a request needs it.
    """

    name: str
    place: InputPlace
    at: Place
    part: Part
    is_required: bool


@dataclass(frozen=True, slots=True)
class Content:
    """A request's body in one media type.

    Args:
        media: The media type, in lower case and without parameters.
        part: Its schema, with its place; True where there is none.
        between: By member what stands between the items of a list, where that is something.
    """

    media: str
    part: Part
    between: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """One operation.

    Args:
        method: In lower case.
        path: With its placeholders.
        source: Its operationId, or empty.
        parameters: All of them, the shared ones too.
        contents: The body's forms; empty for none.
        needs_body: Whether the body may not be left out.
    """

    method: str
    path: str
    source: str
    parameters: tuple[Parameter, ...] = ()
    contents: tuple[Content, ...] = ()
    needs_body: bool = False

    @property
    def key(self) -> str:
        """What tells it from every other one."""
        return f"{self.method.upper()} {self.path}"


def drafted(request: Request, schemas: Schemas, report: Report) -> Draft:
    """Return the tool of a request, not yet named.

    Raises:
        UnmappableError: No definition can state it.
    """
    arguments: dict[str, tuple[Made, bool]] = {}
    inputs: list[Input] = []
    order = ("path", "query", "header", "cookie", "body")
    for one in sorted(_complete(request, report), key=lambda one: order.index(one.at.kind)):
        where = one.part[1]
        try:
            made = schemas.value([one.part], one.at)
        except (NeverError, UnmappableError) as error:
            if one.is_required:
                raise UnmappableError(
                    f"the parameter {one.name} cannot be given: {error}"
                ) from error
            report.note(where, f"it cannot be given and is refused: {error}")
            continue
        name = argument_name(one.name, one.at.kind, arguments, report, where)
        arguments[name] = (made, one.is_required)
        # Items of a header's list may come in one line or in several, which say the same.
        many = one.at.kind == one.place and (not one.at.between or one.place == "header")
        inputs.append(_input(name, one.place, one.name, made, many=many))
    media = _add_body(request, arguments, inputs, schemas, report) if request.contents else ""
    return Draft(
        request.key,
        request.source,
        EFFECTS.get(request.method, "write"),
        {name if needed else f"{name}?": made.type for name, (made, needed) in arguments.items()},
        tuple(inputs),
        media,
    )


def _input(argument: str, place: InputPlace, name: str, made: Made, *, many: bool) -> Input:
    """Return where an argument stands; `many` is whether its items stand there one by one."""
    is_list = isinstance(made.type, dict) and made.type.get("type") == "list"
    spelled = name.lower() if place == "header" else name
    return Input(argument, place, spelled, many=many and is_list)


def _complete(request: Request, report: Report) -> Iterable[Parameter]:
    """Return the parameters, and one for each placeholder of the path that has none."""
    known = {one.name for one in request.parameters if one.at.kind == "path"}
    places = list(dict.fromkeys(_PLACEHOLDER.findall(request.path)))
    for one in request.parameters:
        if one.at.kind == "path" and one.name not in places:
            report.note(one.part[1], "the path has no place for it")
    for name in places:
        if name not in known:
            where = f"{request.key} path.{name}"
            report.note(where, "the path has a place for it, of which nothing is said")
            yield Parameter(
                name, "path", Place("path"), ({"type": "string"}, where), is_required=True
            )
    yield from request.parameters


def _rank(content: Content) -> int:
    kinds = (_JSON, re.compile(re.escape(FORM)), MULTIPART, _XML)
    return next((n for n, kind in enumerate(kinds) if kind.fullmatch(content.media)), len(kinds))


def _add_body(
    request: Request,
    arguments: dict[str, tuple[Made, bool]],
    inputs: list[Input],
    schemas: Schemas,
    report: Report,
) -> str:
    """Add the arguments of a body with their places, and return its media type."""
    chosen = min(request.contents, key=_rank)  # the first of the best
    where = chosen.part[1]
    names = _add_content(chosen, request, arguments, inputs, schemas, report)
    for other in request.contents:
        if other is not chosen:
            more = [n for n in _member_names(other, schemas) if n not in names]
            said = f", and so are its members {', '.join(more)}" if more else ""
            report.note(where, f"the body is {chosen.media}; as {other.media} it is left out{said}")
    return "application/json" if _JSON.fullmatch(chosen.media) else chosen.media


def _member_names(content: Content, schemas: Schemas) -> list[str]:
    try:
        return list(schemas.together([content.part]).fields)
    except (NeverError, UnmappableError):
        return []


def _add_content(
    content: Content,
    request: Request,
    arguments: dict[str, tuple[Made, bool]],
    inputs: list[Input],
    schemas: Schemas,
    report: Report,
) -> list[str]:
    """Add the body's arguments; return the members that they stand for."""
    at = Place("body", files=True) if MULTIPART.fullmatch(content.media) else BODY
    where = content.part[1]
    if _rank(content) > 3:  # noqa: PLR2004  # no members in it
        made = _file_or_text(content, schemas)
        name = argument_name("body", "body", arguments, report, where)
        arguments[name] = (made, request.needs_body)
        inputs.append(Input(name, "body", ""))
        return []
    try:
        facts = schemas.together([content.part])
        if facts.kinds == {"object"} and facts.fields and facts.enum is None:
            schemas.lose_unsaid(facts)
            if facts.types is not None and "null" in facts.types:
                report.note(where, "a body that is null is refused")
            members = schemas.members(facts, at, where, between=content.between)
        else:
            made = schemas.value([content.part], at)
            name = argument_name("body", "body", arguments, report, where)
            arguments[name] = (made, request.needs_body)
            inputs.append(Input(name, "body", ""))
            return []
    except NeverError as error:
        if request.needs_body:
            raise UnmappableError(f"its body admits no value: {error}") from error
        report.note(where, f"it admits no value and is refused: {error}")
        return []
    if not request.needs_body and any(one.is_required for one in members.values()):
        report.note(
            where, "the body may be left out; its members that it needs are needed all the same"
        )
    for key, one in members.items():
        name = argument_name(key, "body", arguments, report, one.place)
        arguments[name] = (one.type, one.is_required)
        place = _place_of_member(content, one.type)
        many = place != "member" and not content.between.get(key)
        inputs.append(_input(name, place, key, one.type, many=many))
    return list(facts.fields)


def _place_of_member(content: Content, made: Made) -> InputPlace:
    if _rank(content) not in {1, 2}:
        return "member"
    items = made.type.get("of") if isinstance(made.type, dict) else None
    return "file" if FILE in (made.type, items) else "field"


def _file_or_text(content: Content, schemas: Schemas) -> Made:
    if not content.media.startswith("text/"):
        return Made(FILE, 2, 5)
    return Made("text") if content.part[0] is True else schemas.value([content.part])
