"""Makes a store and its ring for an issuer that is named: `delegation init`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from delegation.cli.console import JsonOption, fail, print_json, say
from delegation.cli.first_keys import make_keys, write_keys
from delegation.cli.settled import settled
from delegation.cli.source import StoreOption, default_store, ring_of
from delegation.tracker.location import shown, store_file, store_url


def init(
    *,
    issuer: Annotated[
        str | None,
        typer.Option(help="URL under which it issues, as clients know it; else DELEGATION_ISSUER."),
    ] = None,
    store: StoreOption = None,
    keys_file: Annotated[
        Path | None,
        typer.Option(
            help="Make an operator's and a reviewer's API key if none lives, in this new file of mode 0600."
        ),
    ] = None,
    show_keys: Annotated[bool, typer.Option(help="Make them and print them, this once.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a store and its key ring for a named issuer; where they are there, see that they fit.

    Nothing that is there is changed, so it may run before each start. Exit code 1 where the ring is
    another issuer's or another store's.
    """
    place = store or default_store()
    settings = settled(store=store, issuer=issuer)
    named = settings.issuer if settings else issuer or os.environ.get("DELEGATION_ISSUER", "")
    file, ring = store_file(place), ring_of(place)
    if not named and not ring.exists():
        fail(
            f"No issuer is named, and there is no key ring at {ring}.",
            "Give --issuer or DELEGATION_ISSUER: the URL that clients know, such as "
            "https://authority.example; to try it on this machine http://localhost.",
        )
    for one in (ring, file):
        if one is not None and not one.parent.is_dir():
            fail(f"There is no folder {one.parent}.", "Make it, or name another place.")
    was_there = ring.exists() and (file is None or file.exists())
    from delegation.tracker import Tracker  # noqa: PLC0415  # slow to start

    with Tracker.open(store_url(place), ring_file=ring, issuer=named) as tracker:
        if keys_file is not None:
            made = write_keys(tracker, keys_file)
        else:
            made = make_keys(tracker) if show_keys else {}
        held = tracker.issuer
    said = {"store": shown(place), "ring": str(ring), "issuer": held, "was_there": was_there}
    if as_json:
        told = {"api_keys": made} if show_keys else {}
        at = str(keys_file) if keys_file and made else None
        print_json({**said, "keys_file": at, "keys": sorted(made), **told})
        return
    there = "; all of it was there" if was_there else ""
    say(f"store {said['store']}, key ring {said['ring']}, issuer {said['issuer']}{there}")
    for role, secret in made.items():
        if show_keys:
            say(f"{role} API key, shown this once: {secret}")
    if keys_file is not None:
        say(
            f"API keys of {' and '.join(made)} are in {keys_file}"
            if made
            else "API keys live already"
        )
