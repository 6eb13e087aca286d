"""Runs several workers under a parent, which ends with the first one's sentence if they cannot start."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from socket import socket
from typing import Final, TypeVar

from uvicorn import Config
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from delegation.errors import DelegationError

_FAILED: Final = "_DELEGATION_FAILED"  # in the environment of the first workers: where to say it
_SERVED: Final = "served"  # the file beside it that says that one of them started
_AGAIN: Final = 1.0  # seconds before a later worker that could not start is replaced
_MADE = TypeVar("_MADE")


class Supervisor(Multiprocess):
    """A parent that tells the workers of its start apart from those that replace one.

    If one of the first cannot start, none could: settings, routes and folders are the same for all.
    A later one may find the database away, as its neighbours do: it is replaced until it is back.

    Args:
        config: Of the server.
        listener: The socket that all listen on.
        folder: Empty; where a worker says why it cannot start.
    """

    def __init__(self, config: Config, listener: socket, folder: Path) -> None:
        """Take charge of signals."""
        super().__init__(config, [listener])
        self._said = folder / "failed.json"
        self._served = folder / _SERVED

    def init_processes(self) -> None:
        """Start the first workers."""
        os.environ[_FAILED] = str(self._said)
        super().init_processes()
        del os.environ[_FAILED]

    def keep_subprocess_alive(self) -> None:
        """Replace workers that ended, once one serves; before that, one that ends is the end."""
        ended = [one.exitcode for one in self.processes if one.exitcode is not None]
        if ended and not self._served.exists():
            _write(self._said, _error("internal", f"A worker ended with code {ended[0]}"))
        if self._said.exists():
            self.should_exit.set()
        elif self._served.exists():  # whoever still starts answers no question of the parent
            super().keep_subprocess_alive()

    def serve(self) -> dict[str, str] | None:
        """Run until the end; return code, message and remedy if the workers could not start."""
        self.run()
        if not self._said.exists():
            if any(one.exitcode == STARTUP_FAILURE for one in self.processes):
                sys.exit(1)  # a worker ended for good, and said why: nothing would serve
            return None
        found: dict[str, str] = json.loads(self._said.read_text(encoding="utf-8"))
        return found


def made(make: Callable[[], _MADE]) -> _MADE:
    """Return what a worker needs to start; say why it cannot, and end it."""
    try:
        return make()
    except Exception as error:  # noqa: BLE001  # whatever it is, the parent hears of it
        said = _sentence(error)
        place = os.environ.pop(_FAILED, "")
        if not place:
            logging.getLogger("delegation.serve").critical(
                "the worker cannot start: %(code)s: %(message)s %(remedy)s", said
            )
            time.sleep(_AGAIN)
            sys.exit(1)
        _write(Path(place), said)
        sys.exit(STARTUP_FAILURE)


def served() -> None:
    """Let the parent know that a worker of its start serves."""
    if place := os.environ.get(_FAILED):
        Path(place).with_name(_SERVED).touch()


def _write(place: Path, said: dict[str, str]) -> None:
    """Leave a sentence to the parent, whole or not at all, unless another one is there."""
    fresh = Path(f"{place}.{os.getpid()}")
    fresh.write_text(json.dumps(said), encoding="utf-8")
    with suppress(FileExistsError):
        os.link(fresh, place)


def _sentence(error: Exception) -> dict[str, str]:
    if isinstance(error, DelegationError):
        return {"code": error.code, "message": str(error), "remedy": error.remedy}
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"
    return _error("internal", f"A worker failed ({place})")


def _error(code: str, what: str) -> dict[str, str]:
    remedy = "Start one worker to see more: `delegation serve --workers 1`."
    return {"code": code, "message": f"{what} before it served anybody.", "remedy": remedy}
