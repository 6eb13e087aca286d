"""`delegation keys`: API keys, and the service's key ring."""

from __future__ import annotations

import time
from typing import Annotated, cast

import typer

from delegation.cli.console import (
    OUT,
    JsonOption,
    StoreOption,
    default_store,
    opened,
    print_json,
    print_table,
    refusing,
    ring_of,
)
from delegation.identity.keyring import KeyRing, RingRole
from delegation.tracker.work import Role

app = typer.Typer(no_args_is_help=True)


@app.command("create")
def create(
    name: str,
    *,
    role: Annotated[str, typer.Option(help="operator, service, reviewer or approver.")],
    audience: Annotated[list[str] | None, typer.Option(help="For a service; repeatable.")] = None,
    person: Annotated[str, typer.Option(help="For an approver: who holds it.")] = "",
    approves_as: Annotated[
        list[str] | None, typer.Option(help="For an approver: a role in rules; repeatable.")
    ] = None,
    store: StoreOption = None,
) -> None:
    """Make an API key and print its secret, this once."""
    with opened(store) as tracker:
        secret = tracker.create_api_key(
            name, cast("Role", role), audience or (), person=person, approves_as=approves_as or ()
        )
    OUT.print(secret, markup=False)


@app.command("list")
def list_keys(*, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """List API keys, without their secrets."""
    with opened(store) as tracker:
        rows = [
            (key.name, key.role, ", ".join(key.audiences), "revoked" if key.is_revoked else "live")
            for key in tracker.api_keys()
        ]
    columns = ("name", "role", "audiences", "state")
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        print_table("API keys", columns, rows)


@app.command("revoke")
def revoke(name: str, *, store: StoreOption = None) -> None:
    """Withdraw an API key."""
    with opened(store) as tracker:
        tracker.revoke_api_key(name)
    OUT.print(f"API key {name} is withdrawn.", markup=False)


@app.command("ring")
def ring(*, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Show the service's own keys: roles, ids and states, never a secret."""
    with refusing():
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
    keep: Annotated[int, typer.Option(help="Seconds for which old tokens still verify.")] = 86400,
    store: StoreOption = None,
) -> None:
    """Add a new active key; the old one verifies for a while longer. Restart the service after."""
    file = ring_of(store or default_store())
    with refusing():
        fresh = KeyRing.load(file).rotated(cast("RingRole", role), at=int(time.time()), keep=keep)
        fresh.replace_in(file)
    OUT.print(f"A new {role} key signs from the next start on.", markup=False)
