"""Starting our programs as forks of a process that has imported everything: seconds of imports become none.

Each start is still a process of its own, with its own words, folder, environment, umask, standard
streams, signals and exit code: what a shell sees of it is a program. It differs from a cold start in
what was imported before, so tests of imports, of the interpreter's own options and of what a second
start finds use `sys.executable`.

Run as a program with a socket's path it is that process; `warm_start.py` is the program that asks it.
"""

from __future__ import annotations

import array
import atexit
import contextlib
import functools
import gc
import importlib
import json
import multiprocessing
import os
import pkgutil
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
ASKING = Path(__file__).with_name("warm_start.py")
STREAMS = 3
LONGEST = 1 << 20  # of what a start is told


@functools.cache
def python() -> list[str]:
    """Return the words to put in front of a program's own, in place of `sys.executable`."""
    if not hasattr(os, "pidfd_open"):
        return [sys.executable]
    folder = Path(tempfile.mkdtemp(prefix="delegation-warm-"))
    path = folder / "socket"
    process = subprocess.Popen(
        [sys.executable, __file__, str(path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "api")])},
    )  # fmt: skip

    def close() -> None:
        process.stdin.close()  # it ends with whoever started it
        process.wait(90)
        process.stdout.close()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(close)
    assert process.stdout.readline() == b"ready\n"
    words = [sys.executable, "-I", "-S", str(ASKING), str(path)]
    _write(folder / "python", words)
    return words


class Program:
    """A program that was started without a shell between: its number is its own, and its group's.

    Args:
        words: Its own, as after `python`.
        folder: Where it runs.
        out: The descriptor that it writes to.
        env: All of its environment.
        err: The descriptor of its errors: where this process's go, unless told otherwise.
    """

    def __init__(
        self, words: list[str], folder: Path, out: int, env: dict[str, str], err: int = 2
    ) -> None:
        self.returncode: int | None = None
        self._asking = socket.socket(socket.AF_UNIX)
        self._asking.connect(python()[-1])
        told = {"words": words, "folder": str(folder), "env": env, "umask": 0o022, "session": True}
        with Path(os.devnull).open() as nothing:
            streams = array.array("i", [nothing.fileno(), out, err])
            line = json.dumps(told).encode() + b"\n"
            sent = self._asking.sendmsg([line], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
            self._asking.sendall(line[sent:])
        self._said = self._asking.makefile("r")
        self.pid = int(self._said.readline())

    def poll(self) -> int | None:
        """Return its exit code, nothing while it runs."""
        return self.wait(0, is_due=False)

    def wait(self, timeout: float, *, is_due: bool = True) -> int | None:
        """Wait until it ends; a signal's number is negative."""
        if self.returncode is None and select.select([self._asking], [], [], timeout)[0]:
            self.returncode = int(self._said.readline())
            self._said.close()
            self._asking.close()
        if self.returncode is None and is_due:
            raise subprocess.TimeoutExpired("a program", timeout)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


def programs(folder: Path) -> Path:
    """Write `delegation` and `python` into a new folder, for a shell's path."""
    folder.mkdir()
    _write(folder / "delegation", [*python(), "-m", "delegation.cli"])
    _write(folder / "python", python())
    return folder


def _write(program: Path, words: list[str]) -> None:
    said = " ".join(f'"{word}"' for word in words)
    program.write_text(f'#!/bin/sh\nexec {said} "$@"\n')
    program.chmod(0o755)


def _import_all() -> None:
    importlib.import_module("multiprocessing.spawn")  # keeps the interpreter that there is now
    for name in ("delegation", "delegation_api"):
        package = importlib.import_module(name)
        for one in pkgutil.walk_packages(package.__path__, f"{name}."):
            if "migrations" not in one.name and not one.name.endswith("__main__"):
                importlib.import_module(one.name)
    from delegation.cli.commands import WRITTEN

    for name, written in WRITTEN.items():
        written.read(name)
    _read_routes()


def _read_routes() -> None:
    """Read the service's routes once for all forks."""
    import routes
    from fastapi.routing import iter_route_contexts

    from delegation import KeyRing
    from delegation.tracker import Tracker
    from delegation_api.app import create_app

    routes.share()
    with Tracker.open(ring=KeyRing.generate("https://nobody.example")) as tracker:
        list(iter_route_contexts(create_app(tracker).routes))


def _take(listening: socket.socket) -> tuple[socket.socket, dict[str, Any], list[int]]:
    asking, _ = listening.accept()
    size = array.array("i", [0] * STREAMS)
    told, ancillary, *_ = asking.recvmsg(LONGEST, socket.CMSG_SPACE(size.itemsize * STREAMS))
    streams = array.array("i")
    for _level, _kind, data in ancillary:
        streams.frombytes(data)
    while not told.endswith(b"\n"):
        told += asking.recv(LONGEST)
    return asking, json.loads(told), list(streams)


def _keep(asking: socket.socket, told: dict[str, Any], streams: list[int]) -> None:
    """Fork the program, say its number, and say how it ended; only the program returns."""
    child = os.fork()
    if not child:
        asking.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        if told.get("session"):
            os.setsid()
        os.chdir(told["folder"])
        os.umask(told["umask"])
        os.environ.clear()
        os.environ.update(told["env"])
        return
    for stream in streams:
        os.close(stream)
    asking.sendall(b"%d\n" % child)
    ended = os.pidfd_open(child)
    if ended not in select.select([ended, asking], [], [])[0]:
        os.kill(child, signal.SIGKILL)  # whoever asked was killed, and with it what it stands for
    _, status = os.waitpid(child, 0)
    with contextlib.suppress(OSError):
        asking.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _wait(path: str) -> dict[str, Any]:
    """Fork for whoever asks; what returns is a fork with what it shall run."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen(128)
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([listening, sys.stdin], [], [], 5)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        if sys.stdin in ready:
            sys.exit(0)
        if not ready:
            continue
        asking, told, streams = _take(listening)
        if not os.fork():
            listening.close()
            _keep(asking, told, streams)
            return told
        asking.close()
        for stream in streams:
            os.close(stream)


def _execute(source: str, name: str) -> None:
    exec(compile(source, name, "exec", dont_inherit=True), {"__name__": "__main__"})


def _run(words: list[str], env: dict[str, str], warm_python: Path) -> None:
    """Do as the interpreter does with these words.

    What it starts with its own interpreter starts warm; workers of a service are its forks where that is asked.
    """
    cold, sys.executable = sys.executable, str(warm_python)
    if env.get("WARM_WORKERS"):
        from uvicorn import _subprocess

        _subprocess.spawn = multiprocessing.get_context("fork")
    sys.path[:0] = [one for one in env.get("PYTHONPATH", "").split(os.pathsep) if one]
    if words[0] == "-m":
        sys.argv = words[1:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    elif words[0] == "-":
        sys.argv = words
        _execute(sys.stdin.read(), "<stdin>")
    elif words[0] == "-c":
        sys.argv = ["-c", *words[2:]]
        _execute(words[1], "<string>")
    elif words[0].startswith("-"):
        os.execv(cold, [cold, *words])
    else:
        sys.argv = words
        sys.path.insert(0, str(Path(words[0]).resolve().parent))
        runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    _import_all()
    gc.collect()
    gc.freeze()  # a fork that collects copies nothing of what was imported
    given = _wait(sys.argv[1])
    _run(given["words"], given["env"], Path(sys.argv[1]).with_name("python"))
