"""Keeps the files of one request while it is judged: in memory while small, else in a temporary file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import Any, Final

from delegation.canonical import Json

IN_MEMORY: Final = 1024 * 1024  # bytes of all files of one request that never touch a disk
_CHUNK: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file of a request.

    Args:
        store: Where its bytes are.
        begin: From which byte on.
        size: How many.
        digest: `sha256:` and 64 hexadecimal digits.
    """

    store: FileStore
    begin: int
    size: int
    digest: str

    def stated(self, media: str, name: str | None = None) -> dict[str, Json]:
        """Return the argument that stands for this file.

        Args:
            media: Its media type.
            name: Its name, None if it has none.
        """
        named: dict[str, Json] = {} if name is None else {"name": name}
        return {**named, "size": self.size, "media_type": media, "digest": self.digest}

    def is_meant_by(self, argument: Mapping[str, Any]) -> bool:
        """Return whether an argument that was judged stands for these bytes."""
        return (argument.get("size"), argument.get("digest")) == (self.size, self.digest)

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes."""
        yield from self.store.chunks(self.begin, self.size)


class FileStore:
    """All files of one request, one behind the other."""

    def __init__(self) -> None:
        """Begin without files."""
        self._file: SpooledTemporaryFile[bytes] | None = None
        self._end = 0
        self._begin = 0
        self._hash = hashlib.sha256()

    def begin(self) -> None:
        """Begin a file."""
        self._begin, self._hash = self._end, hashlib.sha256()

    def add(self, data: bytes) -> None:
        """Add bytes to the file that was begun."""
        if self._file is None:
            self._file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  # see `close`
        self._file.seek(self._end)
        self._file.write(data)
        self._hash.update(data)
        self._end += len(data)

    def end(self) -> StoredFile:
        """Return the file that was begun."""
        digest = f"sha256:{self._hash.hexdigest()}"
        return StoredFile(self, self._begin, self._end - self._begin, digest)

    def chunks(self, begin: int, size: int) -> Iterator[bytes]:
        """Yield some of the bytes."""
        while size and self._file is not None:
            self._file.seek(begin)
            data = self._file.read(min(size, _CHUNK))
            begin, size = begin + len(data), size - len(data)
            yield data

    def close(self) -> None:
        """Forget all files."""
        if self._file is not None:
            self._file.close()
