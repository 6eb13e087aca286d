"""Lists, shows and imports the tools that agents may be allowed to call: `delegation catalogue`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final, Literal, cast

import typer

from delegation import sent_json
from delegation.authority.catalogue import Catalogue, Tool
from delegation.authority.documents.forms import DocumentForm
from delegation.authority.documents.imported import Imported
from delegation.authority.documents.reading import MAX_DOCUMENT
from delegation.authority.reimport import Redefinition, redefinitions, reimported, without_aliases
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
    tell,
    tell_rows,
    told_ending,
)
from delegation.cli.source import StoreOption, UrlOption, has_store, opened
from delegation.errors import ConflictError, MalformedError, NotFoundError
from delegation.lineage.feed import Revocation
from delegation.lineage.revocation_effect import ended_of

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_tools(
    *, store: StoreOption = None, url: UrlOption = None, as_json: JsonOption = False
) -> None:
    """List the newest definition of each tool."""
    with opened(store, url) as place:
        found = place.catalogue()
    rows = [
        (t.name, t.effect, t.system, t.sensitivity, ", ".join(t.labels), ", ".join(_arguments(t)))
        for t in found.tools
    ]
    columns = ("tool", "effect", "system", "sensitivity", "labels", "arguments")
    tell_rows(
        {"revision": found.revision, "tools": [tool.to_json() for tool in found.tools]},
        f"Catalogue, revision {found.revision}",
        columns,
        rows,
        as_json=as_json,
    )


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
    tell(
        {"revision": revision},
        f"{pattern}: {', '.join(labels)}; revision {revision}",
        as_json=as_json,
    )


@app.command("labels")
def list_labels(
    *, store: StoreOption = None, url: UrlOption = None, as_json: JsonOption = False
) -> None:
    """List the newest labels of each pattern of resources."""
    with opened(store, url) as place:
        found = place.catalogue().resources
    newest = [found[pattern][-1] for pattern in sorted(found)]
    rows = [(entry.pattern.text, ", ".join(entry.labels), number) for number, entry in newest]
    tell_rows(
        [{"revision": number, **entry.to_json()} for number, entry in newest],
        "Labels of resources",
        ("pattern", "labels", "revision"),
        rows,
        as_json=as_json,
    )


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


_MOST_SHOWN: Final = 20  # of a kind of notes on a terminal; --verbose and --json have all
_LOST: Final = "not kept"
_MOST_PLACES: Final = 3  # of one note
_MOST_TYPE: Final = 160  # characters of an argument's type


def read_import(source: str, *, form: str, prefix: str, system: str) -> Imported:
    """Return the tools of a file; what is wrong with it names the option that helps."""
    text, kind = read_text(source, most=MAX_DOCUMENT), _form(source, form)
    try:
        return read_tools(text, kind, prefix=prefix, system=system)
    except MalformedError as error:
        if error.field == "The prefix":
            said = f"--prefix must be {error.wanted}."
            fail(said, "Give it, such as --prefix crm.", code="malformed")
        if error.field in {"The document", "The list of tools"}:
            given = f"It was read as --format {form}." if form else "Say what it is with --format."
            fail(str(error), f"{error.remedy} {given}", code="malformed")
        raise


def compared(before: Catalogue, found: Imported) -> tuple[Redefinition, ...]:
    """Return what recording an import's tools would change; all of them can be recorded, or none is."""
    try:
        return redefinitions(before, found.tools)
    except ConflictError as error:
        fail(str(error), _other_names(before, found), code=error.code)


