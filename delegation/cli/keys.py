"""Manages agents' keys, API keys, people's logins and the ring: `delegation keys`, `login-link`."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Annotated, Final, cast

import typer

from delegation import canonical
from delegation.cli.console import (
    USAGE,
    JsonOption,
    fail,
    print_json,
    print_table,
    say,
    tell,
    tell_rows,
    tell_text,
)
from delegation.cli.holder import key_in
from delegation.cli.source import (
    StoreOption,
    UrlOption,
    default_store,
    opened,
    opened_store,
    ring_of,
)
from delegation.commands.logins import TICKET_SECONDS
from delegation.identity.keyring import KeyRing, RingRole
from delegation.identity.keys import HolderKey
from delegation.identity.roles import NAMED, Role

app = typer.Typer(no_args_is_help=True)
_PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,79}")


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="What the agent is called.")],
    *,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="New file for the secret; else NAME.key.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make an agent's own key in a new file of mode 0600, and print its public half for delegators."""
    if out is None and not _PLAIN.fullmatch(name):
        fail("The name makes no file's.", "Name a file with --out.", code="usage", status=USAGE)
    made, file = HolderKey.generate(name), out or Path(f"{name}.key")
    made.save(file)
    _say_holder(made, file, as_json=as_json)


@app.command("show")
def show(
    file: Annotated[Path, typer.Argument(help="File of an agent's key.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Print the public half of an agent's key."""
    _say_holder(key_in(file), file, as_json=as_json)


def _say_holder(key: HolderKey, file: Path, *, as_json: bool) -> None:
    tell(
        {"name": key.name, "key": key.public.text, "file": str(file)},
        f"{key.name}={key.public.text}",
        as_json=as_json,
    )


@app.command("issuer")
def issuer(
    *, store: StoreOption = None, url: UrlOption = None, as_json: JsonOption = False
) -> None:
    """Print the issuer's public keys as JSON: with them anybody reads its tokens, offline."""
    with opened(store, url) as place:
        held = place.public_ring().to_json()
    text = canonical.encode(held).decode() + "\n"
    tell_text(held, text, as_json=as_json, is_source=True)


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="What people call the key; unique.")],
    *,
    role: Annotated[str, typer.Option(help=f"{NAMED}.")],
    audience: Annotated[list[str] | None, typer.Option(help="For a service; repeatable.")] = None,
    person: Annotated[str, typer.Option(help="For an approver: who holds it.")] = "",
    approves_as: Annotated[
        list[str] | None, typer.Option(help="For an approver: a role in rules; repeatable.")
    ] = None,
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an API key and print its secret, this once."""
    with opened(store, url) as place:
        secret = place.create_api_key(
            name, cast("Role", role), audience or (), person=person, approves_as=approves_as or ()
        )
    if as_json:
        made = {"name": name, "role": role, "audiences": audience or [], "secret": secret}
        if person:
            made |= {"person": person, "approves_as": approves_as or []}
        print_json(made)
    else:
        say(secret)


@app.command("list")
def list_keys(
    *, store: StoreOption = None, url: UrlOption = None, as_json: JsonOption = False
) -> None:
    """List API keys, without their secrets."""
    with opened(store, url) as place:
        found = place.api_keys()
    rows = [
        (key.name, key.role, ", ".join(key.audiences), "revoked" if key.is_revoked else "live")
        for key in found
    ]
    tell_rows(
        [
            {
                "name": key.name,
                "role": key.role,
                "audiences": list(key.audiences),
                "created_at": key.created_at,
                "state": "revoked" if key.is_revoked else "live",
            }
            for key in found
        ],
        "API keys",
        ("name", "role", "audiences", "state"),
        rows,
        as_json=as_json,
    )


@app.command("revoke")
def revoke(
    name: Annotated[str, typer.Argument(help="Of the key.")],
    *,
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Withdraw an API key. A service believes it for up to one second longer."""
    with opened(store, url) as place:
        place.revoke_api_key(name)
    tell({"name": name, "state": "revoked"}, f"API key {name} is withdrawn.", as_json=as_json)


@app.command("ring")
def ring(*, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Show the service's own keys: roles, ids and states, never a secret."""
    held = KeyRing.load(ring_of(store or default_store()))
    rows = [(key.role, key.kid, key.state, key.not_after) for key in held.keys]
    columns = ("role", "kid", "state", "not_after")
    if as_json:
        print_json(
            {"issuer": held.issuer, "keys": [dict(zip(columns, r, strict=True)) for r in rows]}
        )
    else:
        print_table(f"Key ring of {held.issuer}", columns, rows)


@app.command("rotate")
def rotate(
    role: Annotated[str, typer.Argument(help="issuer, statement, macaroon, service or approval.")],
    *,
    keep: Annotated[
        int, typer.Option(min=0, help="Seconds for which what the old key signed still verifies.")
    ] = 86400,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a new active key; the old one verifies for a while longer. Restart the service after."""
    file = ring_of(store or default_store())
    held = KeyRing.load(file)
    fresh = held.rotated(cast("RingRole", role), at=int(time.time()), keep=keep)
    fresh.replace_in(file)
    tell(
        {"role": role, "kid": fresh.active(cast("RingRole", role)).kid},
        f"A new {role} key signs from the next start on.",
        as_json=as_json,
    )


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
    tell({"key": name, "link": link, "seconds": TICKET_SECONDS}, link, as_json=as_json)
