"""Writes the log's tiles and checkpoint to a folder, and remembers what its key signed.

Each is written beside its place, flushed to disk and renamed: a crash leaves the old file or the new
one, never half of it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from threading import get_ident
from typing import Final

from delegation.errors import LogStoppedError, MalformedError
from delegation.transparency.checkpoint import MAX_TEXT, Checkpoint, read_checkpoint
from delegation.transparency.tile import WIDTH, Tile

CHECKPOINT: Final = "checkpoint"


def write_whole(file: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a file all at once, on disk before it returns.

    Args:
        file: Where it is to be.
        data: Its bytes.
        mode: Who may read and write it, where it is made; less the process's own mask.

    Raises:
        OSError: It cannot be written; what stood there stands.
    """
    _make(file.parent)
    # One sequencer at a time; what a killed one left under its name is written over.
    fresh = file.with_name(f".{file.name}.{os.getpid()}-{get_ident()}")
    try:
        with open(
            fresh, "wb", opener=lambda path, flags: os.open(path, flags | os.O_NOFOLLOW, mode)
        ) as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(file)
    except BaseException as error:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename = str(
                file
            )  # not the name beside it, nor none: a full disk names no file
        raise
    # The name is on disk, too, before anything is said that relies on it.
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _make(folder: Path) -> None:
    """Make a folder and those above it, which nobody else may write into whatever the umask."""
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(mode=0o755, exist_ok=True)


def refuse_unless_writable(folder: Path) -> None:
    """Write a file into a folder and take it away: rights, a read-only disk and a full one show.

    Raises:
        OSError: It cannot be written.
    """
    _make(folder)
    file = folder / f".tried.{os.getpid()}-{get_ident()}"
    try:
        with file.open("wb") as stream:
            stream.write(bytes(MAX_TEXT))
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        error.filename = str(folder)
        raise
    finally:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)


class Kept:
    """One checkpoint in a file: the folder's, or what the key remembers.

    Args:
        file: Where it is.
        mode: Who may read and write it.
    """

    def __init__(self, file: Path, *, mode: int = 0o644) -> None:
        """Look at nothing yet."""
        self.file = file
        self._mode = mode

    def read(self) -> Checkpoint | None:
        """Return the checkpoint, None if there is none.

        Raises:
            LogStoppedError: There is something else, which must not be written over unseen.
        """
        try:
            with self.file.open("rb") as stream:
                text = stream.read(MAX_TEXT + 1).decode("utf-8", "strict")
            return read_checkpoint(text)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, MalformedError) as error:
            raise LogStoppedError(
                f"{self.file.name} holds no readable checkpoint.", is_older=True
            ) from error

    def write(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint; one of the same log that is further stays."""
        held = self.read()
        is_same_log = held is not None and held.origin == checkpoint.origin
        if held == checkpoint or (is_same_log and held is not None and held.size > checkpoint.size):
            return
        write_whole(self.file, checkpoint.text.encode(), mode=self._mode)


class LogFolder:
    """A folder of tiles, as C2SP tlog-tiles lays them out, for any web server or `log verify`.

    Args:
        folder: Made at the first write.
    """

    def __init__(self, folder: Path) -> None:
        """Look at nothing yet."""
        self.folder = folder
        self.checkpoint = Kept(folder / CHECKPOINT)

    def read_tile(self, tile: Tile) -> bytes | None:
        """Return a tile's bytes, None if there is none."""
        try:
            return (self.folder / tile.path).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def write_tile(self, tile: Tile, data: bytes) -> None:
        """Write a tile; a full one takes the place of its partial ones."""
        file = self.folder / tile.path
        write_whole(file, data)
        if tile.width == WIDTH:
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(file.with_name(f"{file.name}.p"))

    def clear(self) -> None:
        """Delete all tiles; the checkpoint stays, since it may say what the database does not."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.folder / "tile")

    def set_aside(self, generation: int) -> None:
        """Move an ended log's files to a folder of their own, where they stay as evidence."""
        aside = self.folder / f"before-{generation}"
        for name in ("tile", CHECKPOINT):
            if (self.folder / name).exists():
                aside.mkdir(parents=True, exist_ok=True)
                (self.folder / name).rename(aside / name)
