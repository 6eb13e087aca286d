"""Prints texts whole, never read as markup; errors as one sentence and a remedy."""

from __future__ import annotations

import json
import os
import re
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn, TextIO

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from delegation.lineage.feed import Revocation

FAILED, USAGE, DENIED, ANOTHER_REVISION, INTERRUPTED = 1, 2, 3, 78, 130
CONTINUED: Final = "> "  # no line of ours begins so
_ID: Final = re.compile(r"[a-z]{3}_[A-Za-z0-9_-]{22,43}")
_NARROWEST: Final = 8  # columns that one of a table takes at least, its rule and spaces among them
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
        code: Stable name, as docs/reference/errors.md or docs/reference/cli.md lists it.
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
    err.print(Text(fitted(_seen(message), sys.stderr), style="bold"))
    if remedy:
        err.print(Text(fitted(_seen(remedy), sys.stderr)))
    return exit_code


def note(text: str) -> None:
    """Say something beside the result, on standard error."""
    said = fitted(_seen(text), sys.stderr)
    Console(stderr=True, highlight=False, soft_wrap=True).print(Text(said))


def say(text: str, *, under: str = "") -> None:
    """Print one line of the result, whole, with escapes for what cannot be seen.

    Args:
        text: Words of ours, with bare texts of others in them.
        under: What of ours stands before it, such as an indentation.
    """
    _out().print(Text(fitted(under + _seen(text), sys.stdout)))


def say_value(said: str, value: object, after: str = "") -> None:
    """Print a JSON value whole, as JSON, between words of ours."""
    from delegation.shown import shown  # noqa: PLC0415  # slow to start

    _out().print(Text(fitted(said + shown(value) + after, sys.stdout)))


def told_ending(change: Revocation) -> str:
    """Return in words what ends a subject, since when and by whom."""
    from delegation.authority.explain import instant  # noqa: PLC0415  # slow to start

    word = "revoked" if change.act == "revoke" else "suspended"
    subject = f"{change.subject.kind} {change.subject.id}"
    return f"{subject} is {word} from {instant(change.effective_at)} on, by {change.by}"


def print_json(value: object) -> None:
    """Print JSON for programs; answers stand in it as the service writes them."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=True, default=_answer) + "\n")


def tell(value: object, line: str, *, as_json: bool) -> None:
    """Print a result: as JSON for programs, else as one line for people."""
    if as_json:
        print_json(value)
    else:
        say(line)


def tell_text(value: object, text: str, *, as_json: bool, is_source: bool = False) -> None:
    """Print a result: as JSON for programs, else as lines for people, or as a program's own."""
    if as_json:
        print_json(value)
    else:
        print_text(text, is_source=is_source)


def tell_rows(
    value: object,
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    as_json: bool,
) -> None:
    """Print a result: as JSON for programs, else as a table for people."""
    if as_json:
        print_json(value)
    else:
        print_table(title, columns, rows)


def _answer(value: object) -> object:
    from delegation.messages.answers import answer_json  # noqa: PLC0415  # slow to start

    return answer_json(value)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table whose cells are hostile text; ids stay whole, for people to copy.

    Where they do not fit beside each other, each row is a paragraph of lines.
    """
    shown_rows = [[_seen(str(cell)) for cell in row] for row in rows]
    ids = [
        max((len(row[at]) for row in shown_rows if _ID.fullmatch(row[at])), default=0)
        for at in range(len(columns))
    ]
    out = _out()
    if sum(most + 3 if most else _NARROWEST for most in ids) + 1 > out.width:
        out.print(Text(_seen(title)))
        for row in shown_rows:
            for column, cell in zip(columns, row, strict=True):
                out.print(Text(fitted(f"{column}: {cell}", sys.stdout)))
            out.print()
        return
    table = Table(title=Text(_seen(title)), title_justify="left")
    for column, most in zip(columns, ids, strict=True):
        table.add_column(column, overflow="fold", no_wrap=False, min_width=most or None)
    for row in shown_rows:
        table.add_row(*map(Text, row))
    out.print(table)


def print_text(text: str, *, is_source: bool = False) -> None:
    """Print text that was made by `delegation.graph`.

    Args:
        text: Lines.
        is_source: Whether a program reads it: then no line is broken by us.
    """
    if not is_source:
        text = "\n".join(fitted(line, sys.stdout) for line in text.split("\n"))
    _out().print(Text(text), end="")


def fitted(line: str, stream: TextIO) -> str:
    """Return a line as a terminal shows it: broken by us, with our mark before every further part.

    A terminal that breaks it by itself lets a padded value begin a line, which then looks like one
    of ours. In a file or a pipe a line stays one.

    Args:
        line: One line, with escapes for what cannot be seen.
        stream: Where it goes.
    """
    try:
        columns = os.get_terminal_size(stream.fileno()).columns if stream.isatty() else 0
    except (OSError, ValueError):
        columns = 0
    return broken(line, columns) if columns else line


def broken(line: str, columns: int) -> str:
    """Return a line in parts that fit, each after the first on a line of its own after `CONTINUED`.

    What is not ASCII counts as two columns: no terminal takes more.

    Args:
        line: One line, with escapes for what cannot be seen.
        columns: Of the terminal.
    """
    room = columns - 1  # some terminals go on to the next line when the last column is filled
    parts, start, used = [], 0, 0
    for at, character in enumerate(line):
        width = 1 if character.isascii() else 2
        joins = width > 1 and unicodedata.category(character)[0] == "M"
        if used + width > room and not joins:
            parts.append(line[start:at])
            start, used = at, len(CONTINUED)
        used += width
    return f"\n{CONTINUED}".join([*parts, line[start:]])


def read_text(source: str, *, most: int = MAX_INPUT) -> str:
    """Return what a file holds, or standard input for `-`, without white space around it.

    Args:
        source: A file, or `-`.
        most: Bytes that it may have.
    """
    try:
        if source == "-":
            data = sys.stdin.buffer.read(most + 1)
        else:
            with Path(source).open("rb") as stream:
                data = stream.read(most + 1)
        text = data.decode("utf-8")
    except (OSError, ValueError):
        fail(
            "The file cannot be read.",
            "Name a readable text file, or - for standard input.",
            code="malformed",
        )
    if len(data) > most:
        fail(f"The file has more than {most} bytes.", "Give less.", code="malformed")
    return text.strip()


def _seen(text: str) -> str:
    """Return a text with escapes for what cannot be seen."""
    from delegation.shown import shown_text  # noqa: PLC0415  # slow to start

    return shown_text(text)


def _out() -> Console:
    return Console(highlight=False, soft_wrap=True)
