"""What is installed: our own distribution alone, and the libraries whose bytes are the token format."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib import metadata

from delegation.cli.checkup.finding import Finding, ok, warn, wrong
from delegation.distribution import NAME, installing, strangers


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
