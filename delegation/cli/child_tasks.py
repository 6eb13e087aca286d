"""`delegation child-tasks`: tasks that agents open under their own links; opened, listed."""

from __future__ import annotations

from typing import Annotated

import typer

from delegation import canonical
from delegation.authority.explain import instant
from delegation.cli.console import JsonOption, print_json, print_table, read_text, say
from delegation.cli.source import StoreOption, TaskArgument, UrlOption, opened
from delegation.commands.open_child import Opening
from delegation.errors import MalformedError

app = typer.Typer(no_args_is_help=True)


@app.command("open")
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


@app.command("list")
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
    if as_json:
        print_json(found)
        return
    rows = [(t.id, t.title, t.state, t.parent, t.under, instant(t.deadline)) for t in found]
    columns = ("task", "title", "state", "below", "opened under", "until")
    print_table(f"Child tasks of {task}", columns, rows)
