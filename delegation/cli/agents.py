"""Lists and registers agents, and rotates their keys: `delegation agents`."""

from __future__ import annotations

from typing import Annotated

import typer

from delegation.authority.explain import instant
from delegation.cli.console import JsonOption, print_json, say, tell, tell_rows
from delegation.cli.source import StoreOption, UrlOption, opened
from delegation.graph.names import folded
from delegation.identity.principal import PublicKey, fingerprint

app = typer.Typer(no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The agent's name.")]


@app.command("list")
def list_agents(
    *, store: StoreOption = None, url: UrlOption = None, as_json: JsonOption = False
) -> None:
    """List registered agents with their owners and the fingerprints of their keys."""
    with opened(store, url) as place:
        found = place.agents()
    rows = [
        (
            folded(agent.name),
            agent.owner,
            ", ".join(map(fingerprint, agent.keys)),
            "never" if agent.recertify_by is None else instant(agent.recertify_by),
        )
        for agent in found
    ]
    tell_rows(found, "Agents", ("name", "owner", "keys", "recertify by"), rows, as_json=as_json)


@app.command("add")
def add(
    name: Name,
    *,
    owner: Annotated[str, typer.Option(help="The accountable human or service.")],
    key: Annotated[
        list[str] | None, typer.Option(help="A holder key, ed25519:...; repeatable.")
    ] = None,
    recertify_by: Annotated[
        int | None,
        typer.Option(help="Unix seconds from which it is recognised no more until added again."),
    ] = None,
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register an agent, add keys to one, or vouch for it again until a later instant."""
    keys = [PublicKey.from_text(name, text) for text in key or ()]
    with opened(store, url) as place:
        made = place.add_agent(name, owner=owner, keys=keys, recertify_by=recertify_by)
    tell(made, f"agent {made.name} of {made.owner}", as_json=as_json)


@app.command("rotate")
def rotate(
    name: Name,
    *,
    old: Annotated[str, typer.Option(help="The key that ends, ed25519:...")],
    new: Annotated[str, typer.Option(help="The key in its place, ed25519:...")],
    effective_at: Annotated[
        int | None, typer.Option(help="Unix seconds at which the old one ends; else at once.")
    ] = None,
    store: StoreOption = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register an agent's new key and revoke its old one, in one transaction."""
    ended, begun = PublicKey.from_text(name, old), PublicKey.from_text(name, new)
    with opened(store, url) as place:
        done = place.rotate_key(name, old=ended, new=begun, effective_at=effective_at)
    if as_json:
        print_json(done)
    else:
        ends = done.at if done.effective_at is None else done.effective_at
        say(f"the old key of {name} ends at {instant(ends)}, epoch {done.epoch}")
