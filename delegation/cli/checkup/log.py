"""Checks the log: whether it is signed, and whether its files can be written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from delegation.cli.checkup.finding import Finding, ok, wrong
from delegation.records.log.files import refuse_unless_writable


def look_at_log(folder: str, memory: Path | None) -> Iterable[Finding]:
    """Say whether the log's files can be written, by writing one beside them.

    Args:
        folder: DELEGATION_LOG_DIR; empty for none.
        memory: Where the log's key remembers what it signed; None where nothing says so.
    """
    places = [Path(folder)] if folder else []
    if memory is not None:
        places.append(memory.parent)
    for place in places:
        try:
            if place.exists():
                refuse_unless_writable(place)
                yield ok("log_files", f"{place} can be written.")
        except OSError as error:
            yield wrong(
                "log_files",
                f"{place} cannot be written: {error.strerror}.",
                "Nothing that is decided is signed any more, and nobody can show that it was not "
                "changed.",
                "Give the service's user the right to write there, or make room on that disk.",
            )


def judge_log(stopped: str) -> Finding:
    """Judge whether the log is signed."""
    if not stopped:
        return ok("log", "The log is not stopped.")
    return wrong(
        "log",
        stopped,
        "Nothing that is decided is signed any more, and nobody can show that it was not changed.",
        "Find out what happened to the database; docs/explanation/log.md has the ways back.",
    )
