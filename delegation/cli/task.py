"""`delegation task`: opened with a ceiling by an operator, and closed."""

from __future__ import annotations

from typing import Annotated, cast

import typer

from delegation.authority.explain import instant
from delegation.cli.console import USAGE, JsonOption, fail, note, print_json, say
from delegation.cli.grant import (
    AudienceOption,
    BudgetOption,
    DelegationsOption,
    GrantOption,
    MayOption,
    Stated,
)
from delegation.cli.source import StoreOption, TaskArgument, UrlOption, opened
from delegation.lineage.entry import TaskEntry, TaskState

app = typer.Typer(no_args_is_help=True)
ENDS = ("completed", "failed", "aborted")


@app.command("open")
def open_(
    title: Annotated[str, typer.Argument(help="What it is about.")],
    *,
    owner: Annotated[str, typer.Option(help="The accountable human or service.")],
    lasts: Annotated[int, typer.Option(help="Seconds until its deadline.")] = 3600,
    idle: Annotated[
        int | None, typer.Option(help="Seconds without an allowed call after which it is over.")
    ] = None,
    grant: GrantOption = None,
    may: MayOption = None,
    audience: AudienceOption = None,
    budget: BudgetOption = None,
    delegations: DelegationsOption = None,
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open a task with the ceiling that the options state, and print its id."""
    ceiling = Stated(grant, may, audience, budget, delegations).grant()
    with opened(store, url) as place:
        made = place.open_task(title, owner=owner, ceiling=ceiling, lasts=lasts, idle=idle)
    _say(made, as_json=as_json)
    if not as_json:
        note(f"open until {instant(made.deadline)}")


@app.command("close")
def close(
    task: TaskArgument,
    *,
    state: Annotated[str, typer.Option(help=" ".join(ENDS))] = "completed",
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Close a task. All authority under it ends, for good."""
    if state not in ENDS:
        remedy = "Use one of: " + ", ".join(ENDS) + "."
        fail("A task does not end so.", remedy, code="usage", status=USAGE)
    with opened(store, url) as place:
        made = place.close_task(task, cast("TaskState", state))
    _say(made, as_json=as_json)


def _say(task: TaskEntry, *, as_json: bool) -> None:
    if as_json:
        print_json(task)
    else:
        say(task.id)
