"""Rehearses our own run, and recorded runs of others: `delegation demo`, `delegation rehearse`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from delegation.cli.console import JsonOption

app = typer.Typer(help="Replay recorded runs of agents.", no_args_is_help=True)


def demo(
    folder: Annotated[Path, typer.Option(help="Where the store and the picture go.")] = Path(
        "demo"
    ),
    *,
    as_json: JsonOption = False,
) -> None:
    """Run the support desk against a real server: honest agents, and a hijacked one."""
    from delegation.rehearsal.command import demo as run  # noqa: PLC0415  # starts in a moment

    raise typer.Exit(run(folder, as_json=as_json))


@app.command("whowhen")
def whowhen(
    directory: Annotated[Path, typer.Argument(help="Folder of the Who&When transcripts.")],
    *,
    store: Annotated[
        Path | None, typer.Option("--store", help="SQLite file to write to; else delegation.db.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many runs.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Rehearse recorded multi-agent runs: hand-offs become delegations, actions become checks."""
    from delegation.rehearsal.command import rehearse_whowhen  # noqa: PLC0415

    raise typer.Exit(rehearse_whowhen(directory, store=store, as_json=as_json, limit=limit))
