"""Reads the key ring of a store from its file, or makes it at the store's first start, never later."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from delegation.commands.ring import FixedRing, RingSource
from delegation.errors import KeyFileError
from delegation.identity.keyring import KeyRing
from delegation.lineage.filter import TaskFilter
from delegation.records.store import SqlStore
from delegation.tracker.held_ring import HeldRing
from delegation.tracker.location import (
    endings_file,
    journal_head,
    memory_file,
    ring_file,
    shown,
    store_file,
)

_WRITING_SECONDS: Final = 5.0  # another process that makes the file fills it at once
_LOOK_SECONDS: Final = 0.02
_UNNAMED: Final = "http://localhost"  # as a new ring issues for which nobody named an issuer


def file_beside(store: SqlStore, url: str) -> Path | None:
    """Return where the ring of a store is that names none: beside its file; None for one in memory.

    Args:
        store: The store.
        url: Its place.

    Raises:
        KeyFileError: It is a server's database, beside which no file is.
    """
    if store.is_memory:
        return None
    file = store_file(url.partition("?")[0])
    if file is None or file.name.startswith("file:"):
        raise KeyFileError(
            f"The store {shown(url)} outlives this process, and no key ring is named.",
            remedy="Name its file with ring_file, or give the ring.",
        )
    return ring_file(file)


def ring_of(store: SqlStore, file: Path, *, issuer: str, url: str) -> KeyRing:
    """Return the ring in a file; one that is made new if the store was never used.

    With new keys beside a store that was used, nothing that was issued would verify, and the log
    would begin to fork: whoever lost the ring must hear of it.

    Args:
        store: The store that it serves.
        file: Where the ring is kept, mode 0600.
        issuer: The URL under which it has to issue; empty takes what is there.
        url: The store's place, to name it.

    Raises:
        KeyFileError: The file is readable by others or holds no ring; it holds another store's, or
            one of another issuer; or there is none, and the store has links, decisions, tasks or
            API keys, or is served with another ring.
    """
    if file.exists():
        return _kept(store, file, issuer=issuer, url=url)
    with store.read() as reader:
        numbers = reader.numbers()
        is_used = bool(
            numbers["link"]
            or numbers["decision"]
            or reader.api_keys()
            or reader.tasks(TaskFilter(), after=None, limit=1, at=0)
        )
    if is_used:
        raise KeyFileError(
            f"There is no key ring at {file}, but the store {shown(url)} was used with one.",
            remedy="Put the ring back from its backup, or name where it is.",
        )
    ring = new_ring(issuer)
    try:
        ring.save(file)
    except KeyFileError:
        if not file.exists():
            raise
        return _kept(store, file, issuer=issuer, url=url)  # of another opening, just now
    if not store.accepts(ring):
        # Whoever opened the store first may be issuing already: two rings would fork what is kept.
        file.unlink()
        raise KeyFileError(
            f"There is no key ring at {file}, but another ring serves the store {shown(url)} already.",
            remedy="Name that ring; if it is lost, begin with a new store: nothing was issued in this one.",
        )
    return ring


def _kept(store: SqlStore, file: Path, *, issuer: str, url: str) -> KeyRing:
    """Return the ring in a file, whoever made it, if it signs for the store, as this issuer."""
    until = time.monotonic() + _WRITING_SECONDS
    while file.stat().st_size == 0 and time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)
    ring = KeyRing.load(file)
    refuse_other(store, ring, url=url, issuer=issuer, file=file)
    return ring


def new_ring(issuer: str) -> KeyRing:
    """Return a ring of new keys; one without a named issuer is for this machine alone."""
    return KeyRing.generate(issuer or _UNNAMED)


def other_issuer(held: str, wanted: str) -> str:
    """Return what to do where a ring issues as one and another is set: both ways."""
    return (
        f"Unset the issuer (DELEGATION_ISSUER, --issuer), and {held} holds as in every token so far; "
        f"or put store and ring away and make new ones: delegation init --issuer {wanted}"
    )


def refuse_other(
    store: SqlStore, ring: KeyRing, *, url: str, issuer: str = "", file: Path | None = None
) -> None:
    """Refuse a ring that does not sign for a store, or is of another issuer than the one that is set.

    What was issued would not verify under it, or under another name.

    Args:
        store: The store.
        ring: The ring that is to serve it.
        url: The store's place, to name it.
        issuer: As it is set; empty takes the ring's own.
        file: Where the ring is, to name it.

    Raises:
        KeyFileError: Another ring signed the store's newest root, or served it before any; or it
            issues under another name.
    """
    held = "The key ring" if file is None else f"The key ring at {file}"
    if not store.accepts(ring):
        beside = None if store_file(url) is None else ring_file(url)
        is_there = beside is not None and beside.exists() and beside != file
        likely = f"; it is likely at {beside}" if is_there else ""
        raise KeyFileError(
            f"{held} does not sign for the store {shown(url)}: another one does, or a newer copy of it.",
            remedy=f"Name the ring that the store was used with{likely}.",
        )
    if issuer not in {"", ring.issuer}:
        raise KeyFileError(
            f"{held} issues as {ring.issuer}, and the issuer that is set is {issuer}.",
            remedy=other_issuer(ring.issuer, issuer),
        )


def held_ring(
    store: SqlStore,
    ring: KeyRing,
    file: Path | str | None,
    *,
    holder: str,
    clock: Callable[[], int],
) -> RingSource:
    """Return what holds a ring while it changes, once the store was asked which of its keys sign.

    Args:
        store: The store that it serves.
        ring: The ring.
        file: Where it is, None for one that was given.
        holder: An id of this process's own.
        clock: Unix seconds.

    Raises:
        KeyFileError: It is an older copy: it lacks a key that signs for the store.
    """
    if store.is_memory:
        return FixedRing(ring)
    place = None if file is None or not Path(file).exists() else Path(file)
    held = HeldRing(ring, store.rings, file=place, holder=holder, clock=clock)
    held.look()
    held.refuse_older()
    return held


def keep_endings(
    store: SqlStore,
    ring: KeyRing,
    file: Path | str,
    clock: Callable[[], int],
    draw: Callable[[], int],
    memory: Path | str | None,
    folder: Path | str | None,
) -> None:
    """Keep beside a ring's file what is ended, and tell an older store what it has forgotten.

    Args:
        store: The store.
        ring: Its keys.
        file: Where they are.
        clock: Returns Unix seconds.
        draw: Draws the number of a store that has none.
        memory: Where the log's key remembers what it signed; beside the ring if left out.
        folder: Of the log's tiles.

    Raises:
        ConfigurationError: What was kept cannot be read, was altered, or was cut.
    """
    store.keep_endings(
        endings_file(file),
        ring,
        clock=clock,
        draw=draw,
        head=journal_head(file, memory),
        memory=memory_of(memory, file),
        folder=None if folder is None else Path(folder),
        newest=lambda: KeyRing.load(file),
    )


def memory_of(given: Path | str | None, ring_file: Path | str | None) -> Path | None:
    """Return where the log's key remembers what it signed, None for nowhere."""
    if given is not None:
        return Path(given)
    return None if ring_file is None else memory_file(ring_file)
