"""PgBouncer, the real one, in front of a PostgreSQL of the tests."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from postgres import Server
from proxies import free_port

_INI = """[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
admin_users = postgres
max_client_conn = 300
{options}
"""


class Bouncer:
    """A PgBouncer.

    Args:
        server: Before which it stands.
        folder: Its own.
        options: Of its own section.
    """

    def __init__(self, server: Server, folder: Path, options: str) -> None:
        """Start it and wait until it answers."""
        program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if program is None:
            pytest.skip("pgbouncer is not installed")
        self.port, self._server, self._folder = free_port(), server, folder
        (folder / "users").write_text('"postgres" ""\n')
        self._write(options)
        for file in (folder, *folder.iterdir()):
            file.chmod(0o755)
        with (folder / "log").open("w") as log:
            self._process = subprocess.Popen(
                [program, "-q", str(folder / "ini")], cwd=folder, stdout=log, stderr=log,
                **server._user,
            )  # fmt: skip
        for left in range(600, -1, -1):
            try:
                psycopg.connect(self.url("pgbouncer"), autocommit=True).close()
                break
            except psycopg.OperationalError:
                if not left or self._process.poll() is not None:
                    raise AssertionError((folder / "log").read_text()) from None
                time.sleep(0.1)

    def _write(self, options: str) -> None:
        text = _INI.format(
            server=self._server.port, port=self.port, folder=self._folder, options=options
        )
        (self._folder / "ini").write_text(text)

    def change(self, options: str) -> None:
        """Let it read other options, as an administrator does."""
        self._write(options)
        self._process.send_signal(signal.SIGHUP)

    def url(self, database: str) -> str:
        """Return a database's URL through it."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait(60)


@contextmanager
def pooling(server: Server, options: str) -> Iterator[Bouncer]:
    """Run a PgBouncer until the block ends."""
    folder = server.folder / f"bouncer-{free_port()}"
    folder.mkdir()
    found = Bouncer(server, folder, options)
    try:
        yield found
    finally:
        found.close()
