"""Which process of several holds the log's lock right now, as the database and the kernel know it."""

from __future__ import annotations

import contextlib
from pathlib import Path

from sqlalchemy import Engine, text

from delegation.records.log.publish import _SEQUENCER

_HOLDER = text(
    "SELECT a.client_port FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid"
    " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.objid = :number"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def holder(engine: Engine) -> int | None:
    """Return the process on this machine that holds the sequencer's lock, None if nobody does."""
    with engine.connect() as connection:
        port = connection.execute(_HOLDER, {"number": _SEQUENCER}).scalar()
    return None if port is None else _owner(port)


def _owner(port: int) -> int | None:
    """Return the process whose end of a loopback connection has this port."""
    wanted = f"0100007F:{port:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1] == wanted:
            return _with_socket(fields[9])
    return None


def _with_socket(inode: str) -> int | None:
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if str(link.readlink()) == f"socket:[{inode}]":
                return int(link.parts[2])
    return None
