"""Tells whether this process was told to stop, and ends it when another release has its store."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
from typing import Final

from uvicorn.config import STARTUP_FAILURE

_FAILED: Final = 1
_LOG: Final = logging.getLogger("delegation.api")
_ending: list[bool] = []  # filled when this process ends because another release has its store


def is_ending() -> bool:
    """Return whether the server was told to stop: it waits for streams, which would never end.

    The server's own signal handler is a method of it, so it is asked through that.
    """
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return bool(getattr(server, "should_exit", False))


def end_for_another_release() -> None:
    """Have this process end as if it were told to; from any thread."""
    if not _ending:
        _ending.append(True)
        _LOG.error("another release changed the schema of the store: this process ends")
        os.kill(os.getpid(), signal.SIGTERM)


def leave_for_another_release() -> None:
    """Leave at once if that is why the process ends, when all is answered and written.

    With a code that makes a supervisor start it again: then it is the other release, or says what is
    wrong. A worker leaves as one that cannot start, so that its parent ends with all others.
    """
    if _ending:
        os._exit(STARTUP_FAILURE if multiprocessing.parent_process() else _FAILED)
