"""The table of routes behind proxies: it parses, and fits the catalogue as it is now."""

from __future__ import annotations

from pathlib import Path

from delegation.authority.catalogue import Catalogue
from delegation.cli.checkup.finding import Finding, ok, warn, wrong
from delegation.errors import RouteTableError


def look_at_routes(file: str, catalogue: Catalogue | None) -> list[Finding]:
    """Return what is to be said of a route table; empty where none is set."""
    if not file:
        return []
    if catalogue is None:
        return [
            warn(
                "routes",
                f"The route table {file} was not held against the catalogue.",
                "The catalogue could not be read.",
                "Put the store right first.",
            )
        ]
    from delegation_api.route_table import load_routes  # noqa: PLC0415  # an extra

    try:
        mounts = load_routes(Path(file), catalogue)
    except RouteTableError as error:
        return [
            wrong(
                "routes",
                f"The route table {file} is refused: {error}",
                "The service refuses to start; one that runs and was started before a tool was "
                "redefined refuses the calls of its route.",
                "Correct the table or the catalogue, then restart.",
            )
        ]
    count = sum(len(mount.routes) for mount in mounts.values())
    return [ok("routes", f"{count} routes of {len(mounts)} services fit the catalogue.")]
