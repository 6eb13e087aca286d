"""Settings of the environment: bounds, misspelled names, workers against the engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from delegation.cli.checkup.finding import Finding, ok, warn, wrong
from delegation.distribution import installing
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
