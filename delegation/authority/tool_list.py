"""Reads tools from a text: our own list of definitions, JSON or TOML, or a document of others.

In our own list whatever is not understood is refused with its place: a definition that was half read
would be a tool that nobody described. A document's tools are made of what it says (`documents`).
"""

from __future__ import annotations

import tomllib
from typing import Any, Final, Literal, TypeAlias, get_args

from delegation import canonical
from delegation.authority.alias import RESERVED_PREFIX
from delegation.authority.catalogue import FIELDS, Tool
from delegation.authority.documents.forms import DocumentForm, form_of, tools_from
from delegation.authority.documents.imported import Imported
from delegation.authority.documents.reading import MAX_DOCUMENT, read_document
from delegation.authority.pattern import TOOL_NAME
from delegation.authority.resource_template import refuse_ambiguous
from delegation.canonical import Json
from delegation.errors import MalformedError

ListForm: TypeAlias = Literal["json", "toml"]
FORMS: Final = (*get_args(ListForm), *get_args(DocumentForm))
MAX_TOOLS: Final = 2000
_NEEDED: Final = frozenset({"name", "effect"})


def read_tools(
    text: str, form: ListForm | DocumentForm | None = None, *, prefix: str = "", system: str = ""
) -> Imported:
    """Return the tools that a text defines.

    `json` is a list of definitions, or an object whose member `tools` is one (its `revision`, with which
    a catalogue is listed, says nothing); `toml` has
    `[[tools]]` tables; all others are documents, as JSON or YAML (`documents.forms.tools_from`).

    Args:
        text: The list or document.
        form: What it is; of all but TOML recognised by its content where left out.
        prefix: First segments of the names, for documents, which need it.
        system: Which system the tools act on, for documents.

    Raises:
        MalformedError: It is something else; names the place of the first part that is not accepted.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_DOCUMENT:
        raise MalformedError("The document", wanted=f"at most {MAX_DOCUMENT} bytes")
    if form == "toml":
        return Imported(_listed(_toml(text)), ())
    if form == "json":
        return Imported(_listed(_json(text)), ())
    document = read_document(text)
    form = form or form_of(document)
    if form is None:
        return Imported(_listed(_json(text)), ())
    if not prefix:
        raise MalformedError("The prefix", wanted="the first segment of the tools' names")
    return tools_from(document, prefix=prefix, system=system, form=form)


def _json(text: str) -> Json:
    try:
        return canonical.parse(text)
    except MalformedError as error:
        raise MalformedError(
            "The list of tools", wanted="JSON without floats or duplicate members"
        ) from error


def _toml(text: str) -> Any:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedError("The list of tools", wanted="TOML with [[tools]] tables") from error


def _listed(body: Any) -> tuple[Tool, ...]:
    if isinstance(body, dict):
        if body.keys() - {"tools", "revision"} or "tools" not in body:
            raise MalformedError(
                "The document", wanted="one of `tools`, as the catalogue is listed, or a list"
            )
        body = body["tools"]
    if not isinstance(body, list) or not body or len(body) > MAX_TOOLS:
        raise MalformedError("tools", wanted=f"a list of 1 to {MAX_TOOLS} definitions")
    found: dict[str, Tool] = {}
    for number, entry in enumerate(body):
        place = f"tools[{number}]"
        tool = _tool(entry, place)
        if tool.name in found:
            raise MalformedError(f"{place}.name", wanted="one that no other definition has")
        found[tool.name] = tool
    return tuple(found[name] for name in sorted(found))


def _tool(entry: Any, place: str) -> Tool:
    if not isinstance(entry, dict):
        raise MalformedError(place, wanted="a table of a tool's fields")
    if isinstance(name := entry.get("name"), str) and TOOL_NAME.fullmatch(name):
        place = f"{place} ({name})"
        if name.startswith(RESERVED_PREFIX):
            raise MalformedError(place, wanted=f"a name that does not begin with {RESERVED_PREFIX}")
    for key in sorted(map(str, entry.keys() - FIELDS)):
        shown = key if key.isascii() and key.isidentifier() and len(key) <= 64 else "a field"  # noqa: PLR2004
        raise MalformedError(f"{place}.{shown}", wanted=f"one of {', '.join(sorted(FIELDS))}")
    for key in sorted(_NEEDED - entry.keys()):
        raise MalformedError(f"{place}.{key}", wanted="there")
    try:
        # Through JSON: TOML has dates and floats, which no definition holds.
        tool = Tool.from_json(canonical.parse(canonical.encode(entry)))
        refuse_ambiguous(tool.resource)
    except MalformedError as error:
        raise MalformedError(f"{place}: {error.field}", wanted=error.wanted) from error
    return tool
