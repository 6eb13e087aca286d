"""Printing: hostile text is cleaned and never read as markup; errors are one sentence and a remedy."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from delegation.embedded import Tracker, store_url
from delegation.embedded.location import ring_file, store_file
from delegation.errors import DelegationError
from delegation.graph.names import clean

OUT: Final = Console(highlight=False, soft_wrap=True)
ERR: Final = Console(stderr=True, highlight=False, soft_wrap=True)
DEMO_STORE: Final = Path("demo/delegation.db")
PLAIN_STORE: Final = Path("delegation.db")
FAILED, DENIED = 1, 3

StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        help="SQLite file or postgresql:// URL; else DELEGATION_STORE, the demo's, delegation.db.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of words.")]


def default_store() -> str:
    """Return the store that commands use unless told otherwise."""
    named = os.environ.get("DELEGATION_STORE", "")
    if named:
        return named
    return str(DEMO_STORE if DEMO_STORE.exists() else PLAIN_STORE)


def ring_of(store: str) -> Path:
    """Return where a store's key ring is kept."""
    named = os.environ.get("DELEGATION_RING", "")
    return Path(named) if named else ring_file(store)


@contextmanager
def opened(store: str | None, *, log_dir: Path | None = None) -> Iterator[Tracker]:
    """Open an existing store with its keys; a missing one is refused, never made by accident."""
    place = store or default_store()
    file = store_file(place)
    if file is not None and not file.exists():
        fail(f"There is no store at {file}.", "Run `delegation serve` or `delegation demo` first.")
    with (
        refusing(),
        Tracker.open(
            store_url(place),
            ring_file=ring_of(place),
            log_dir=log_dir,
            log_memory=os.environ.get("DELEGATION_LOG_MEMORY") or None,
        ) as tracker,
    ):
        yield tracker


@contextmanager
def refusing() -> Iterator[None]:
    """Turn errors of ours into one sentence, a remedy and exit code 1."""
    try:
        yield
    except DelegationError as error:
        fail(str(error), error.remedy)


def fail(message: str, remedy: str = "", *, code: int = FAILED) -> NoReturn:
    """Print what is wrong and what to do, and end."""
    ERR.print(Text(clean(message, 500), style="bold"))
    if remedy:
        ERR.print(Text(clean(remedy, 500)))
    raise typer.Exit(code)


def print_json(value: object) -> None:
    """Print JSON for programs."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=True) + "\n")


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table whose cells are hostile text."""
    table = Table(title=Text(clean(title)), title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(clean(str(cell), 200)) for cell in row))
    OUT.print(table)


def print_text(text: str) -> None:
    """Print text that was made by `delegation.graph`, as it is."""
    OUT.print(Text(text), end="")


def read_text(source: str) -> str:
    """Return what a file holds, or standard input for `-`, without white space around it."""
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeError):
        fail("The file cannot be read.", "Name a readable text file, or - for standard input.")
    return text.strip()
