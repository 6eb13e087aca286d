"""`delegation reconcile`: what services say they executed, against what was decided."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from delegation.cli.console import DENIED, JsonOption, fail, print_json, print_text
from delegation.cli.source import StoreOption, default_store, opened_store
from delegation.graph.reconciliation import reconciliation_json, reconciliation_text


def reconcile(
    log: Annotated[str, typer.Argument(help="Tool log of a service, JSON Lines, or -.")],
    *,
    store: StoreOption = None,
    skew: Annotated[int, typer.Option(help="Seconds by which its clock may differ.")] = 5,
    since: Annotated[
        int | None, typer.Option(help="Look for decisions made since then, Unix seconds.")
    ] = None,
    until: Annotated[int | None, typer.Option(help="And before then.")] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit code 3, too, for what was not executed.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Find executions without a decision, decisions without execution, and other arguments.

    Exit code 3 when anything was executed that was not allowed as it was executed.
    """
    try:
        source = nullcontext(sys.stdin.buffer) if log == "-" else Path(log).open("rb")  # noqa: SIM115  # below
    except (OSError, ValueError):
        fail("The log cannot be read.", "Name a readable file, or -.", code="malformed")
    # A store, always: a log of any length is not sent to a service.
    with source as lines, opened_store(store or default_store()) as tracker:
        try:
            found = tracker.reconcile(lines, skew=skew, since=since, until=until)
        except OSError:
            fail("The log cannot be read to its end.", "Try again.", code="malformed")
    if as_json:
        print_json(reconciliation_json(found))
    else:
        print_text(reconciliation_text(found))
    failed = found.is_bypassed or (strict and bool(found.counts.total()))
    raise typer.Exit(DENIED if failed else 0)
