"""Caches verified prefixes: "these bytes verify under this key", bounded by bytes.

Only what verified is stored, so garbage cannot fill it. New entries stand on probation until they are
used again, so a flood of valid tokens that are seen once does not push out what is in use. Never
cached: time, standing, judgement, proof. Source: segmented LRU (Karedla, Love, Wherry 1994).
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Final, Generic, TypeVar

DEFAULT_BYTES: Final = 32 * 1024 * 1024
_PROBATION_SHARE: Final = 0.2

Value = TypeVar("Value")


class _Segment(Generic[Value]):
    """Entries in order of use, with their size in bytes."""

    __slots__ = ("entries", "most", "size")

    def __init__(self, most: int) -> None:
        self.entries: OrderedDict[bytes, tuple[Value, int]] = OrderedDict()
        self.size = 0
        self.most = most

    def put(self, key: bytes, value: Value, size: int) -> list[tuple[bytes, Value, int]]:
        """Add an entry and return those that had to go."""
        self.entries[key] = (value, size)
        self.size += size
        gone = []
        while self.size > self.most:
            old, (old_value, old_size) = self.entries.popitem(last=False)
            self.size -= old_size
            gone.append((old, old_value, old_size))
        return gone

    def pop(self, key: bytes) -> tuple[Value, int] | None:
        if (entry := self.entries.pop(key, None)) is not None:
            self.size -= entry[1]
        return entry


class PrefixCache(Generic[Value]):
    """A thread-safe segmented LRU.

    Args:
        most: Bytes that all entries together may take, as their makers estimate them.
    """

    def __init__(self, most: int = DEFAULT_BYTES) -> None:
        """Make an empty cache."""
        self._lock = Lock()
        self._probation: _Segment[Value] = _Segment(int(most * _PROBATION_SHARE))
        self._protected: _Segment[Value] = _Segment(most - int(most * _PROBATION_SHARE))

    def get(self, key: bytes) -> Value | None:
        """Return the entry's value; using it a second time ends its probation."""
        with self._lock:
            if (entry := self._protected.entries.get(key)) is not None:
                self._protected.entries.move_to_end(key)
                return entry[0]
            if (promoted := self._probation.pop(key)) is None:
                return None
            for old, value, size in self._protected.put(key, *promoted):
                self._probation.put(old, value, size)
            return promoted[0]

    def put(self, key: bytes, value: Value, size: int) -> None:
        """Store a value on probation, unless it is there already or larger than all of probation.

        Args:
            key: A digest over everything that the value depends on, the key included.
            value: Immutable.
            size: Its estimated bytes.
        """
        with self._lock:
            if size > self._probation.most:
                return  # it would push out everything, and then itself
            if key not in self._protected.entries and key not in self._probation.entries:
                self._probation.put(key, value, size)

    @property
    def size(self) -> int:
        """Estimated bytes of all entries."""
        with self._lock:
            return self._probation.size + self._protected.size

    def __len__(self) -> int:
        """Return how many entries there are."""
        with self._lock:
            return len(self._probation.entries) + len(self._protected.entries)
