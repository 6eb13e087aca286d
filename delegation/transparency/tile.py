"""Lays out the tree's hashes and the log's entries in tiles of 256, as C2SP tlog-tiles names them.

A full tile never changes, so it may be kept for ever. The right edge is a partial tile of its own
name, `.p/W`, replaced by another as the log grows. Source: c2sp.org/tlog-tiles.

    tile/0/x001/234          256 leaf hashes
    tile/1/000.p/7           7 hashes, each over 256 leaves
    tile/entries/000.p/3     3 entries, each after its length in 16 bits
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from delegation.errors import MalformedError
from delegation.transparency.merkle import HASH_BYTES, Nodes, node_hash

WIDTH: Final = 256
HEIGHT: Final = 8  # 2**8 hashes of one tile make one of the tile above
ENTRIES: Final = -1  # the level of entry bundles
MAX_LEVEL: Final = 7  # 256**8 leaves: more than can be counted
MAX_ENTRY: Final = 2**16 - 1
_PATH: Final = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<n>(?:x[0-9]{3}/){0,6}[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile's place.

    Args:
        level: 0 for leaf hashes, L for hashes over 256**L leaves, `ENTRIES` for entries.
        index: Its number within the level.
        width: 1 to 255 for a partial tile, 256 for a full one.
    """

    level: int
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """The path of C2SP tlog-tiles."""
        level = "entries" if self.level == ENTRIES else str(self.level)
        digits = f"{self.index:03d}"
        if len(digits) % 3:
            digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
        name = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{level}/{name}{partial}"

    @property
    def first(self) -> int:
        """The first node of its level (leaf, for entries) that it holds."""
        return self.index * WIDTH

    @property
    def below(self) -> int:
        """The level of what its hashes are named by: entries stand beside leaf hashes."""
        return max(self.level, 0)


def parse_path(path: str) -> Tile:
    """Return the tile that a path names; only the one spelling that `Tile.path` writes is read.

    Raises:
        MalformedError: It names none.
    """
    found = _PATH.fullmatch(path)
    if found is None:
        raise MalformedError("path", wanted="a tile's path (C2SP tlog-tiles)")
    level = ENTRIES if found["level"] == "entries" else int(found["level"])
    index = int(found["n"].replace("x", "").replace("/", ""))
    tile = Tile(level, index, int(found["width"] or WIDTH))
    if level > MAX_LEVEL or tile.path != path:
        raise MalformedError("path", wanted="a tile's path (C2SP tlog-tiles)")
    return tile


def width_at(tile: Tile, size: int) -> int:
    """Return how many hashes or entries a tile's place holds in a log of this size, 0 to 256."""
    nodes = size >> (HEIGHT * tile.below)
    return max(0, min(WIDTH, nodes - tile.first))


def tiles_of(size: int, *, since: int = 0) -> Iterator[Tile]:
    """Yield the tiles of a log of this size that one of `since` entries did not have.

    Args:
        size: Entries in the log.
        since: Entries at the last time; tiles that were full then are left out.
    """
    for level in range(ENTRIES, MAX_LEVEL + 1):
        shift = HEIGHT * max(level, 0)
        nodes, before = size >> shift, since >> shift
        if nodes == 0:
            return
        for index in range(before // WIDTH, -(-nodes // WIDTH)):
            tile = Tile(level, index, min(WIDTH, nodes - index * WIDTH))
            if tile.first + tile.width > before:
                yield tile


def read_hashes(tile: Tile, data: bytes) -> list[bytes]:
    """Return the hashes in a tile's bytes.

    Raises:
        MalformedError: It has another length than its path says.
    """
    if len(data) != tile.width * HASH_BYTES:
        raise MalformedError(tile.path, wanted=f"{tile.width} hashes of {HASH_BYTES} bytes")
    return [data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES)]


def write_entries(entries: Sequence[bytes]) -> bytes:
    """Return an entry bundle: each entry after its length in 16 bits, big-endian.

    Raises:
        MalformedError: An entry is longer than such a length can say.
    """
    if any(len(entry) > MAX_ENTRY for entry in entries):
        raise MalformedError("An entry", wanted=f"at most {MAX_ENTRY} bytes")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def read_entries(tile: Tile, data: bytes) -> list[bytes]:
    """Return the entries in a bundle's bytes.

    Raises:
        MalformedError: It holds another number than its path says, or ends within one.
    """
    entries = []
    at = 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if end > len(data) or at + 2 > len(data):
            raise MalformedError(tile.path, wanted="whole entries")
        entries.append(data[at + 2 : end])
        at = end
    if len(entries) != tile.width:
        raise MalformedError(tile.path, wanted=f"{tile.width} entries")
    return entries


def nodes_in(size: int, read: Callable[[Tile], Sequence[bytes]]) -> Nodes:
    """Return where complete subtrees of a log's tree are found in its tiles.

    Args:
        size: Entries in the log; nothing beyond is looked at.
        read: Returns the hashes of a tile.
    """

    @lru_cache(maxsize=64)
    def hashes(level: int, index: int) -> Sequence[bytes]:
        place = Tile(level, index)
        return read(Tile(level, index, width_at(place, size)))

    @lru_cache(maxsize=4096)
    def node(height: int, index: int) -> bytes:
        level, above = divmod(height, HEIGHT)
        first = index << above
        row = hashes(level, first // WIDTH)[first % WIDTH : first % WIDTH + (1 << above)]
        if len(row) != 1 << above:
            raise MalformedError("The log's tiles", wanted="complete")
        return fold(row)

    return node


def fold(hashes: Sequence[bytes]) -> bytes:
    """Return the root over a complete row of 2**n hashes."""
    row = list(hashes)
    while len(row) > 1:
        row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]
