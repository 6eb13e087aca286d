"""Checks the environment: settings, workers, routes behind proxies, and the pinned libraries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final

from delegation.authority.catalogue import Catalogue
from delegation.cli.checkup.finding import Finding, ok, warn, wrong
from delegation.distribution import NAME, installing, strangers
from delegation.errors import RouteTableError
from delegation.tracker.location import store_file

if TYPE_CHECKING:
    from delegation_api.settings import Settings

PREFIX: Final = "DELEGATION_"
# Read by commands, samples and proxies, not by the service.
OTHERS: Final = frozenset({"URL", "API_KEY", "PROXY_KEY", "DATA", "PUBLIC_RING"})


def settings_of(environment: Mapping[str, str]) -> tuple[Settings | None, list[Finding]]:
    """Return the service's settings, None where they are out of bounds, and what is to be said."""
    try:
        from delegation_api.settings import Settings  # noqa: PLC0415  # an extra
    except ImportError:
        return None, [
            warn(
                "settings",
                "The server's parts are not installed here.",
                "This installation runs no service; its settings could not be read.",
                installing("server"),
            )
        ]
    fields = [name.upper() for name in Settings.model_fields]
    found = list(judge_names(environment, fields))
    try:
        settings = Settings()
    except ValueError as error:
        return None, [*found, *_out_of_bounds(error)]
    if not any(finding.level == "wrong" for finding in found):
        found.append(ok("settings", "All settings are within their bounds."))
    return settings, found


def _out_of_bounds(error: ValueError) -> Iterable[Finding]:
    for item in getattr(error, "errors", list)():
        name = PREFIX + str(item["loc"][-1]).upper()
        # The value stays out: a setting may hold a password.
        yield wrong(
            "settings",
            f"{name} is out of its bounds: {item['msg'].rstrip('.')}.",
            "The service refuses to start.",
            f"Set {name} as docs/deploy/settings.md says, or unset it.",
        )


def judge_names(environment: Iterable[str], fields: Iterable[str]) -> Iterable[Finding]:
    """Judge names in the environment that begin like a setting and are none."""
    known = {*fields, *OTHERS}
    for name in sorted(environment):
        if not name.upper().startswith(PREFIX):
            continue
        rest = name[len(PREFIX) :].upper()
        if rest in known:
            continue
        near = get_close_matches(rest, sorted(known), n=1)
        if near:
            yield wrong(
                "settings",
                f"{name} is no setting; {PREFIX}{near[0]} is.",
                "What it says is ignored, and the default holds.",
                f"Rename it to {PREFIX}{near[0]}.",
            )
        else:
            yield warn(
                "settings",
                f"{name} is no setting.",
                "What it says is ignored.",
                "Unset it, or see docs/deploy/settings.md.",
            )


def judge_workers(workers: int, store: str, cores: int) -> Finding:
    """Judge the number of processes against the engine and the machine."""
    if workers > 1 and store_file(store) is not None:
        return wrong(
            "workers",
            f"{workers} workers are set over SQLite.",
            "SQLite has one writer: the service refuses to start.",
            "Set DELEGATION_WORKERS=1, or use a postgresql:// store.",
        )
    if workers > cores:
        return warn(
            "workers",
            f"{workers} workers are set on {cores} cores.",
            "Beyond the number of cores they only wait for each other.",
            f"Set DELEGATION_WORKERS={cores}.",
        )
    return ok("workers", f"{workers} worker{'s' if workers > 1 else ''} on {cores} cores.")


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


def look_at_libraries() -> list[Finding]:
    """Return what is to be said of the pinned libraries in this environment."""
    try:
        required = metadata.requires(NAME) or ()
    except metadata.PackageNotFoundError:
        return [
            warn(
                "libraries",
                f"{NAME} is not installed here: the package runs from a folder.",
                "Nothing says which libraries it needs, and in which versions.",
                installing("all"),
            )
        ]
    pinned = pins(required)
    installed: dict[str, str | None] = {}
    for name in pinned:
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            installed[name] = None
    return [*look_at_strangers(), *judge_libraries(pinned, installed)]


def look_at_strangers() -> Iterable[Finding]:
    """Say what else claims our package's name here."""
    for what, remedy in strangers():
        yield wrong("libraries", what, "What runs may be neither of the two, or both.", remedy)


def pins(requirements: Iterable[str]) -> dict[str, str]:
    """Return name and version of what is required in exactly one version, extras left out."""
    found = (re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.]+)", one) for one in requirements)
    return {match[1]: match[2] for match in found if match}


def judge_libraries(
    pinned: Mapping[str, str], installed: Mapping[str, str | None]
) -> Iterable[Finding]:
    """Judge installed versions against the pins."""
    for name, version in sorted(pinned.items()):
        there = installed.get(name)
        if there == version:
            yield ok("libraries", f"{name} {version} is installed.")
        else:
            yield wrong(
                "libraries",
                f"{name} {there or '(missing)'} is installed, {version} is needed.",
                "Its bytes are part of the token format: tokens may not verify elsewhere.",
                f"pip install '{name}=={version}'",
            )
