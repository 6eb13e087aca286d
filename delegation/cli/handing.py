"""Issues, delegates, proves, checks and inspects tokens."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from delegation import sent_json
from delegation.authority.access import Access
from delegation.authority.explain import instant
from delegation.canonical import Json
from delegation.cli.console import (
    DENIED,
    USAGE,
    JsonOption,
    fail,
    print_json,
    print_table,
    read_text,
    say,
    tell,
)
from delegation.cli.holder import (
    AudienceOption,
    BudgetOption,
    DelegationsOption,
    GrantOption,
    KeyOption,
    LastsOption,
    MayOption,
    RingOption,
    Stated,
    TokenArgument,
    ToOption,
    held_by,
    holder_of,
    issuer_keys,
    key_in,
    numbers,
    read_token,
)
from delegation.cli.source import StoreOption, TaskArgument, UrlOption, as_written, opened
from delegation.commands.announce import announcement
from delegation.errors import MalformedError
from delegation.tokens.evidence import NAMED
from delegation.tokens.token import Token


def issue(
    task: TaskArgument,
    *,
    to: ToOption,
    token_format: Annotated[str, typer.Option("--format", help=f"{NAMED}.")] = "biscuit",
    grant: GrantOption = None,
    may: MayOption = None,
    audience: AudienceOption = None,
    budget: BudgetOption = None,
    delegations: DelegationsOption = None,
    lasts: LastsOption = None,
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Issue a task's root to a holder and print its token. What is not stated is the ceiling's."""
    holder = holder_of(to)
    stated = Stated(grant, may, audience, budget, delegations, lasts).grant()
    with opened(store, url) as place:
        made = place.issue(task, to=holder, grant=stated, format=token_format)
    _say(made, as_json=as_json)


def delegate(
    token: TokenArgument,
    *,
    key: KeyOption,
    to: ToOption,
    grant: GrantOption = None,
    may: MayOption = None,
    audience: AudienceOption = None,
    budget: BudgetOption = None,
    delegations: DelegationsOption = None,
    lasts: LastsOption = None,
    ring: RingOption = None,
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hand a token on, narrower, and print the longer token. With --ring no service is asked.

    What is not stated is copied from the token's own grant; what is wider than it is refused.
    """
    signer, holder = key_in(key), holder_of(to)
    stated = Stated(grant, may, audience, budget, delegations, lasts).grant()
    held = read_token(token, issuer_keys(ring, store, url))
    made = held.delegate(by=held_by(held, signer), to=holder, grant=stated)
    _say(made, as_json=as_json)


def _say(token: Token, *, as_json: bool) -> None:
    tell(
        {"token": token.text, "link": token.id, "grant": token.grant.to_json()},
        token.text,
        as_json=as_json,
    )


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
    tell(entry, entry.id, as_json=as_json)


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
