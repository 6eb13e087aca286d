"""Programs that a soak starts: each in its own session, ended at the end, and no other is touched."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

NAMES = {
    "etcd": "etcd-server", "patroni": "patroni", "haproxy": "haproxy", "initdb": "postgresql",
}  # fmt: skip


def find(program: str) -> str:
    """Return a program's path.

    Raises:
        SystemExit: It is not installed; the message names Debian's package.
    """
    # Debian's own folders first: a wrapper elsewhere has not the programs that stand beside it.
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    path = os.pathsep.join([*map(str, versions), os.environ.get("PATH", ""), "/usr/sbin"])
    found = shutil.which(program, path=path)
    if found is None:
        raise SystemExit(f"soak needs {program} (Debian package {NAMES.get(program, program)})")
    return found


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback that nobody listens on."""
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def until(what: str, ready: Callable[[], object], seconds: float = 60.0) -> float:
    """Wait until something holds and return how long that took.

    Raises:
        TimeoutError: It does not.
    """
    begun = time.monotonic()
    while not ready():
        if time.monotonic() - begun > seconds:
            raise TimeoutError(f"{what} did not come in {seconds} s")
        time.sleep(0.05)
    return time.monotonic() - begun


def children(pid: int) -> list[int]:
    """Return the processes whose parent this is."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:  # it ended meanwhile
            continue
        if int(text.rpartition(")")[2].split()[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def title(pid: int) -> str:
    """Return a process's command line, empty when it is gone."""
    try:
        return (
            Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        )
    except OSError:
        return ""


@dataclass
class Programs:
    """What was started, to be ended.

    Args:
        folder: Where logs and data lie.
        user: Arguments of `Popen` that drop rights: servers refuse to run as root.
    """

    folder: Path
    user: Mapping[str, object]
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, name: str, command: list[str], **env: str) -> subprocess.Popen[bytes]:
        """Start a program that logs into a file of its name."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(  # commands of this folder's own files
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **env}, start_new_session=True, **self.user,  # type: ignore[call-overload]
            )  # fmt: skip
        self.started.append(process)
        return process

    def end(self) -> None:
        """End everything that was started, and what that started."""
        for process in reversed(self.started):
            _kill(process, signal.SIGTERM)
        for process in reversed(self.started):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                _kill(process, signal.SIGKILL)
                process.wait(5)


def _kill(process: subprocess.Popen[bytes], number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


@contextmanager
def programs() -> Iterator[Programs]:
    """Return a place to start programs from; they are ended and their files removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="delegation-soak-"))
    user: dict[str, object] = {}
    if os.geteuid() == 0:
        folder.chmod(0o755)
        account = pwd.getpwnam("nobody")
        os.chown(folder, account.pw_uid, account.pw_gid)
        user = {"user": "nobody", "group": account.pw_gid, "extra_groups": []}
    place = Programs(folder, user)
    try:
        yield place
    finally:
        place.end()
        shutil.rmtree(folder, ignore_errors=True)
