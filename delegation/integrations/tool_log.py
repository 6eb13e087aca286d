"""Writes a tool log: what a service executed, one line each, for `delegation reconcile`.

A line is one `write` to a file that is only appended to, so that several processes may share it. It
is written after the call: a crash in between shows as a decision that was not executed.
"""

from __future__ import annotations

import os
from pathlib import Path

from delegation.errors import ConfigurationError
from delegation.judge.decision import Decision
from delegation.lineage.mediation import write_line
from delegation.lineage.mediation.tool_log import ExecutionOutcome


class ToolLog:
    """A service's tool log.

    Args:
        path: The file; made if it is not there, readable by its owner alone.
        audience: This service's name in grants.
        durable: Whether each line is on disk before `executed` returns.

    Raises:
        ConfigurationError: The file cannot be written.
    """

    def __init__(self, path: Path | str, *, audience: str, durable: bool = False) -> None:
        """Open the file; a log that cannot be written is found at the start, not at a call."""
        self._audience = audience
        self._durable = durable
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        try:
            self._file = os.open(path, flags, 0o600)
        except OSError as error:
            raise ConfigurationError(
                f"The tool log cannot be opened: {error.strerror}.",
                remedy="Name a file that this service may append to.",
            ) from error

    def executed(
        self,
        decision: Decision,
        *,
        at: int,
        outcome: ExecutionOutcome = "executed",
        receipt: str | None = None,
    ) -> None:
        """Write that a call was executed with the decision's canonical arguments.

        Args:
            decision: What allowed it.
            at: When the execution began, Unix seconds.
            outcome: `executed`, or `failed` when it ended otherwise than it should.
            receipt: The receipt it was executed under, if there was one.

        Raises:
            OSError: The line could not be written.
        """
        line = write_line(
            at=at,
            decision=decision.id,
            tool=decision.tool,
            audience=self._audience,
            arguments=decision.arguments,
            outcome=outcome,
            receipt=receipt,
        )
        written = os.write(self._file, line)
        if written != len(line):  # the disk is full: what is there is an unreadable line, not a lie
            raise OSError(f"only {written} of {len(line)} bytes were written")
        if self._durable:
            os.fsync(self._file)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
