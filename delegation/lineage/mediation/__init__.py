"""Compares what services say they executed with the decisions on record. Pure."""

from __future__ import annotations

from delegation.lineage.mediation.deviations import (
    BYPASSES,
    Finding,
    FindingKind,
    Reconciliation,
    Recorded,
    Verify,
)
from delegation.lineage.mediation.tool_log import (
    MAX_LINE,
    Execution,
    UnreadableLineError,
    read_line,
    write_line,
)

__all__ = [
    "BYPASSES",
    "MAX_LINE",
    "Execution",
    "Finding",
    "FindingKind",
    "Reconciliation",
    "Recorded",
    "UnreadableLineError",
    "Verify",
    "read_line",
    "write_line",
]
