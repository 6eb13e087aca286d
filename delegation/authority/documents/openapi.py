"""Reads OpenAPI 3 and Swagger 2: each operation of every path, with what its path item shares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from delegation.authority.documents.imported import Imported, Report, UnmappableError, shown
from delegation.authority.documents.inputs import (
    BODY,
    OF_COOKIES,
    OF_RAW_QUERIES,
    InputPlace,
    Kind,
    Place,
)
from delegation.authority.documents.naming import Draft, imported, refuse_odd_prefix
from delegation.authority.documents.references import References
from delegation.authority.documents.requests import (
    EFFECTS,
    FORM,
    Content,
    Parameter,
    Request,
    drafted,
)
from delegation.authority.documents.schema import Schemas
from delegation.errors import MalformedError

MAX_OPERATIONS: Final = 5000
_BESIDE: Final = frozenset({"$ref", "summary", "description", "servers", "parameters"})
_IGNORED: Final = frozenset({"accept", "content-type", "authorization"})
_BETWEEN: Final = {
    "simple": ",", "label": ".,", "matrix": ";,", "spaceDelimited": " ", "pipeDelimited": "|",
    "deepObject": "",
}  # fmt: skip
_BY_FORMAT: Final = {"csv": ",", "ssv": " ", "tsv": "\t", "pipes": "|", "multi": ""}
_NO_SCHEMA: Final = frozenset({"name", "in", "description", "required", "collectionFormat"})


class OpenApi:
    """An OpenAPI 3 document.

    Args:
        document: Its value, as parsed.
    """

    # The methods of a path item that are operations; 3.2 has `query` and other ones beside.
    methods = frozenset(EFFECTS)

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.references = References(document)
        self.report = Report()
        self.schemas = Schemas(self.references, self.report, is_request=True, is_old=self.is_old)

    @property
    def is_old(self) -> bool:
        """Whether what stands beside a reference is ignored."""
        return str(self.document.get("openapi")).startswith("3.0")

    def imported(self, *, prefix: str, system: str) -> Imported:
        """Return a tool of each operation.

        Raises:
            MalformedError: There are too many.
        """
        refuse_odd_prefix(prefix)
        drafts: list[Draft] = []
        skipped: list[tuple[str, str]] = []
        for number, (path, method, operation, shared) in enumerate(self._operations()):
            key = f"{method.upper()} {path}"
            if number >= MAX_OPERATIONS:
                raise MalformedError(
                    "The document", wanted=f"one of at most {MAX_OPERATIONS} operations"
                )
            if isinstance(operation, str):
                skipped.append((shown(key), shown(operation)))
                continue
            try:
                request = self.request(path, method, operation, shared)
                drafts.append(drafted(request, self.schemas, self.report))
            except UnmappableError as error:
                skipped.append((shown(key), shown(str(error))))
        for name in self._names("webhooks"):
            self.report.note(f"webhooks {name}", "it is a request that the service sends: no tool")
        return imported(drafts, skipped, self.report, prefix=prefix, system=system)

    def _names(self, member: str) -> list[str]:
        found = self.document.get(member)
        return list(found) if isinstance(found, dict) else []

    def _operations(self) -> Iterator[tuple[str, str, Any, list[Any]]]:
        """Yield path, method, operation and shared parameters; a text in place of one says why not."""
        paths = self.document.get("paths")
        for path, entry in paths.items() if isinstance(paths, dict) else ():
            if path.startswith("x-"):
                continue
            try:
                item = self._item(entry)
            except UnmappableError as error:
                yield path, "all of", str(error), []
                continue
            shared = item.get("parameters", [])
            for key, operation in item.items():
                if key in _BESIDE or key.startswith("x-"):
                    continue
                if key == "additionalOperations" and isinstance(operation, dict):
                    yield from ((path, method, one, shared) for method, one in operation.items())
                elif key in self.methods:
                    yield path, key, operation, shared
                else:
                    yield path, key, "it is no method that the specification has", []

    def _item(self, entry: Any) -> dict[str, Any]:
        """Return a path item with the one that it refers to."""
        if not isinstance(entry, dict):
            raise UnmappableError("it is no path item")
        if "$ref" not in entry:
            return entry
        found, _ = self.references.resolved(self.references.target(entry["$ref"]))
        return {**found, **{key: value for key, value in entry.items() if key != "$ref"}}

    def request(self, path: str, method: str, operation: Any, shared: Any) -> Request:
        """Return an operation's request.

        Raises:
            UnmappableError: It is of another form than the specification has.
        """
        if not isinstance(operation, dict):
            raise UnmappableError("it is no operation")
        key = f"{method.upper()} {path}"
        callbacks = operation.get("callbacks")
        for name in callbacks if isinstance(callbacks, dict) else ():
            self.report.note(f"{key} callbacks {name}", "the service sends it: no tool")
        parameters = self.parameters(key, shared, operation.get("parameters", []))
        contents, needs_body = self.contents(key, operation, parameters)
        return Request(
            method,
            path,
            source if isinstance(source := operation.get("operationId"), str) else "",
            tuple(one for entry in parameters if (one := self.parameter(key, entry))),
            contents,
            needs_body,
        )

    def parameters(self, key: str, *lists: Any) -> list[dict[str, Any]]:
        """Return the parameters; one that an operation has itself replaces a shared one."""
        found: dict[tuple[Any, Any], dict[str, Any]] = {}
        for entries in lists:
            if not isinstance(entries, list):
                raise UnmappableError("its parameters are no list")
            for entry in entries:
                one, _ = self.references.resolved(entry)
                if type(one.get("name")) is not str or type(one.get("in")) is not str:
                    raise UnmappableError("a parameter has no name or place")
                found[one["name"], one["in"]] = one
        return list(found.values())

    def parameter(self, key: str, entry: Mapping[str, Any]) -> Parameter | None:
        """Return one parameter, None where the specification ignores it."""
        name, kind = entry["name"], entry["in"]
        where = f"{key} {kind}.{name}"
        if kind not in {"path", "query", "header", "cookie"}:
            raise UnmappableError(f"the parameter {name} is in {kind}, which is not read")
        if kind == "header" and name.lower() in _IGNORED:
            self.report.note(where, "the specification ignores a parameter of this name")
            return None
        is_required = kind == "path" or entry.get("required") is True
        if isinstance(content := entry.get("content"), dict) and content:
            media, one = next(iter(content.items()))
            schema = one.get("schema", True) if isinstance(one, dict) else True
            is_json = media.partition(";")[0].strip().lower().endswith("json")
            at = BODY if is_json and kind in {"query", "header"} else _place(kind, {})
            at = at if at.kind == kind else Place("body")
            return Parameter(name, cast("InputPlace", kind), at, (schema, where), is_required)
        part, at = (entry.get("schema", True), where), _place(kind, entry)
        return Parameter(name, cast("InputPlace", kind), at, part, is_required)

    def contents(
        self, key: str, operation: Mapping[str, Any], parameters: list[dict[str, Any]]
    ) -> tuple[tuple[Content, ...], bool]:
        """Return the forms of the body, and whether it is needed."""
        if (entry := operation.get("requestBody")) is None:
            return (), False
        body, _ = self.references.resolved(entry)
        content = body.get("content", {})
        if not isinstance(content, dict):
            raise UnmappableError("its body has no content")
        found = []
        for media, one in content.items():
            form = one if isinstance(one, dict) else {}
            encoding = form.get("encoding")
            found.append(
                Content(
                    media.partition(";")[0].strip().lower(),
                    (form.get("schema", True), f"{key} body"),
                    _between(encoding if isinstance(encoding, dict) else {}),
                )
            )
        return tuple(found), body.get("required") is True


def _between(encoding: Mapping[str, Any]) -> dict[str, str]:
    """Return by member of a form what stands between the items of a list."""
    return {
        name: _place("query", one).between
        for name, one in encoding.items()
        if isinstance(one, dict)
    }


def _place(kind: str, entry: Mapping[str, Any]) -> Place:
    style = entry.get("style", "simple" if kind in {"path", "header"} else "form")
    is_exploded = entry.get("explode", style == "form") is True
    between = _BETWEEN.get(style, "" if is_exploded else ",")
    if is_exploded and style in {"simple", "label", "matrix"}:
        between += "="
    avoid = {"cookie": OF_COOKIES, "query": OF_RAW_QUERIES * (entry.get("allowReserved") is True)}
    return Place(cast("Kind", kind), avoid.get(kind, ""), between)


class Swagger(OpenApi):
    """A Swagger 2 document."""

    methods = frozenset({"get", "put", "post", "delete", "options", "head", "patch"})

    @property
    def is_old(self) -> bool:
        """Whether what stands beside a reference is ignored: always."""
        return True

    def parameter(self, key: str, entry: Mapping[str, Any]) -> Parameter | None:
        """Return one parameter; those of bodies and forms are none."""
        name, kind = entry["name"], entry["in"]
        if kind in {"body", "formData"}:
            return None
        if kind not in {"path", "query", "header"}:
            raise UnmappableError(f"the parameter {name} is in {kind}, which is not read")
        between = _BY_FORMAT.get(entry.get("collectionFormat", "csv"), ",")
        return Parameter(
            name,
            cast("InputPlace", kind),
            Place(cast("Kind", kind), between=between),
            (_schema(entry), f"{key} {kind}.{name}"),
            kind == "path" or entry.get("required") is True,
        )

    def contents(
        self, key: str, operation: Mapping[str, Any], parameters: list[dict[str, Any]]
    ) -> tuple[tuple[Content, ...], bool]:
        """Return the body or the form, and whether it is needed."""
        bodies = [one for one in parameters if one["in"] == "body"]
        fields = [one for one in parameters if one["in"] == "formData"]
        consumes = operation.get("consumes", self.document.get("consumes", []))
        media = [
            str(one).partition(";")[0].strip().lower()
            for one in (consumes if isinstance(consumes, list) else [])
        ]
        if (bodies and fields) or len(bodies) > 1:
            raise UnmappableError("it has more than one body")
        if bodies:
            part = (bodies[0].get("schema", True), f"{key} body")
            found = [Content(one, part) for one in media or ["application/json"]]
            return tuple(found), bodies[0].get("required") is True
        if not fields:
            return (), False
        schema = {
            "type": "object",
            "properties": {one["name"]: _schema(one) for one in fields},
            "required": [one["name"] for one in fields if one.get("required") is True],
        }
        has_file = any(one.get("type") == "file" for one in fields)
        form = "multipart/form-data" if has_file or media == ["multipart/form-data"] else FORM
        between = {
            one["name"]: _BY_FORMAT.get(one.get("collectionFormat", "csv"), ",") for one in fields
        }
        return (Content(form, (schema, f"{key} body"), between),), bool(schema["required"])


def _schema(entry: Mapping[str, Any]) -> dict[str, Any]:
    schema = {key: value for key, value in entry.items() if key not in _NO_SCHEMA}
    return {"type": "string", "format": "binary"} if schema.get("type") == "file" else schema
