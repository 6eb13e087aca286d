"""Audits a log offline: signature, tree, entries, history; each departure is one clear sentence.

Everything is read from a folder of tiles or from a service, and nothing of it is believed: leaves are
hashed again, tiles computed again, authors of links verified again. What an audit cannot show stands
in docs/explanation/log.md: that what was recorded is true, that every call went through, or, without an older
checkpoint or a witness, that the operator did not write the whole log anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, TypeAlias

from delegation.errors import MalformedError
from delegation.identity.keyring import PublicRing
from delegation.transparency.checkpoint import Checkpoint, LogKey, read_checkpoint
from delegation.transparency.forest import Forest
from delegation.transparency.leaf import read_leaf
from delegation.transparency.merkle import EMPTY_ROOT, Growing, leaf_hash
from delegation.transparency.tile import (
    ENTRIES,
    MAX_LEVEL,
    WIDTH,
    Tile,
    fold,
    read_entries,
    read_hashes,
    width_at,
)

MAX_FINDINGS: Final = 100  # more of them say nothing new
FindingCode: TypeAlias = Literal[
    "checkpoint_missing",
    "checkpoint_malformed",
    "checkpoint_signature",
    "checkpoint_root",
    "older_malformed",
    "older_signature",
    "log_shrunk",
    "history_rewritten",
    "tile_missing",
    "tile_malformed",
    "tile_differs",
    "entry_differs",
    "entry_malformed",
    "leaf_misplaced",
    "row_changed",
    "row_missing",
    "row_unlogged",
    "row_erased_early",
    "log_differs",
    "log_stopped",
]


@dataclass(frozen=True, slots=True)
class Finding:
    """One departure from what an honest log is.

    Args:
        code: A stable word; docs/explanation/log.md has a row for each.
        message: One sentence that says what was found and where.
    """

    code: FindingCode
    message: str


@dataclass(slots=True)
class Findings:
    """Findings as they are made; counted beyond the bound, kept up to it."""

    kept: list[Finding] = field(default_factory=list)
    count: int = 0

    def add(self, code: FindingCode, message: str) -> None:
        """Note one."""
        self.count += 1
        if len(self.kept) < MAX_FINDINGS:
            self.kept.append(Finding(code, message))


class Source(Protocol):
    """Where a log is read from."""

    def checkpoint(self) -> str | None:
        """Return the newest checkpoint's text, None if there is none."""

    def tile(self, tile: Tile) -> bytes | None:
        """Return a tile's bytes, None if there is none."""


@dataclass(frozen=True, slots=True)
class Audit:
    """The result of an audit; true only if nothing was found.

    Args:
        checkpoint: The checkpoint that was audited, None if it could not be read.
        findings: At most `MAX_FINDINGS`.
        count: How many there were.
        forest: The tree of calls and links; empty when entries were not read.
    """

    checkpoint: Checkpoint | None
    findings: tuple[Finding, ...]
    count: int
    forest: Forest

    def __bool__(self) -> bool:
        """Return whether nothing was found."""
        return self.count == 0 and self.checkpoint is not None


def audit(
    source: Source,
    keys: Sequence[LogKey],
    *,
    since: str | None = None,
    issuer_keys: PublicRing | None = None,
    reads_entries: bool = True,
    watch: Callable[[bytes], None] | None = None,
) -> Audit:
    """Audit a whole log.

    Args:
        source: Folder or service.
        keys: The log's keys, from elsewhere than the source; one must have signed. None: refused.
        since: A checkpoint that was kept from earlier: the log must continue it.
        issuer_keys: The issuer's public keys, which verify the authors of roots.
        reads_entries: Whether entries are read; without them only the tree of hashes is audited.
        watch: Is given each entry, in order, for comparisons of the caller's own.
    """
    found, forest = Findings(), Forest(issuer_keys)
    head = _read_head(source, keys, found)
    if head is None:
        return Audit(None, tuple(found.kept), found.count, forest)
    older = _read_older(since, keys, head, found)
    walk = _Walk(source, head.size, found, forest if reads_entries else None, watch)
    roots = walk.roots({head.size, older.size if older else 0})
    if roots.get(head.size) != head.root:
        found.add("checkpoint_root", "The checkpoint's root is not that of the log's entries.")
    if older is not None and roots.get(older.size) != older.root:
        found.add(
            "history_rewritten",
            f"The log's first {older.size} entries are not those of the older checkpoint.",
        )
    return Audit(head, tuple(found.kept), found.count, forest)


