"""Backs stores up and puts backups in their place, by the engines' own tools."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path


class Backups:
    """Makes a backup of a store, and puts one in its place."""

    def __init__(self, engine: str, url: str, folder: Path, server) -> None:
        self.engine, self.url, self.server = engine, url, server
        self.file = folder / "s.db"
        self.copy = (folder if server is None else server._home) / f"copy-{folder.name}"

    def make(self) -> None:
        """Back the running store up."""
        if self.engine == "sqlite":
            with sqlite3.connect(self.file) as source, sqlite3.connect(self.copy) as target:
                source.backup(target)
            source.close()
            target.close()
            return
        self.server._run("pg_dump", "--format=custom", f"--file={self.copy}", self.url)

    def restore(self) -> None:
        """Put the backup in the store's place; nobody has it open."""
        if self.engine == "sqlite":
            for name in ("s.db", "s.db-wal", "s.db-shm"):
                self.file.with_name(name).unlink(missing_ok=True)
            shutil.copy(self.copy, self.file)
            return
        self.server._run("pg_restore", "--clean", "--if-exists", f"--dbname={self.url}", self.copy)
