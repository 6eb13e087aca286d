"""Gives each worker of a service a place, and reads what the system says of all of its processes.

A worker that replaces a dead one takes its place, and with it the counts in the shared folder: what
was counted stays, and the folder does not grow however often workers die.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_TICK: Final = os.sysconf("SC_CLK_TCK")
# Fields of /proc/PID/stat behind the name in brackets: proc_pid_stat(5).
_STATE, _UTIME, _STIME, _CUTIME, _CSTIME, _START, _RESIDENT = 0, 11, 12, 13, 14, 19, 21
_ENDED: Final = frozenset("ZX")


@dataclass(frozen=True, slots=True)
class Figures:
    """What the system says of one process.

    Args:
        cpu: Seconds of processor time.
        cpu_of_children: Of its children that ended and were waited for.
        memory: Resident bytes.
        files: Open files.
        most_files: Files that it may open.
        started: Unix seconds.
    """

    cpu: float
    cpu_of_children: float
    memory: int
    files: int
    most_files: float
    started: float


def figures(pid: int) -> Figures | None:
    """Return what the system says of a process; None if it has ended or the system does not say."""
    fields = _stat(pid)
    if fields is None:
        return None
    try:
        files = sum(1 for _ in (_PROC / str(pid) / "fd").iterdir())
        limits = (_PROC / str(pid) / "limits").read_text()
        most = next(line.split()[3] for line in limits.splitlines() if line.startswith("Max open"))
        return Figures(
            cpu=(int(fields[_UTIME]) + int(fields[_STIME])) / _TICK,
            cpu_of_children=(int(fields[_CUTIME]) + int(fields[_CSTIME])) / _TICK,
            memory=int(fields[_RESIDENT]) * _PAGE,
            files=files,
            most_files=float(most.replace("unlimited", "inf")),
            started=_booted() + int(fields[_START]) / _TICK,
        )
    except (OSError, StopIteration):
        return None


def _stat(pid: int) -> list[str] | None:
    """Return what stands behind a living process's name."""
    with suppress(OSError):
        fields = (
            (_PROC / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        )
        if fields[_STATE] not in _ENDED:
            return fields
    return None


def _booted() -> float:
    lines = (_PROC / "stat").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("btime")))


class Workers:
    """The places of a service's workers, in a folder that they share; without one there is one place.

    Args:
        folder: Where they share their counts; None for a service of one process.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Take the first place that nobody alive has."""
        self.folder = folder
        self.place = 0
        self._parent: int | None = None
        if folder is None:
            return
        self._parent = os.getppid()
        with self._choosing(folder):
            taken = self.living()
            self.place = next(n for n in range(len(taken) + 1) if n not in taken)
            for kept in folder.glob(f"gauge_live*_{self.place}.db"):
                kept.unlink()  # of a worker that died: it waits for nothing any more
            (folder / f"worker-{self.place}").write_text(_name(os.getpid()))

    def living(self) -> Mapping[int, int]:
        """Return the process of each place whose worker lives; gauges of the others go away."""
        if self.folder is None:
            return {0: os.getpid()}
        found: dict[int, int] = {}
        for one in self.folder.glob("worker-*"):
            place, name = int(one.name.partition("-")[2]), one.read_text()
            pid = int(name.partition(" ")[0] or 0)
            if pid and _name(pid) == name:
                found[place] = pid
            else:
                for kept in self.folder.glob(f"gauge_live*_{place}.db"):
                    kept.unlink(missing_ok=True)
        return found

    def processes(self) -> Iterator[int]:
        """Yield all processes of the service: the workers and their parent."""
        yield from self.living().values()
        if self._parent is not None:
            yield self._parent

    @contextmanager
    def _choosing(self, folder: Path) -> Iterator[None]:
        with (folder / "choosing").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _name(pid: int) -> str:
    """Return what no other process of this machine is called: pids come again, with another start."""
    fields = _stat(pid)
    return f"{pid} {fields[_START]}" if fields else ""