@dataclass(frozen=True, slots=True)
class Shown:
    """What came of an import.

    Args:
        found: The document's tools, with what was left out and noted.
        changed: Each against the catalogue.
        ended: By tool what of it is ended.
        kept: By tool the fields that stay as they were set by hand.
        gone: Tools of the prefix that are not among them.
        revision: The catalogue's, after it.
        is_dry: Whether nothing was recorded.
        is_whole: Whether every note is shown with every place.
    """

    found: Imported
    changed: Sequence[Redefinition]
    ended: Mapping[str, Sequence[Revocation]]
    kept: Mapping[str, Sequence[str]]
    gone: Sequence[str]
    revision: int
    is_dry: bool
    is_whole: bool

    def to_json(self) -> dict[str, object]:
        """Return all of it for programs."""
        found = self.found
        return {
            "dry_run": self.is_dry,
            "revision": self.revision,
            "tools": [
                {
                    **one.to_json(),
                    "arguments": one.tool.to_json()["arguments"],
                    "kept": list(self.kept.get(one.tool.name, ())),
                    "ended": list(self.ended[one.tool.name]),
                }
                for one in self.changed
            ],
            "gone": list(self.gone),
            "skipped": [{"operation": what, "why": why} for what, why in found.skipped],
            "notes": [
                {"place": where, "what": what, "lost": (where, what) in found.lost}
                for where, what in found.notes
            ],
            "bounds": {"kept": found.bounds_kept, "lost": found.bounds_lost},
        }

    def say(self, *, is_compared: bool) -> None:
        """Print it for people: the tools on standard output, what is lost and remarked beside it."""
        for one in self.changed:
            self._say_change(one)
        for name in self.gone:
            say(f"- {name} is not among them; it stays as it is: revoke it if nothing offers it")
        self.say_skipped()
        self._say_notes(_LOST, [one for one in self.found.notes if one in self.found.lost])
        self._say_notes("note", [one for one in self.found.notes if one not in self.found.lost])
        if self.found.bounds_kept or self.found.bounds_lost:
            total = self.found.bounds_kept + self.found.bounds_lost
            say(f"{self.found.bounds_kept} of the document's {total} bounds are kept")
        if not is_compared:
            say("there is no store to compare with: all of them count as added")
        kinds = [one.kind for one in self.changed]
        done = "would be" if self.is_dry else "are"
        say(
            f"{kinds.count('added')} {done} added, {kinds.count('changed')} {done} changed, "
            f"{kinds.count('same')} are the same; revision {self.revision}"
        )

    def say_skipped(self) -> None:
        """Name what was left out, with the reason."""
        for operation, why in self.found.skipped:
            note(f"left out: {operation}: {why}")

    def _say_change(self, one: Redefinition) -> None:
        mark = {"added": "+", "changed": "~", "same": "="}[one.kind]
        say(f"{mark} {one.tool.name} {one.tool.effect}")
        if self.is_dry:
            for name, argument in one.tool.arguments.items():
                kind = shown_json(argument.type.to_json())
                cut = kind if self.is_whole or len(kind) <= _MOST_TYPE else f"{kind[:_MOST_TYPE]}…"
                say(f"{name}{'' if argument.required else '?'}: {cut}", under="    ")
        for change in one.changes:
            said = f"{shown_json(change.before)} -> {shown_json(change.after)}"
            say(f"{change.field}: {said}", under="    ")
        if kept := self.kept.get(one.tool.name):
            say(
                f"kept as set by hand: {', '.join(kept)}; --reset takes the document's",
                under="    ",
            )
        if one.refuses_issued:
            say("tokens issued before this revision are refused for this tool", under="    ")
        for end in self.ended[one.tool.name]:
            words = told_ending(end)
            say(f"{words}; calls under tokens that were issued before stay refused", under="    ")

    def _say_notes(self, word: str, notes: Sequence[tuple[str, str]]) -> None:
        """Say each note once, with the first of its places and how many there are."""
        places: dict[str, list[str]] = {}
        for where, what in notes:
            said = what.replace(" is not kept: ", ": ", 1) if word == _LOST else what
            places.setdefault(said, []).append(where)
        most = len(places) if self.is_whole else _MOST_SHOWN
        for what, some in list(places.items())[:most]:
            if len(some) == 1:
                note(f"{word}: {some[0]}: {what}")
                continue
            first = some if self.is_whole else some[:_MOST_PLACES]
            rest = f" and {len(some) - len(first)} more" if len(some) > len(first) else ""
            note(f"{word}: {what}; {len(some)} places: {', '.join(first)}{rest}")
        if len(places) > most:
            note(f"{word}: {len(places) - most} more; --verbose and --json have all of them")


def _other_names(before: Catalogue, found: Imported) -> str:
    """Return what to do about a name that is another tool's."""
    if not found.prefix:
        return "Name the tool otherwise in the list, or leave that alias out."
    own = (before.names.meant(tool.name, before.revision) for tool in found.tools)
    if any(meant not in {"", tool.name} for meant, tool in zip(own, found.tools, strict=True)):
        return "Give another --prefix: with this one a tool has the name that is another's alias."
    return (
        "Give --no-aliases: its tools are then called by their full names. "
        "Of the same server give the --prefix that it has already."
    )


def shown_json(value: Json) -> str:
    """Return a value of a definition as people read it: text as it is, all else as JSON."""
    return value if isinstance(value, str) else sent_json.text_of(value)


def _form(source: str, form: str) -> Literal["json", "toml"] | DocumentForm | None:
    if form and form not in FORMS:
        fail(
            "--format names no format that there is.",
            f"Use one of: {', '.join(FORMS)}; or leave it out.",
            code="usage",
            status=USAGE,
        )
    if not form and Path(source).suffix == ".toml":
        return "toml"
    return cast("DocumentForm", form) if form else None
