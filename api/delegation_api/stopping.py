"""Tells whether this process was told to stop."""

from __future__ import annotations

import signal


def is_ending() -> bool:
    """Return whether the server was told to stop: it waits for streams, which would never end.

    The server's own signal handler is a method of it, so it is asked through that.
    """
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return bool(getattr(server, "should_exit", False))
