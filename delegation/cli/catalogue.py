"""`delegation catalogue`: tools that agents may be allowed to call; listed, shown, imported."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, cast

import typer

from delegation import canonical
from delegation.authority.catalogue import Tool
from delegation.authority.documents.forms import DocumentForm
from delegation.authority.documents.imported import Imported
from delegation.authority.redefinition import Redefinition, redefinitions
from delegation.authority.tool_list import FORMS, read_tools
from delegation.canonical import Json
from delegation.cli.console import (
    USAGE,
    JsonOption,
    fail,
    note,
    print_json,
    print_table,
    read_text,
    say,
    told_ending,
)
from delegation.cli.source import StoreOption, UrlOption, opened
from delegation.errors import NotFoundError
from delegation.lineage.ending import ended_of
from delegation.messages.standing import change_json

app = typer.Typer(no_args_is_help=True)
_MOST_SHOWN = 20  # notes on a terminal; --json has all


@app.command("list")
def list_tools(
    *, store: StoreOption = None, url: UrlOption = None, as_json: JsonOption = False
) -> None:
    """List the newest definition of each tool."""
    with opened(store, url) as place:
        found = place.catalogue()
    if as_json:
        print_json({"revision": found.revision, "tools": [tool.to_json() for tool in found.tools]})
        return
    rows = [
        (t.name, t.effect, t.system, t.sensitivity, ", ".join(t.labels), ", ".join(_arguments(t)))
        for t in found.tools
    ]
    columns = ("tool", "effect", "system", "sensitivity", "labels", "arguments")
    print_table(f"Catalogue, revision {found.revision}", columns, rows)


@app.command("show")
def show(
    tool: Annotated[str, typer.Argument(help="Its name, or an alias of it.")],
    *,
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show every definition that a tool ever had, with the revision that brought it."""
    with opened(store, url) as place:
        found_in = place.catalogue()
    own = found_in.names.meant(tool, found_in.revision)
    history = found_in.history.get(own, ())
    if own and own != tool:
        note(f"{tool} is an alias of {own}; grants name it {own}")
    if not history:
        raise NotFoundError("tool", tool)
    if as_json:
        print_json([{"revision": number, "tool": found.to_json()} for number, found in history])
        return
    for number, found in history:
        body = found.to_json()
        print_table(
            f"{found.name}, revision {number}",
            ("field", "value"),
            [(name, _shown(value)) for name, value in body.items() if name != "name"],
        )


