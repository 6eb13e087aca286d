"""Commands about a token: what it says, and whether a call under it may be made."""

from __future__ import annotations

from typing import Annotated

import typer

from delegation import sent_json
from delegation.authority.explain import instant
from delegation.cli.answered import as_written
from delegation.cli.console import (
    DENIED,
    JsonOption,
    fail,
    print_json,
    print_table,
    read_text,
    say,
)
from delegation.cli.source import StoreOption, UrlOption, opened
from delegation.errors import MalformedError


def inspect(
    token: Annotated[str, typer.Argument(help="File with a token's text, or -.")],
    *,
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a token holds and how its links stand. Exit code 3 when it does not verify.

    Nothing is recorded or spent.
    """
    text = read_text(token)
    with opened(store, url) as place:
        found = as_written(place.inspect(text))
    denial = found["denial"]
    if as_json:
        print_json(found)
    elif denial is None:
        rows = [
            (
                depth,
                link["id"],
                link["holder_name"],
                "not recorded" if entry is None else entry["standing"],
                instant(link["grant"]["expires_at"]),
            )
            for depth, (link, entry) in enumerate(
                zip(found["links"], found["recorded"], strict=True)
            )
        ]
        columns = ("depth", "link", "claims", "standing", "until")
        print_table(f"A {found['format']}", columns, rows)
    if denial is not None:
        fail(
            f"Step {denial['step']}, {denial['code']}: {denial['message']}",
            denial["remedy"],
            code=denial["code"],
            status=DENIED,
        )


def check(
    request: Annotated[str, typer.Argument(help="File with {token, proof, access}, or -.")],
    *,
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decide one call, record and print the decision. Exit code 3 when it is denied."""
    wanted = "JSON that every reader reads alike, an object of token, proof and access"
    try:
        body = sent_json.parse(read_text(request), what="The request")
    except MalformedError:
        body = None
    if not isinstance(body, dict) or body.keys() != {"token", "proof", "access"}:
        remedy = (
            "Give what `delegation prove ... --json` prints; without --json it is the proof alone."
        )
        raise MalformedError("The request", wanted=wanted, remedy=remedy)
    token, proof = body["token"], body["proof"]
    if not isinstance(token, str) or not (proof is None or isinstance(proof, str)):
        raise MalformedError("Token and proof", wanted="texts")
    with opened(store, url) as place:
        decision = place.check(token, proof, body["access"])
    if as_json:
        print_json(decision.to_json())
    else:
        for line in str(decision).splitlines():
            words = line.lstrip(" ")
            say(words, under=" " * (len(line) - len(words)))
    raise typer.Exit(0 if decision.allowed else DENIED)
