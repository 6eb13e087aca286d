"""All commands of the program, for tests that hold each of them to a rule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from delegation.cli.main import app


def commands(
    group: Any = None, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Return the words and the command of each leaf."""
    found = get_command(app) if group is None else group
    for name, command in found.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command
