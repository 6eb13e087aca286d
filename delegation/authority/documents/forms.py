"""Recognises the form of a document, and imports the tools that it describes."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from delegation.authority.documents.imported import Imported
from delegation.authority.documents.openapi import OpenApi, Swagger
from delegation.authority.documents.reading import refuse_deep
from delegation.authority.documents.tool_schemas import listed, tool_of_schema, tools_of_list
from delegation.errors import MalformedError

DocumentForm: TypeAlias = Literal["openapi", "swagger", "mcp", "jsonschema"]


def form_of(document: Any) -> DocumentForm | None:
    """Return which form a parsed document has, None for none that is known."""
    if listed(document) is not None:
        return "mcp"
    if not isinstance(document, dict):
        return None
    if "openapi" in document:
        return "openapi"
    if "swagger" in document:
        return "swagger"
    is_schema = "$schema" in document or "$defs" in document or "properties" in document
    return "jsonschema" if is_schema else None


def tools_from(
    document: Any, *, prefix: str = "", system: str = "", form: DocumentForm | None = None
) -> Imported:
    """Return the tools that a document describes: OpenAPI 3, Swagger 2, MCP's `tools/list`, JSON Schema.

    Names are the prefix and the document's own names in lower-case words; those are kept as aliases.
    Effects follow from methods and annotations. Look at effects, labels, sensitivity and cost before
    you register: no document states them. What is not kept of it is in `notes`.

    Args:
        document: Its value, as parsed from JSON or YAML.
        prefix: First segments of the tools' names, such as `crm`.
        system: Which system they act on.
        form: What it is; recognised where left out.

    Raises:
        MalformedError: It is none of these, too deep, or has too many operations.
    """
    refuse_deep(document)
    form = form or form_of(document)
    if form == "mcp":
        return tools_of_list(document, prefix=prefix, system=system)
    if form == "jsonschema":
        return tool_of_schema(document, prefix=prefix, system=system)
    if isinstance(document, dict):
        if form == "openapi" and str(document.get("openapi", "")).startswith("3."):
            return OpenApi(document).imported(prefix=prefix, system=system)
        if form == "swagger" and str(document.get("swagger", "")).startswith("2"):
            return Swagger(document).imported(prefix=prefix, system=system)
    raise MalformedError(
        "The document", wanted="OpenAPI 3, Swagger 2, an MCP tools/list answer or a JSON Schema"
    )
