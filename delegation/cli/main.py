"""The program `delegation`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from delegation import __version__
from delegation.cli import keys, log, retention, review, schema, server
from delegation.cli.console import OUT, JsonOption, StoreOption, refusing

app = typer.Typer(
    help="Authority for multi-agent systems: serve, check, draw, explain, revoke.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("serve")(server.serve)
app.command("tasks")(review.tasks)
app.command("lineage")(review.lineage)
app.command("graph")(review.graph)
app.command("inspect")(review.inspect)
app.command("check")(review.check)
app.command("explain")(review.explain)
app.command("revoke")(review.revoke)
app.add_typer(keys.app, name="keys", help="API keys and the key ring.")
app.add_typer(schema.app, name="db", help="The database: its schema, and what is erased from it.")
schema.app.command("erase")(retention.erase)
app.add_typer(log.app, name="log", help="The tamper-evident log: verify, status, rebuild.")
rehearse = typer.Typer(help="Replay recorded runs of agents.", no_args_is_help=True)
app.add_typer(rehearse, name="rehearse")


@app.command()
def version() -> None:
    """Print the version."""
    OUT.print(__version__)


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where the store and the picture go.")] = Path(
        "demo"
    ),
) -> None:
    """Run the support desk against a real server: honest agents, and a hijacked one."""
    from delegation.rehearsal.command import demo as run  # noqa: PLC0415  # starts in a moment

    with refusing():
        raise typer.Exit(run(folder))


@rehearse.command("whowhen")
def whowhen(
    directory: Annotated[Path, typer.Argument(help="Folder of the Who&When transcripts.")],
    *,
    store: StoreOption = None,
    limit: Annotated[int | None, typer.Option(help="At most so many runs.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Rehearse recorded multi-agent runs: hand-offs become delegations, actions become checks."""
    from delegation.rehearsal.command import rehearse_whowhen  # noqa: PLC0415

    file = None if store is None else Path(store)
    with refusing():
        raise typer.Exit(
            rehearse_whowhen(
                directory,
                store=file,
                as_json=as_json,
                limit=limit,
            )
        )


def main() -> None:
    """Run the program."""
    app()


if __name__ == "__main__":
    main()
