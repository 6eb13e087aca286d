"""Opens, closes and lists tasks and child tasks: `delegation task`, `child-tasks`."""

from __future__ import annotations

from typing import Annotated, cast

import typer

from delegation import canonical
from delegation.authority.explain import instant
from delegation.cli.console import (
    USAGE,
    JsonOption,
    fail,
    note,
    print_json,
    read_text,
    say,
    tell,
    tell_rows,
)
from delegation.cli.holder import (
    AudienceOption,
    BudgetOption,
    DelegationsOption,
    GrantOption,
    MayOption,
    Stated,
)
from delegation.cli.source import StoreOption, TaskArgument, UrlOption, opened
from delegation.commands.open_child import Opening
from delegation.errors import MalformedError
from delegation.judge.limits import LASTS
from delegation.lineage.entry import TaskEntry, TaskState

app = typer.Typer(no_args_is_help=True)
ENDS = ("completed", "failed", "aborted")


@app.command("open")
def open_(
    title: Annotated[str, typer.Argument(help="What it is about.")],
    *,
    owner: Annotated[str, typer.Option(help="The accountable human or service.")],
    lasts: Annotated[int, typer.Option(help="Seconds until its deadline.")] = LASTS,
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
    tell(task, task.id, as_json=as_json)


child_app = typer.Typer(no_args_is_help=True)


@child_app.command("open")
def open_child(
    request: Annotated[str, typer.Argument(help="File with {token, proof, opening}, or -.")],
    *,
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open a task under a holder's link, by the holder's proof, and print the root's token."""
    body = canonical.parse(read_text(request))
    if not isinstance(body, dict) or body.keys() != {"token", "proof", "opening"}:
        raise MalformedError("The request", wanted="an object of token, proof and opening")
    token, proof, opening = body["token"], body["proof"], body["opening"]
    if not isinstance(token, str) or not isinstance(proof, str) or not isinstance(opening, dict):
        raise MalformedError("Token and proof", wanted="texts, and the opening an object")
    with opened(store, url) as place:
        task, root = place.open_child_task(token, proof, Opening.from_json(opening))
    if as_json:
        print_json({"task": task, "token": root.text})
        return
    say(f"task {task.id} under {task.under}, until {instant(task.deadline)}")
    say(root.text)


@child_app.command("list")
def list_child_tasks(
    task: TaskArgument,
    *,
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the tasks that agents opened below a task, parents before children."""
    with opened(store, url) as place:
        found = place.child_tasks(task)
    rows = [(t.id, t.title, t.state, t.parent, t.under, instant(t.deadline)) for t in found]
    columns = ("task", "title", "state", "below", "opened under", "until")
    tell_rows(found, f"Child tasks of {task}", columns, rows, as_json=as_json)
