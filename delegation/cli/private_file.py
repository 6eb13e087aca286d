"""Writes a private file: what a command puts where its caller says, for the caller's eyes only."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def write_private(file: Path, data: bytes) -> None:
    """Write a file with mode 0600, whatever the umask; one that is there is narrowed before.

    Pipes and devices are written to as they are.

    Raises:
        OSError: It cannot be written.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0)
    with os.fdopen(os.open(file, flags, 0o600), "wb") as stream:
        if os.name == "posix" and stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            os.fchmod(stream.fileno(), 0o600)
        stream.write(data)
