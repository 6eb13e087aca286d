"""Reads the clock of leases, which runs on while the machine sleeps, and which nobody sets."""

from __future__ import annotations

import time

from delegation.errors import ConfigurationError


def boottime() -> float:
    """Return seconds since this machine started, time asleep included.

    Raises:
        ConfigurationError: The system has no such clock. One that stops in suspend would make a
            resumed laptop or virtual machine believe that what it knows is fresh.
    """
    if (clock := getattr(time, "CLOCK_BOOTTIME", None)) is None:
        raise ConfigurationError(
            "Settling calls locally needs CLOCK_BOOTTIME, which only Linux has.",
            remedy="Let the service settle calls: leave the spool out.",
        )
    return time.clock_gettime(clock)
