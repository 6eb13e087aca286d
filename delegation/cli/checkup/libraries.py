"""The libraries whose bytes are part of the token format: pinned, or old tokens may not verify."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib import metadata

from delegation.cli.checkup.finding import Finding, ok, wrong


def look_at_libraries() -> list[Finding]:
    """Return what is to be said of the pinned libraries in this environment."""
    pinned = pins(metadata.requires("delegation") or ())
    installed: dict[str, str | None] = {}
    for name in pinned:
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            installed[name] = None
    return list(judge_libraries(pinned, installed))


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
