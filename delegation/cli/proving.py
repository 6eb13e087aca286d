"""Commands of a token's holder: proving one call, and showing the token before it is used."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from delegation import sent_json
from delegation.authority.access import Access
from delegation.canonical import Json
from delegation.cli.console import USAGE, JsonOption, fail, print_json, read_text, say
from delegation.cli.grant import numbers
from delegation.cli.holder import (
    KeyOption,
    RingOption,
    TokenArgument,
    held_by,
    issuer_keys,
    key_in,
    read_token,
)
from delegation.cli.source import StoreOption, UrlOption, opened
from delegation.commands.announce import announcement
from delegation.errors import MalformedError

_ARG: Final = "NAME=TEXT, or NAME:=JSON"


def prove(
    token: TokenArgument,
    *,
    key: KeyOption,
    tool: Annotated[str, typer.Option(help="The tool that is to be called.")],
    audience: Annotated[str, typer.Option(help="The service that is to act, as the grant says.")],
    arg: Annotated[list[str] | None, typer.Option(help=f"{_ARG}; repeatable.")] = None,
    arguments: Annotated[
        str | None, typer.Option(help="File with all arguments, a JSON object, or -.")
    ] = None,
    purpose: Annotated[str, typer.Option(help="Slash path; empty states none.")] = "",
    max_cost: Annotated[
        list[str] | None, typer.Option(help="UNIT=NUMBER, the most it may cost; repeatable.")
    ] = None,
    cause: Annotated[str | None, typer.Option(help="Decision that led to it, dec_...")] = None,
    ring: RingOption = None,
    headers: Annotated[
        bool, typer.Option("--headers", help="Print the two headers, as `curl -H @-` reads them.")
    ] = False,
    token_header: Annotated[
        str, typer.Option(help="Where the service wants tokens, as its refusals say.")
    ] = "Authorization",
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove one call, and print the proof. It serves once, within a minute. With --ring: offline.

    --json prints token, proof and access, as `check` and POST /v1/check take them.
    """
    if headers and as_json:
        fail("Both --headers and --json.", "Give one.", code="usage", status=USAGE)
    if token == "-" and arguments == "-":
        remedy = "Name a file for one of them."
        fail("Token and arguments come from one input.", remedy, code="usage", status=USAGE)
    holder = key_in(key)
    values = _values(arg or (), arguments)
    access = Access(tool, values, audience, purpose, numbers("--max-cost", max_cost or ()), cause)
    held = read_token(token, issuer_keys(ring, store, url))
    proof = held_by(held, holder).prove(held, access)
    if as_json:
        print_json({"token": held.text, "proof": proof, "access": access.to_json()})
    elif headers:
        say(f"{token_header}: Delegation {held.text}")
        say(f"Delegation-Proof: {proof}")
    else:
        say(proof)


def announce(
    token: TokenArgument,
    *,
    key: KeyOption,
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a token before it is used, so that reviewers see it, and print its link's id.

    From then on the id may be sent in the token's place. It needs no API key: the holder's is proof.
    """
    holder = key_in(key)
    with opened(store, url) as place:
        held = read_token(token, place.public_ring())
        access = announcement(held.chain.origin.issuer)
        entry = place.announce(held, held_by(held, holder).prove(held, access))
    if as_json:
        print_json(entry)
    else:
        say(entry.id)


def _values(given: list[str] | tuple[()], file: str | None) -> dict[str, Json]:
    """Return a call's arguments: of a file, and one by one."""
    found = {} if file is None else sent_json.parse(read_text(file), what="The arguments")
    if not isinstance(found, dict):
        raise MalformedError("The arguments", wanted="a JSON object")
    for text in given:
        name, equals, value = text.partition("=")
        is_json = name.endswith(":")
        name = name.removesuffix(":")
        if not equals or not name or name in found:
            raise MalformedError("--arg", wanted=f"{_ARG}, each name once")
        found[name] = sent_json.parse(value, what=f"--arg {name}") if is_json else value
    return found