@app.command("label")
def label(
    pattern: Annotated[str, typer.Argument(help="Of resources' names, such as db:crm/**.")],
    labels: Annotated[list[str], typer.Argument(help="Labels that calls on them bring along.")],
    *,
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Declare labels of resources; a later declaration of the same pattern replaces them."""
    with opened(store, url) as place:
        revision = place.label_resources(pattern, labels)
    if as_json:
        print_json({"revision": revision})
    else:
        say(f"{pattern}: {', '.join(labels)}; revision {revision}")


@app.command("labels")
def list_labels(
    *, store: StoreOption = None, url: UrlOption = None, as_json: JsonOption = False
) -> None:
    """List the newest labels of each pattern of resources."""
    with opened(store, url) as place:
        found = place.catalogue().resources
    newest = [found[pattern][-1] for pattern in sorted(found)]
    if as_json:
        print_json([{"revision": number, **entry.to_json()} for number, entry in newest])
        return
    rows = [(entry.pattern.text, ", ".join(entry.labels), number) for number, entry in newest]
    print_table("Labels of resources", ("pattern", "labels", "revision"), rows)


@app.command("import")
def import_tools(
    source: Annotated[str, typer.Argument(help="File, or - for standard input.")],
    *,
    form: Annotated[
        str, typer.Option("--format", help=f"{', '.join(FORMS)}; else by what is in it.")
    ] = "",
    prefix: Annotated[str, typer.Option(help="Of a document: first segment of the names.")] = "",
    system: Annotated[str, typer.Option(help="Of a document: which system they act on.")] = "",
    partial: Annotated[
        bool, typer.Option("--partial", help="Import what can be mapped, and leave out the rest.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it; record nothing.")] = False,
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Record the tools of a list (JSON, TOML) or of a document, and show what changed.

    A document is OpenAPI 3, Swagger 2 (JSON or YAML), an MCP tools/list answer or a JSON Schema. An
    unknown field of a list, or an operation that no definition can state, is refused, and then nothing
    is recorded. What is not kept of a document's bounds is named. Look at effects, labels, sensitivity
    and cost: no document states them. Tools and systems that are revoked or suspended are named: a
    definition brings back nothing that was ended.
    """
    text = read_text(source)
    found = read_tools(text, _form(source, form), prefix=prefix, system=system)
    with opened(store, url) as place:
        before = place.catalogue()
        changed = redefinitions(before, found.tools)
        told = place.ended_tools()
        ended = {one.tool.name: ended_of(before, one.tool, told) for one in changed}
        if found.skipped and not (partial or dry_run):
            _say_skipped(found)
            fail(
                f"{len(found.skipped)} operations cannot be mapped; nothing was recorded.",
                "Leave them out of the document, or give --partial.",
                code="malformed",
            )
        for one in changed:  # all of them can be recorded, or none is
            before = before.with_tool(one.tool)
        revision = place.catalogue().revision
        for one in changed:
            if one.kind != "same" and not dry_run:
                revision = place.add_tool(one.tool)
    if as_json:
        print_json(
            {
                "dry_run": dry_run,
                "revision": revision,
                "tools": [
                    {**one.to_json(), "ended": [change_json(end) for end in ended[one.tool.name]]}
                    for one in changed
                ],
                "skipped": [{"operation": what, "why": why} for what, why in found.skipped],
                "notes": [{"place": where, "what": what} for where, what in found.notes],
                "bounds": {"kept": found.bounds_kept, "lost": found.bounds_lost},
            }
        )
        return
    for one in changed:
        _say_change(one)
        for end in ended[one.tool.name]:
            words = told_ending(end)
            say(f"{words}; calls under tokens that were issued before stay refused", under="    ")
    _say_skipped(found)
    _say_notes(found)
    count = {kind: sum(c.kind == kind for c in changed) for kind in ("added", "changed", "same")}
    done = "would be" if dry_run else "are"
    say(
        f"{count['added']} {done} added, {count['changed']} {done} changed, "
        f"{count['same']} are the same; revision {revision}"
    )


def _form(source: str, form: str) -> Literal["json", "toml"] | DocumentForm | None:
    if form and form not in FORMS:
        fail(
            "There is no such format.",
            f"Use one of: {', '.join(FORMS)}.",
            code="usage",
            status=USAGE,
        )
    if not form and Path(source).suffix == ".toml":
        return "toml"
    return cast("DocumentForm", form) if form else None


def _say_change(one: Redefinition) -> None:
    mark = {"added": "+", "changed": "~", "same": "="}[one.kind]
    say(f"{mark} {one.tool.name} {one.tool.effect}")
    for change in one.changes:
        say(f"{change.field}: {_shown(change.before)} -> {_shown(change.after)}", under="    ")
    if one.refuses_issued:
        say("tokens issued before this revision are refused for this tool", under="    ")


def _say_skipped(found: Imported) -> None:
    for operation, why in found.skipped:
        note(f"left out: {operation}: {why}")


def _say_notes(found: Imported) -> None:
    """Say what was not kept of a document: the first of it, and how much there is."""
    for place, what in found.notes[:_MOST_SHOWN]:
        note(f"note: {place}: {what}")
    if len(found.notes) > _MOST_SHOWN:
        note(f"note: {len(found.notes) - _MOST_SHOWN} more; --json has all of them")
    if found.bounds_kept or found.bounds_lost:
        total = found.bounds_kept + found.bounds_lost
        say(f"{found.bounds_kept} of the document's {total} bounds are kept")


def _arguments(tool: Tool) -> list[str]:
    return [name + ("" if argument.required else "?") for name, argument in tool.arguments.items()]


def _shown(value: Json) -> str:
    return value if isinstance(value, str) else canonical.encode(value).decode()
