"""Starts the program `delegation`."""

from __future__ import annotations

from typing import Annotated

import typer

from delegation.cli.program import Program
from delegation.distribution import VERSION

app = typer.Typer(
    cls=Program,
    help="Authority for multi-agent systems: hand on, check, draw, explain, revoke. "
    "Begin with delegation quickstart.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 3 denied. Errors go to standard error.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",  # a Markdown parser for each of forty lines was a sixth of `--help`
)


def _version(wanted: bool) -> None:  # noqa: FBT001  # typer's own signature
    if wanted:
        typer.echo(VERSION)
        raise typer.Exit


@app.callback()
def program(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Read what stands before a command."""
