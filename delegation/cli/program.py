"""Runs a command: exit codes, errors as sentences or JSON, and never a traceback."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from typer import Abort, TyperException
from typer.core import TyperGroup

from delegation.cli.commands import WRITTEN, Commands
from delegation.cli.console import ANOTHER_REVISION, FAILED, INTERRUPTED, USAGE, Stop, fail, report
from delegation.errors import DelegationError, SchemaRevisionError, StoreUnavailableError


class Program(TyperGroup):
    """The group of all commands; whatever one raises ends here.

    0 means done, 1 failed, 2 wrong usage, 3 denied, 78 a database of another release,
    130 interrupted; `report` writes the error.
    """

    def __init__(self, **told: Any) -> None:
        """Know all commands, and import none."""
        super().__init__(**told)
        self.commands = Commands()

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands, without importing them."""
        known = self.commands
        self.commands = {name: written.listed(name) for name, written in WRITTEN.items()}
        try:
            super().format_help(ctx, formatter)
        finally:
            self.commands = known

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: FBT001  # typer's own signature
        windows_expand_args: bool = True,  # noqa: FBT001
        **extra: Any,
    ) -> Any:
        """Run a command line and end the process with its exit code."""
        words = list(sys.argv[1:] if args is None else args)
        as_json = "--json" in (words[: words.index("--")] if "--" in words else words)
        # What it writes is a service's log: every line of one that programs read is JSON.
        as_json |= words[:1] == ["serve"] and os.environ.get("DELEGATION_LOG_FORMAT") == "json"
        try:
            _refuse_bytes(words)
            code = super().main(
                words,
                "delegation",  # however it was started: completion and help name what users type
                complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                **extra,
            )
            sys.stdout.flush()
        except Exception as error:  # noqa: BLE001  # no traceback reaches a user
            code = ended(error, as_json=as_json)
        if not standalone_mode:
            return code
        sys.exit(code if isinstance(code, int) else 0)


def _refuse_bytes(words: Sequence[str]) -> None:
    """Refuse what is no text: bytes that are no UTF-8 come as lone surrogates, which nothing stores."""
    try:
        is_text = "\x00" not in "".join(words).encode("utf-8").decode("utf-8")
    except UnicodeError:
        is_text = False
    if not is_text:
        fail("An argument is no UTF-8 text.", "Give text.", code="usage", status=USAGE)


def _why(error: DelegationError) -> str:
    if not isinstance(error, StoreUnavailableError) or error.__cause__ is None:
        return ""
    from delegation.records.engine.errors import why_unconnected  # noqa: PLC0415  # slow to start

    return why_unconnected(error)


def ended(error: Exception, *, as_json: bool) -> int:
    """Write what ended a command and return its exit code."""
    if isinstance(error, Stop):
        return report(error.code, str(error), error.remedy, as_json=as_json, exit_code=error.status)
    if isinstance(error, DelegationError):
        code = ANOTHER_REVISION if isinstance(error, SchemaRevisionError) else FAILED
        what = " ".join(filter(None, (str(error), _why(error))))
        return report(error.code, what, error.remedy, as_json=as_json, exit_code=code)
    if isinstance(error, TyperException):
        remedy = "See the command with --help."
        return report(
            "usage", error.format_message(), remedy, as_json=as_json, exit_code=error.exit_code
        )
    if isinstance(error, Abort):
        return report("interrupted", "Interrupted.", "", as_json=as_json, exit_code=INTERRUPTED)
    if isinstance(error, BrokenPipeError):
        # Whoever read the output has left; the interpreter must not write to it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    if isinstance(error, OSError):
        message = f"The system refused: {error.strerror or type(error).__name__}."
        remedy = "Look at the file or address that was named."
        return report("configuration", message, remedy, as_json=as_json, exit_code=FAILED)
    # The sentence of an unforeseen error may quote what nobody verified: its class and place do not.
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(frame.filename).name}:{frame.lineno}"
    message = f"The program failed ({type(error).__name__} at {place})."
    remedy = "This is a defect: report it with the command and this line."
    return report("internal", message, remedy, as_json=as_json, exit_code=FAILED)
