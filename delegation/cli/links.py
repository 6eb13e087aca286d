"""Commands on one credential: renewing a root, and when a link, an agent or a key was last used."""

from __future__ import annotations

from typing import Annotated, cast

import typer

from delegation.authority.explain import instant
from delegation.cli.console import JsonOption, note, print_json, say, told_ending
from delegation.cli.source import StoreOption, UrlOption, opened
from delegation.judge.facts import SubjectKind


def renew(
    link: Annotated[str, typer.Argument(help="Id of the root that ends, lnk_...")],
    *,
    lasts: Annotated[
        int | None,
        typer.Option(help="Seconds until the new end; else as long as the earlier root."),
    ] = None,
    token_format: Annotated[str, typer.Option("--format", help="biscuit or macaroon.")] = "biscuit",
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Issue a root in place of an earlier one and print its token. What does not stand is refused."""
    with opened(store, url) as place:
        token = place.renew(link, lasts=lasts, format=token_format)
        before = place.ended_before(token.id)
    if as_json:
        print_json({"token": token.text, "link": token.id, "renews": link, "ended_before": before})
        return
    for change in before:
        note(f"comes after: {told_ending(change)}")
    say(token.text)


def last_use(
    kind: Annotated[str, typer.Argument(help="link, agent or key.")],
    subject: Annotated[str, typer.Argument(help="Its id, name, or key as base64url.")],
    *,
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say when a link, an agent or a key made its newest call."""
    with opened(store, url) as place:
        found = place.last_use(cast("SubjectKind", kind), subject)
    if as_json:
        print_json(found)
    elif found.decision is None:
        say(f"{kind} {subject} made no call")
    else:
        word = "allowed" if found.allowed else "denied"
        say(f"{word} at {instant(found.at)}, {found.decision}")
