"""`delegation version`: which release this is."""

from __future__ import annotations

from delegation.cli.console import JsonOption, print_json, say
from delegation.distribution import VERSION


def version(*, as_json: JsonOption = False) -> None:
    """Print the version."""
    if as_json:
        print_json({"version": VERSION})
    else:
        say(VERSION)
