"""The program `delegation`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from delegation import __version__
from delegation.cli import (
    agents,
    approvals,
    catalogue,
    child_tasks,
    doctor,
    export,
    guardrails,
    handing,
    init,
    keys,
    links,
    log,
    login,
    proving,
    quickstart,
    reconcile,
    retention,
    review,
    schema,
    server,
    standing,
    task,
    tighten,
    tokens,
)
from delegation.cli.console import JsonOption, print_json, say
from delegation.cli.program import Program

app = typer.Typer(
    cls=Program,
    help="Authority for multi-agent systems: hand on, check, draw, explain, revoke. "
    "Begin with `delegation quickstart`.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 3 denied. Errors go to standard error.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.command("quickstart")(quickstart.quickstart)
app.command("init")(init.init)
app.command("serve")(server.serve)
app.command("doctor")(doctor.doctor)
app.add_typer(task.app, name="task", help="A task: opened with a ceiling, closed.")
app.command("issue")(handing.issue)
app.command("delegate")(handing.delegate)
app.command("prove")(proving.prove)
app.command("announce")(proving.announce)
app.command("tasks")(review.tasks)
app.command("lineage")(review.lineage)
app.command("graph")(review.graph)
app.command("export")(export.export)
app.command("inspect")(tokens.inspect)
app.command("check")(tokens.check)
app.command("explain")(review.explain)
app.command("revoke")(standing.revoke)
app.command("suspend")(standing.suspend)
app.command("resume")(standing.resume)
app.command("freeze")(standing.freeze)
app.command("unfreeze")(standing.unfreeze)
app.command("renew")(links.renew)
app.command("last-use")(links.last_use)
app.add_typer(agents.app, name="agents", help="Registered agents: listed, added, their keys.")
app.add_typer(child_tasks.app, name="child-tasks", help="Tasks that agents open under links.")
app.add_typer(approvals.app, name="approvals", help="Calls that wait for people's consent.")
app.command("login-link")(login.login_link)
app.add_typer(catalogue.app, name="catalogue", help="Tools: what agents may be allowed to call.")
app.command("assert")(guardrails.assert_)
app.command("reconcile")(reconcile.reconcile)
app.command("tighten")(tighten.tighten)
app.add_typer(keys.app, name="keys", help="Agents' keys, API keys and the key ring.")
app.add_typer(schema.app, name="db", help="The database: its schema, and what is erased from it.")
schema.app.command("erase")(retention.erase)
app.add_typer(log.app, name="log", help="The tamper-evident log: verify, status, rebuild.")


def _version(wanted: bool) -> None:  # noqa: FBT001  # typer's own signature
    if wanted:
        say(__version__)
        raise typer.Exit


@app.callback()
def program(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Read what stands before a command."""


rehearse = typer.Typer(help="Replay recorded runs of agents.", no_args_is_help=True)
app.add_typer(rehearse, name="rehearse")


@app.command()
def version(*, as_json: JsonOption = False) -> None:
    """Print the version."""
    if as_json:
        print_json({"version": __version__})
    else:
        say(__version__)


@app.command()
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


@rehearse.command("whowhen")
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
