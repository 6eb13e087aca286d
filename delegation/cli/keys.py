"""Manages agents' keys, API keys, people's logins and the ring: `delegation keys`, `login-link`."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn, cast

import typer

from delegation import canonical
from delegation.authority.explain import instant
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
from delegation.commands.ring import Rotation
from delegation.identity.keyring import ROLES, KeyRing, RingRole
from delegation.identity.keys import HolderKey
from delegation.identity.roles import NAMED, Role

app = typer.Typer(no_args_is_help=True)
_LOOK_SECONDS: Final = 0.5
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
        shown = [(*row[:3], instant(row[3]) if row[3] else "") for row in rows]
        print_table(f"Key ring of {held.issuer}", (*columns[:3], "believed until"), shown)


@app.command("rotate")
def rotate(
    role: Annotated[str, typer.Argument(help=f"{', '.join(ROLES[:-1])} or {ROLES[-1]}.")],
    *,
    keep: Annotated[
        int,
        typer.Option(
            min=0,
            help="Seconds for which what the old key signed is believed at least; always as long as a "
            "root needs it.",
        ),
    ] = 86400,
    wait: Annotated[
        int, typer.Option(min=0, max=86400, help="Seconds to wait for replicas to hold the key.")
    ] = 60,
    announce: Annotated[
        bool, typer.Option("--announce", help="Only add the key, for readers to learn of it first.")
    ] = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Replace a key of the service while it runs: all verify with the new one before it signs.

    The key is added to the ring file, every running replica reads it, and then it signs, for all at
    once. Where a replica lacks it, the command names it; called again, it goes on where it stood.
    """
    chosen, until = cast("RingRole", role), time.monotonic() + wait
    with opened_store(store) as tracker:
        found = tracker.announce_key(chosen)
        kid = found.key.kid
        while not announce and not found.is_done:
            found = tracker.switch_key(chosen, kid, keep=keep)
            if found.is_done or time.monotonic() >= until:
                break
            time.sleep(_LOOK_SECONDS)
    if not found.is_done and not announce:
        _fail_waiting(role, found)
    tell(_told(found), _said(found), as_json=as_json)


def _told(found: Rotation) -> dict[str, Any]:
    ends = {str(one.kid): one.not_after for one in found.ended}
    key = found.key
    return {"role": key.role, "kid": key.kid, "signs_since": key.signs_since, "ends": ends}


def _said(found: Rotation) -> str:
    key = found.key
    if not found.is_done:
        return (
            f"The {key.name} is announced: verifiers learn of it, and nothing is signed with it until "
            f"`delegation keys rotate {key.role}` is called again."
        )
    last = max(found.ended, key=lambda one: one.kid, default=None)
    kept = "" if last is None else f" The {last.name} is believed until {instant(last.not_after)}."
    return f"The {key.name} signs since {instant(key.signs_since)}.{kept}"


def _fail_waiting(role: str, found: Rotation) -> NoReturn:
    late = "; ".join(
        f"{one.name} lacks it" + (f": {one.problem}" if one.problem else "")
        for one in found.lacking
    )
    if late:
        remedy = "Copy the ring file to there, with mode 0600; it is read within a second."
    else:
        late = f"{len(found.settling)} replicas hold it for less than six seconds"
        remedy = "Verifiers that follow them are given that time."
    fail(
        f"The {found.key.name} is announced and does not sign yet: {late}.",
        f"{remedy} Then call `delegation keys rotate {role}` again; it goes on from here.",
        code="key_announced",
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
