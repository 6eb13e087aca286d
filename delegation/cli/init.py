"""`delegation init`: a store and its key ring, without a service."""

from __future__ import annotations

from typing import Annotated

import typer

from delegation.cli.console import JsonOption, fail, print_json, say
from delegation.cli.source import StoreOption, default_store, ring_of
from delegation.tracker.location import shown, store_file, store_url


def init(
    *,
    issuer: Annotated[
        str, typer.Option(help="URL under which it issues; part of every token.")
    ] = "http://localhost",
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a store and its key ring, to work on without a service."""
    place = store or default_store()
    file = store_file(place)
    if file is not None:
        if file.exists():
            remedy = "Use it as it is, or name another with --store."
            fail(f"There is a store at {file} already.", remedy, code="conflict")
        if not file.parent.is_dir():
            fail(f"There is no folder {file.parent}.", "Make it, or name another --store.")
    from delegation.tracker import Tracker  # noqa: PLC0415  # slow to start

    ring = ring_of(place)
    with Tracker.open(store_url(place), ring_file=ring, issuer=issuer) as tracker:
        made = {"store": shown(place), "ring": str(ring), "issuer": tracker.issuer}
    if as_json:
        print_json(made)
    else:
        say(f"store {made['store']}, key ring {made['ring']}, issuer {made['issuer']}")