def _read_head(source: Source, keys: Sequence[LogKey], found: Findings) -> Checkpoint | None:
    text = source.checkpoint()
    if text is None:
        found.add("checkpoint_missing", "The log has no checkpoint.")
        return None
    try:
        head = read_checkpoint(text)
    except MalformedError as error:
        found.add("checkpoint_malformed", str(error))
        return None
    if not head.is_signed_by(keys):
        found.add("checkpoint_signature", "The checkpoint is not signed by the log's key.")
    return head


def _read_older(
    text: str | None, keys: Sequence[LogKey], head: Checkpoint, found: Findings
) -> Checkpoint | None:
    if text is None:
        return None
    try:
        older = read_checkpoint(text)
    except MalformedError as error:
        found.add("older_malformed", f"The older checkpoint cannot be read: {error}")
        return None
    if older.origin != head.origin or not older.is_signed_by(keys):
        found.add("older_signature", "The older checkpoint is not signed by this log's key.")
        return None
    if older.size > head.size:
        found.add(
            "log_shrunk", f"The log has {head.size} entries; an older checkpoint had {older.size}."
        )
        return None
    return older


class _Walk:
    """A log read from its beginning, its upper tiles computed on the way."""

    def __init__(
        self,
        source: Source,
        size: int,
        found: Findings,
        forest: Forest | None,
        watch: Callable[[bytes], None] | None,
    ) -> None:
        self._source = source
        self._size = size
        self._found = found
        self._forest = forest
        self._watch = watch
        self._rows: list[list[bytes]] = [[] for _ in range(MAX_LEVEL + 1)]
        self._full = [0] * (MAX_LEVEL + 1)

    def roots(self, wanted: Iterable[int]) -> dict[int, bytes]:
        """Return the roots at the wanted sizes, as far as the log can be read."""
        growing, marks = Growing(), set(wanted)
        roots = {0: EMPTY_ROOT}
        for index in range(-(-self._size // WIDTH)):
            hashes = self._leaves(index)
            if hashes is None:
                return roots  # what follows cannot be placed, so the root stays unknown
            for one in hashes:
                growing.append(one)
                if growing.size in marks:
                    roots[growing.size] = growing.root()
            self._climb(hashes)
        for level in range(1, MAX_LEVEL + 1):
            if self._rows[level]:
                self._compare(level)
        return roots

    def _leaves(self, index: int) -> Sequence[bytes] | None:
        """Return the leaf hashes of one row: of its entries if they are read, else as stated."""
        stated = self._stated(Tile(0, index))
        if self._forest is None:
            return stated
        place = Tile(ENTRIES, index, width_at(Tile(ENTRIES, index), self._size))
        data = self._bytes(place)
        if data is None:
            return stated
        try:
            entries = read_entries(place, data)
        except MalformedError as error:
            self._found.add("tile_malformed", str(error))
            return stated
        hashes = [leaf_hash(entry) for entry in entries]
        for number, (entry, one) in enumerate(zip(entries, hashes, strict=True), place.first):
            if stated is not None and stated[number - place.first] != one:
                self._found.add(
                    "entry_differs", f"Entry {number} is not what the tree's leaf is a hash of."
                )
            self._read(number, entry, self._forest)
        return hashes

    def _read(self, number: int, entry: bytes, forest: Forest) -> None:
        if self._watch is not None:
            self._watch(entry)
        try:
            wrong = forest.add(read_leaf(entry))
        except MalformedError as error:
            self._found.add("entry_malformed", f"Entry {number} cannot be read: {error}")
            return
        if wrong is not None:
            self._found.add("leaf_misplaced", f"Entry {number}: {wrong}")

    def _climb(self, hashes: Sequence[bytes]) -> None:
        """Fold a full row into the level above; compare the tile there once it is full."""
        row, level = hashes, 0
        while len(row) == WIDTH and level < MAX_LEVEL:
            level += 1
            row = [*self._rows[level], fold(row)]
            self._rows[level] = row
            if len(row) == WIDTH:
                self._compare(level)
                self._rows[level] = []

    def _compare(self, level: int) -> None:
        row = self._rows[level]
        place = Tile(level, self._full[level], len(row))
        self._full[level] += 1
        stated = self._stated(place)
        if stated is not None and stated != row:
            self._found.add("tile_differs", f"{place.path} is not over the leaves below it.")

    def _stated(self, place: Tile) -> list[bytes] | None:
        place = Tile(place.level, place.index, width_at(place, self._size))
        data = self._bytes(place)
        if data is None:
            return None
        try:
            return read_hashes(place, data)
        except MalformedError as error:
            self._found.add("tile_malformed", str(error))
            return None

    def _bytes(self, place: Tile) -> bytes | None:
        data = self._source.tile(place)
        if data is None:
            self._found.add("tile_missing", f"{place.path} is missing.")
        return data
