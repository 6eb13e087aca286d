"""`delegation login-link`: a link that logs a person into the pages, once."""

from __future__ import annotations

from typing import Annotated

import typer

from delegation.cli.console import JsonOption, print_json, say
from delegation.cli.source import StoreOption, opened_store
from delegation.commands.logins import TICKET_SECONDS


def login_link(
    name: Annotated[str, typer.Argument(help="Of an API key of a person's role.")] = "reviewer",
    *,
    base: Annotated[
        str, typer.Option("--base", help="The service's URL as that person reaches it.")
    ] = "http://127.0.0.1:8470",
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a link that logs a person into the pages once, with that key's role."""
    with opened_store(store) as tracker:
        link = tracker.create_login_link(name, base)
    if as_json:
        print_json({"key": name, "link": link, "seconds": TICKET_SECONDS})
    else:
        say(link)
