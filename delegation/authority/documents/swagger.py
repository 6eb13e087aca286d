"""Reads Swagger 2: bodies and forms among the parameters, types beside their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from delegation.authority.documents.imported import UnmappableError
from delegation.authority.documents.inputs import InputPlace
from delegation.authority.documents.openapi import OpenApi
from delegation.authority.documents.place import Kind, Place
from delegation.authority.documents.requests import FORM, Content, Parameter

_BETWEEN: Final = {"csv": ",", "ssv": " ", "tsv": "\t", "pipes": "|", "multi": ""}
_NO_SCHEMA: Final = frozenset({"name", "in", "description", "required", "collectionFormat"})


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
        between = _BETWEEN.get(entry.get("collectionFormat", "csv"), ",")
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
            one["name"]: _BETWEEN.get(one.get("collectionFormat", "csv"), ",") for one in fields
        }
        return (Content(form, (schema, f"{key} body"), between),), bool(schema["required"])


def _schema(entry: Mapping[str, Any]) -> dict[str, Any]:
    schema = {key: value for key, value in entry.items() if key not in _NO_SCHEMA}
    return {"type": "string", "format": "binary"} if schema.get("type") == "file" else schema
