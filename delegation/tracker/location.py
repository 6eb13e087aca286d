"""Names a store's location: a file's path, or a database's URL."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from delegation.errors import ConfigurationError

_URL: Final = ("sqlite:", "postgresql:", "postgres:", "postgresql+psycopg:")
# What was meant for a server and would become a file of this name: another scheme, or none.
_SERVER: Final = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]*://|[^/]*@[^/]*/|[A-Za-z0-9.-]+:[0-9]+(?:/|$)|.*:.*@|postgres(?:ql)?/"
    r"|\s*(?:host|hostaddr|port|user|dbname|password|passfile|service|sslmode)\s*=",
    re.IGNORECASE | re.DOTALL,
)


def store_url(place: str | Path) -> str:
    """Return the URL of a store that is named by URL or by the path of a SQLite file.

    Raises:
        ConfigurationError: It is a URL of another scheme, or a server's place without one.
    """
    text = str(place)
    if not text.startswith(_URL) and _SERVER.match(text):
        raise ConfigurationError(
            "The store is named by a URL of no scheme that is known.",
            remedy="Write postgresql://user@host/database, or the path of a SQLite file.",
        )
    if text.startswith("postgres:"):
        return "postgresql:" + text.removeprefix("postgres:")
    return text if text.startswith(_URL) else f"sqlite:///{text}"


def store_file(place: str | Path) -> Path | None:
    """Return the file of a SQLite store, None for a server's database or one in memory."""
    url = store_url(place)
    if not url.startswith("sqlite:///"):
        return None
    return Path(url.removeprefix("sqlite:///"))


def ring_file(place: str | Path) -> Path:
    """Return where a store's key ring is kept: beside its file, else in the working folder."""
    file = store_file(place)
    return Path("delegation.ring.json") if file is None else file.with_suffix(".ring.json")


def memory_file(ring: str | Path) -> Path:
    """Return where a ring's log key remembers what it signed: beside the ring."""
    file = Path(ring)
    return file.with_name(f"{file.name}.signed")


def endings_file(ring: str | Path) -> Path:
    """Return where is kept what was ended, out of reach of a database's backup: beside the ring."""
    file = Path(ring)
    return file.with_name(f"{file.name}.ended")


def journal_head(ring: str | Path, memory: str | Path | None = None) -> Path:
    """Return where the length of what is kept of endings is remembered: beside the log's memory.

    Args:
        ring: The ring's file.
        memory: Where the log's key remembers what it signed; beside the ring if left out.
    """
    file = Path(memory) if memory else memory_file(ring)
    return file.with_name(f"{file.name}.journal")


def shown(place: str | Path) -> str:
    """Return a store's place without the password that its URL may hold, there or among its options."""
    url = store_url(place)
    if url.startswith("sqlite:"):
        return str(place)
    # A password that was not encoded may hold any of the signs that end another part.
    scheme, _, rest = url.partition(":")
    account, at, tail = rest.removeprefix("//").rpartition("@")
    named = f"{re.split('[:/?#]', account, maxsplit=1)[0]}@" if at else ""
    return f"{scheme}://{named}{re.split('[?#]', tail, maxsplit=1)[0]}"
