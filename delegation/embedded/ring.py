"""The ring of a store: read from its file, or made with the store's first start and never after."""

from __future__ import annotations

from pathlib import Path

from delegation.embedded.location import memory_file, shown
from delegation.errors import KeyFileError
from delegation.identity.keyring import KeyRing
from delegation.lineage.filter import TaskFilter
from delegation.tracker.work import Store


def ring_of(store: Store, file: Path, *, issuer: str, url: str) -> KeyRing:
    """Return the ring in a file; one that is made new if the store was never used.

    With new keys beside a store that was used, nothing that was issued would verify, and the log
    would begin to fork: whoever lost the ring must hear of it.

    Args:
        store: The store that it serves.
        file: Where the ring is kept, mode 0600.
        issuer: For a new one: the URL under which it issues.
        url: The store's place, to name it.

    Raises:
        KeyFileError: The file is readable by others or holds no ring; or there is none, and the
            store has links, decisions, tasks or API keys.
    """
    if file.exists():
        return KeyRing.load(file)
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
    ring = KeyRing.generate(issuer)
    ring.save(file)
    return ring


def memory_of(given: Path | str | None, ring_file: Path | str | None) -> Path | None:
    """Return where the log's key remembers what it signed, None for nowhere."""
    if given is not None:
        return Path(given)
    return None if ring_file is None else memory_file(ring_file)
