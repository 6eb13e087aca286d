"""Reads lists of tools that state their arguments as JSON Schema: MCP's `tools/list`, and schemas alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from delegation.authority.documents.imported import Imported, Report, UnmappableError, shown
from delegation.authority.documents.inputs import BODY
from delegation.authority.documents.naming import Draft, argument_name, imported, refuse_odd_prefix
from delegation.authority.documents.numbers import NeverError
from delegation.authority.documents.references import References
from delegation.authority.documents.schema import Made, Schemas
from delegation.canonical import Json
from delegation.errors import MalformedError

MAX_TOOLS: Final = 5000
_SCHEMAS: Final = ("inputSchema", "input_schema", "parameters")
_OLD: Final = ("draft-04", "draft-06", "draft-07")


def listed(document: Any) -> list[dict[str, Any]] | None:
    """Return the tools of an MCP answer, or of a list as APIs of models take it; None for others."""
    body = document
    if isinstance(body, dict) and isinstance(body.get("result"), dict):
        body = body["result"]
    if isinstance(body, dict):
        body = body.get("tools")
    if not isinstance(body, list) or not body or not all(isinstance(one, dict) for one in body):
        return None
    tools = [one["function"] if isinstance(one.get("function"), dict) else one for one in body]
    return tools if all(any(key in one for key in _SCHEMAS) for one in tools) else None


def tools_of_list(document: Any, *, prefix: str, system: str) -> Imported:
    """Return a tool of each entry of a list.

    Annotations say what a call does: `readOnlyHint` reads, `destructiveHint` deletes; without any it
    writes. They are the server's claims.

    Raises:
        MalformedError: It is no such list, or too long.
    """
    refuse_odd_prefix(prefix)
    if (tools := listed(document)) is None or len(tools) > MAX_TOOLS:
        raise MalformedError(
            "The document", wanted=f"a tools/list answer of 1 to {MAX_TOOLS} tools"
        )
    report, drafts, skipped = Report(), list[Draft](), list[tuple[str, str]]()
    for number, entry in enumerate(tools):
        name = entry.get("name")
        if not isinstance(name, str) or not name:
            skipped.append((f"tools[{number}]", "it has no name"))
            continue
        try:
            schema = next(entry[one] for one in _SCHEMAS if one in entry)
            arguments = arguments_of(schema, report, name)
            drafts.append(Draft(name, name, _effect(entry.get("annotations")), arguments))
        except UnmappableError as error:
            skipped.append((shown(name), shown(str(error))))
    answer = document.get("result", document) if isinstance(document, dict) else {}
    if isinstance(answer, dict) and answer.get("nextCursor"):
        report.note("tools/list", "the answer is one page of several; the others are not in it")
    return imported(drafts, skipped, report, prefix=prefix, system=system)


def tool_of_schema(document: Any, *, prefix: str, system: str) -> Imported:
    """Return one tool whose arguments a JSON Schema describes, named by its title.

    Raises:
        MalformedError: It is no schema of an object, or has no title.
    """
    refuse_odd_prefix(prefix)
    if not isinstance(document, dict) or not isinstance(document.get("title"), str):
        raise MalformedError("The schema", wanted="one of an object, with a title")
    title, report = document["title"], Report()
    try:
        draft = Draft(title, title, "write", arguments_of(document, report, title))
    except UnmappableError as error:
        return imported(
            [], [(shown(title), shown(str(error)))], report, prefix=prefix, system=system
        )
    return imported([draft], [], report, prefix=prefix, system=system)


def arguments_of(schema: Any, report: Report, place: str) -> dict[str, Json]:
    """Return the arguments, types by key, that a JSON Schema of an object describes.

    Args:
        schema: The schema, as parsed; its references begin at itself.
        report: Takes what is not kept.
        place: What notes call it.

    Raises:
        UnmappableError: It is no schema of an object, or admits none.
    """
    is_old = isinstance(schema, dict) and any(one in str(schema.get("$schema")) for one in _OLD)
    schemas = Schemas(References(schema), report, is_old=is_old)
    try:
        facts = schemas.together([(schema, place)])
        if facts.types is not None and "object" not in facts.types:
            raise UnmappableError("its arguments are no object")
        schemas.lose_unsaid(facts)
        members = schemas.members(facts, BODY, place)
    except NeverError as error:
        raise UnmappableError(f"it admits no arguments: {error}") from error
    found: dict[str, tuple[Made, bool]] = {}
    for key, one in members.items():
        found[argument_name(key, "body", found, report, one.place)] = (one.type, one.is_required)
    return {name if needed else f"{name}?": made.type for name, (made, needed) in found.items()}


def _effect(annotations: Any) -> str:
    hints: Mapping[str, Any] = annotations if isinstance(annotations, dict) else {}
    if hints.get("destructiveHint") is True:
        return "delete"
    return "read" if hints.get("readOnlyHint") is True else "write"
