"""`delegation catalogue`: tools that agents may be allowed to call; listed, shown, imported."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Annotated

import typer

from delegation.authority.catalogue import Catalogue, Tool
from delegation.authority.reimport import reimported, without_aliases
from delegation.authority.tool_list import FORMS
from delegation.cli.console import JsonOption, fail, note, print_json, print_table, say
from delegation.cli.importing import Shown, compared, read_import, shown_json
from delegation.cli.source import StoreOption, UrlOption, has_store, opened
from delegation.errors import NotFoundError
from delegation.lineage.revocation_effect import ended_of

app = typer.Typer(no_args_is_help=True)


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
            [(name, shown_json(value)) for name, value in body.items() if name != "name"],
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
    reset: Annotated[
        bool, typer.Option("--reset", help="Of a document: keep nothing that was set by hand.")
    ] = False,
    no_aliases: Annotated[
        bool,
        typer.Option("--no-aliases", help="Of a document: call tools by their full names only."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it; record nothing.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show every note and place.")] = False,
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Record the tools of a list (JSON, TOML) or of a document, and show what changed.

    A document is OpenAPI 3, Swagger 2 (JSON or YAML), an MCP tools/list answer or a JSON Schema. An
    unknown field of a list, or an operation that no definition can state, is refused, and then nothing
    is recorded. What is not kept of a document's bounds is named. Look at effects, labels, sensitivity
    and cost: no document states them, and what was set of them by hand stays. Tools and systems that
    are revoked or suspended are named: a definition brings back nothing that was ended.
    """
    found = read_import(source, form=form, prefix=prefix, system=system)
    if no_aliases:
        found = replace(found, tools=tuple(map(without_aliases, found.tools)))
    is_compared = not dry_run or has_store(store, url)
    with opened(store, url) if is_compared else nullcontext() as place:
        before = Catalogue() if place is None else place.catalogue()
        revision = before.revision
        # A list of ours states all of a definition; a document does not.
        again = reimported(
            before, found.tools, prefix=found.prefix, reset=reset or not found.prefix
        )
        found = replace(found, tools=again.tools, skipped=(*found.skipped, *again.skipped))
        told = [] if place is None else place.ended_tools()
        changed = compared(before, found)
        ended = {one.tool.name: ended_of(before, one.tool, told) for one in changed}
        is_refused = bool(found.skipped) and not partial
        if place is not None and not dry_run and not is_refused:
            for one in changed:
                if one.kind != "same":
                    revision = place.add_tool(one.tool)
    gone = [
        name for name in again.gone if ("tool", name) not in {change.subject for change in told}
    ]
    shown = Shown(found, changed, ended, again.kept, gone, revision, dry_run, verbose)
    if as_json and (dry_run or not is_refused):
        print_json(shown.to_json())
    elif dry_run or not is_refused:
        shown.say(is_compared=is_compared)
    else:
        shown.say_skipped()
    if is_refused:
        fail(
            f"{len(found.skipped)} operations cannot be mapped; nothing was recorded.",
            "Leave them out of the document, or give --partial.",
            code="malformed",
        )


def _arguments(tool: Tool) -> list[str]:
    return [name + ("" if argument.required else "?") for name, argument in tool.arguments.items()]
