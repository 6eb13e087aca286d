"""Printing: text is shown whole and never read as markup; errors are one sentence and a remedy."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from delegation.authority.explain import instant
from delegation.lineage.feed import Revocation
from delegation.shown import shown, shown_text

FAILED, USAGE, DENIED, INTERRUPTED = 1, 2, 3, 130
MAX_INPUT: Final = 8 * 1024 * 1024  # bytes of a file or of standard input

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON, errors too (on standard error).")
]


class Stop(Exception):  # noqa: N818  # no fault of the program
    """Ends a command with a sentence, a remedy and an exit code; `Program` writes them."""

    def __init__(self, message: str, remedy: str, *, code: str, status: int) -> None:
        super().__init__(message)
        self.remedy = remedy
        self.code = code
        self.status = status


def fail(
    message: str, remedy: str = "", *, code: str = "configuration", status: int = FAILED
) -> NoReturn:
    """End the command: say what is wrong and what to do.

    Args:
        message: One sentence.
        remedy: What to do, one sentence.
        code: Stable name, as docs/errors.md or docs/cli.md lists it.
        status: Exit code.
    """
    raise Stop(message, remedy, code=code, status=status)


def report(code: str, message: str, remedy: str, *, as_json: bool, exit_code: int) -> int:
    """Write an error to standard error and return the exit code."""
    if as_json:
        body = {"code": code, "message": message, "remedy": remedy}
        sys.stderr.write(json.dumps(body, ensure_ascii=True) + "\n")
        return exit_code
    err = Console(stderr=True, highlight=False, soft_wrap=True)
    err.print(Text(shown_text(message), style="bold"))
    if remedy:
        err.print(Text(shown_text(remedy)))
    return exit_code


def note(text: str) -> None:
    """Say something beside the result, on standard error."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(Text(shown_text(text)))


def say(text: str) -> None:
    """Print one line of the result, whole, with escapes for what cannot be seen."""
    _out().print(Text(shown_text(text)))


def say_value(said: str, value: object) -> None:
    """Print a JSON value whole, as JSON, after words of ours."""
    _out().print(Text(said + shown(value)))


def told_ending(change: Revocation) -> str:
    """Return in words what ends a subject, since when and by whom."""
    word = "revoked" if change.act == "revoke" else "suspended"
    subject = f"{change.subject.kind} {change.subject.id}"
    return f"{subject} is {word} from {instant(change.effective_at)} on, by {change.by}"


def print_json(value: object) -> None:
    """Print JSON for programs."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=True) + "\n")


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table whose cells are hostile text."""
    table = Table(title=Text(shown_text(title)), title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(shown_text(str(cell))) for cell in row))
    _out().print(table)


def print_text(text: str) -> None:
    """Print text that was made by `delegation.graph`, as it is."""
    _out().print(Text(text), end="")


def read_text(source: str) -> str:
    """Return what a file holds, or standard input for `-`, without white space around it."""
    try:
        if source == "-":
            data = sys.stdin.buffer.read(MAX_INPUT + 1)
        else:
            with Path(source).open("rb") as stream:
                data = stream.read(MAX_INPUT + 1)
        text = data.decode("utf-8")
    except (OSError, ValueError):
        fail(
            "The file cannot be read.",
            "Name a readable text file, or - for standard input.",
            code="malformed",
        )
    if len(data) > MAX_INPUT:
        fail(f"The file has more than {MAX_INPUT} bytes.", "Give less.", code="malformed")
    return text.strip()


def _out() -> Console:
    return Console(highlight=False, soft_wrap=True)
