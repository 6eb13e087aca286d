"""Defines the protocol that a tracker and a client share."""

from __future__ import annotations

from delegation.operations.approvals import Approvals
from delegation.operations.exports import Exports
from delegation.operations.log import Log
from delegation.operations.operation import Sync
from delegation.operations.questions import Oversight, Questions
from delegation.operations.records import Records
from delegation.operations.registry import Desk, Registry
from delegation.operations.standing import Standing
from delegation.operations.tasks import Tasks


class Operations(
    Tasks, Registry, Desk, Records, Questions, Oversight, Standing, Approvals, Exports, Log
):
    """All operations of a tracker, in this process or over HTTP."""


class Backend(Operations, Sync):
    """A tracker in this process on whose behalf somebody acts, or the client of a service."""
