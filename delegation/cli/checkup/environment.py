"""Checks the environment: settings, workers, routes behind proxies, and the pinned libraries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from delegation.authority.catalogue import Catalogue
from delegation.cli.checkup.finding import Finding, ok, warn, wrong
from delegation.distribution import NAME, installing, strangers
from delegation.errors import RouteTableError
from delegation.tracker.location import store_file

if TYPE_CHECKING:
    from delegation_api.settings import Settings


def settings_of(environment: Mapping[str, str]) -> tuple[Settings | None, list[Finding]]:
    """Return the service's settings, None where one is out of its bound, and what is to be said."""
    try:
        from delegation_api.setting_errors import refused  # noqa: PLC0415  # an extra
        from delegation_api.setting_names import injected  # noqa: PLC0415
    except ImportError:
        return None, [
            warn(
                "settings",
                "The server's parts are not installed here.",
                "This installation runs no service; its settings could not be read.",
                installing("server"),
            )
        ]
    settings, said = refused(environment, {})
    found = [
        wrong(
            "settings",
            one,
            "The service refuses to start.",
            "Set it as docs/deploy/settings.md says, or unset it.",
        )
        for one in said
    ]
    if passed := injected(environment):
        found.append(ok("settings", f"Passed over, as an orchestrator's: {', '.join(passed)}."))
    if not said:
        found.append(ok("settings", "All settings are within their bounds."))
    return settings, found


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
