"""Busy loops that take every processor several times over, bounded, and gone when the block ends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_SPIN = "import time; end = time.monotonic() + {}\nwhile time.monotonic() < end: pass"


@contextmanager
def saturated(seconds: float, *, times: int = 4) -> Iterator[None]:
    """Keep all processors busy while the block runs.

    Args:
        seconds: After which the loops end by themselves.
        times: Loops for each processor.
    """
    count = times * (os.cpu_count() or 1)
    command = [sys.executable, "-S", "-c", _SPIN.format(seconds)]
    loops = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
        for loop in loops:
            loop.wait()
