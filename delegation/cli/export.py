"""Writes any view as a file, with its manifest beside it: `delegation export`."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from delegation.canonical import Json
from delegation.cli.console import USAGE, JsonOption, fail, note, print_json, tell
from delegation.cli.holder import write_private
from delegation.cli.source import StoreOption, UrlOption, opened
from delegation.errors import DelegationError, MalformedError
from delegation.lineage.export_forms import FORMS
from delegation.lineage.selection import VIEWS, Selection

if TYPE_CHECKING:
    from delegation.export.exported import Exported
    from delegation.operations.backend import Backend

PAUSE: Final = 0.3  # seconds between two looks at a job
ViewArgument = Annotated[str, typer.Argument(help="One of: " + ", ".join(VIEWS))]


def export(
    view: ViewArgument,
    *,
    form: Annotated[str, typer.Option("--format", help=" ".join(FORMS))] = "csv",
    task: Annotated[str, typer.Option(help="Only of this task.")] = "",
    link: Annotated[str, typer.Option(help="Only of this link.")] = "",
    wanted: Annotated[
        list[str] | None,
        typer.Option("--filter", "-f", help="Another filter that the view has: NAME=VALUE."),
    ] = None,
    at: Annotated[int | None, typer.Option(min=0, help="A past instant, Unix seconds.")] = None,
    job: Annotated[
        bool, typer.Option("--job", help="Have it made beside, with progress; it may be larger.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File; else standard output.")
    ] = None,
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Export a view as a file; with --out its manifest and SHA-256 are written beside it."""
    given = {"task": task, "link": link, "at": "" if at is None else str(at), **_filters(wanted)}
    try:
        asked = Selection.read(view, form, given)
    except MalformedError as error:
        fail(str(error), error.remedy, code="usage", status=USAGE)
    if out is None and not FORMS[form].is_text:
        remedy = "Name a file with --out."
        fail("A picture is not printed to a terminal.", remedy, code="usage", status=USAGE)
    with opened(store, url) as place:
        if job:
            made = _waited(place, asked, quiet=as_json)
        else:
            made = place.export(asked.view, asked.form, **_given(asked))
    said = {**made.manifest.to_json(), "sha256": made.digest.hex(), "bytes": len(made.data)}
    if out is None:
        if as_json:
            print_json({**said, "data": made.data.decode()})
        else:
            typer.echo(made.data, nl=False)  # cleaned by its writer
        return
    beside = _written(out, made, said)
    tell(
        {**said, "file": str(out), "manifest": str(beside)},
        f"{out} ({len(made.data)} bytes, sha256 {made.digest.hex()})",
        as_json=as_json,
    )


def _waited(place: Backend, asked: Selection, *, quiet: bool) -> Exported:
    """Return what a job made; whoever interrupts cancels it."""
    job = place.ask_export(asked.view, asked.form, **_given(asked))
    try:
        told = -1
        while job.is_active:
            time.sleep(PAUSE)
            job = place.export_job(job.id)
            if job.done != told and not quiet:
                told = job.done
                note(f"{job.state}: {job.done} of {job.total or 'an unknown number'}")
        if job.state != "done":
            message = f"The export is {job.state}. {job.message}".strip()
            fail(message, "Narrow the filter, or try again.", code=job.code or "export_stopped")
        return place.export_file(job.id)
    finally:
        with suppress(DelegationError):
            place.cancel_export(job.id)  # its file is here, or wanted no more


def _given(asked: Selection) -> dict[str, Any]:
    return {**asked.given}


def _filters(wanted: list[str] | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in wanted or ():
        name, mark, value = one.partition("=")
        if not mark or not value or name in found:
            remedy = "Write --filter NAME=VALUE, each name once."
            fail("A filter has another form.", remedy, code="usage", status=USAGE)
        found[name] = value
    return found


def _written(out: Path, made: Exported, said: dict[str, Json]) -> Path:
    beside = Path(f"{out}.manifest.json")
    try:
        write_private(out, made.data)
        write_private(beside, (json.dumps(said, indent=2, ensure_ascii=True) + "\n").encode())
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "its name"
        fail(f"The export cannot be written: {why}.", "Name another file.")
    return beside
