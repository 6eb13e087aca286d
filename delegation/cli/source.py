"""Opens the place where a command works: a store with its ring, or a service.

The secret of an API key is read from the environment only: arguments stand in process lists and in
shells' histories.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlsplit

import typer

from delegation.cli.console import USAGE, fail
from delegation.errors import ServiceError, UnauthenticatedError
from delegation.tracker.location import ring_file, store_file, store_url

if TYPE_CHECKING:
    from delegation.client import Client
    from delegation.operations.backend import Backend
    from delegation.tracker import Tracker

DEMO_STORE: Final = Path("demo/delegation.db")
PLAIN_STORE: Final = Path("delegation.db")

StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        help="SQLite file or postgresql:// URL; else DELEGATION_STORE, the demo's, delegation.db.",
    ),
]
UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url",
        help="A running service instead of a store; else DELEGATION_URL. "
        "The API key comes from DELEGATION_API_KEY.",
    ),
]


def default_store() -> str:
    """Return the store that commands use unless told otherwise."""
    named = os.environ.get("DELEGATION_STORE", "")
    if named:
        return named
    return str(DEMO_STORE if DEMO_STORE.exists() else PLAIN_STORE)


def ring_of(store: str) -> Path:
    """Return where a store's key ring is kept."""
    named = os.environ.get("DELEGATION_RING", "")
    if named:
        return Path(named)
    file = store_file(store)
    if file is not None and not file.name:
        fail(f"{file} is a folder.", "Name the file of a store in it.")
    return ring_file(store)


def service_url(store: str | None, url: str | None) -> str | None:
    """Return the URL of the service that a command is to call, None for a store.

    Named by both an option each, or by the environment alone twice, nobody knows which was meant:
    refused.
    """
    if store and url:
        fail("Both --store and --url are given.", "Name one.", code="usage", status=USAGE)
    found = url or ("" if store else os.environ.get("DELEGATION_URL", ""))
    if not found:
        return None
    if not url and os.environ.get("DELEGATION_STORE", ""):
        fail(
            "DELEGATION_URL and DELEGATION_STORE are both set.",
            "Name one with --url or --store.",
            code="usage",
            status=USAGE,
        )
    try:
        parts = urlsplit(found)
        right = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        right = False
    if not right or "@" in parts.netloc or parts.query or parts.fragment:
        fail(
            "The service's URL is malformed.",
            "Give it as https://host:port, without user, password or query.",
            code="malformed",
        )
    return found


def existing(place: str) -> str:
    """Return a store's place if a database may be there; a missing file is never made by accident."""
    file = store_file(place)
    if file is not None and file.is_dir():
        fail(f"{file} is a folder.", "Name the file of a store in it.")
    if file is not None and not file.exists():
        fail(
            f"There is no store at {file}.",
            "Make one with `delegation init` or `delegation serve`, or name another.",
        )
    if file is None and store_url(place).startswith("sqlite:"):
        fail("A store in memory is gone with its process.", "Name a file or a postgresql:// URL.")
    return place


def has_store(store: str | None, url: str | None) -> bool:
    """Return whether there is something to compare with: a service, a server's store, a store's file."""
    if service_url(store, url) is not None:
        return True
    file = store_file(store or default_store())
    return file is None or file.exists()


@contextmanager
def opened(
    store: str | None, url: str | None = None, *, as_person: bool = False
) -> Iterator[Backend]:
    """Open a store with its keys, or a service; a missing store is never made by accident.

    Args:
        store: A store's place.
        url: A service's URL.
        as_person: Whether a store, too, is asked with the API key in the environment.

    Raises:
        UnauthenticatedError: The store knows no such key; whoever holds it is no approver yet.
    """
    service = service_url(store, url)
    if service is not None:
        with _client(service) as client:
            yield client
        return
    with opened_store(store) as tracker:
        by = tracker.authenticate(os.environ.get("DELEGATION_API_KEY", "")) if as_person else None
        if as_person and by is None:
            raise UnauthenticatedError(
                "There is no such API key.", remedy="Set DELEGATION_API_KEY to an approver's key."
            )
        yield tracker.acting_as(by or f"command line, {_user()}", client="command line")


def _client(service: str) -> Client:
    from delegation.client import Client  # noqa: PLC0415  # slow to start

    secret = os.environ.get("DELEGATION_API_KEY", "")
    if not secret.isascii() or not secret.isprintable():
        fail("DELEGATION_API_KEY is no API key.", "Set it to dk_...", code="malformed")
    return Client(service, api_key=secret)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return f"user {os.getuid()}"


@contextmanager
def opened_store(store: str | None, *, log_dir: Path | None = None) -> Iterator[Tracker]:
    """Open a store with its keys, for what no service is asked.

    Args:
        store: Its place; the default one if left out.
        log_dir: Folder of the log's tiles, where a command writes them.
    """
    place = existing(store or default_store())
    ring = ring_of(place)
    if not ring.exists():
        # A new ring would have another issuer, and no token issued so far would verify.
        fail(
            f"There is no key ring at {ring}.",
            "Put the ring back, or set DELEGATION_RING.",
            code="key_file",
        )
    from delegation.tracker import Tracker  # noqa: PLC0415  # slow to start

    with Tracker.open(
        store_url(place),
        ring_file=ring,
        bound=_bound(),
        log_dir=log_dir,
        log_memory=os.environ.get("DELEGATION_LOG_MEMORY") or None,
    ) as tracker:
        yield tracker


def _bound() -> float:
    """Return the service's bound of leases: who waits here must wait as long as there."""
    from delegation.judge.lease import BOUND, MAX_BOUND  # noqa: PLC0415  # slow to start

    named = os.environ.get("DELEGATION_REVOCATION_BOUND", "")
    try:
        bound = float(named) if named else BOUND
    except ValueError:
        bound = 0.0
    if not 0 < bound <= MAX_BOUND:
        fail("DELEGATION_REVOCATION_BOUND is out of its bounds.", "See docs/deploy.")
    return bound


def completed_tasks(incomplete: str) -> list[str]:
    """Return ids of the newest tasks that begin so, for shells; of a store in a file only."""
    try:
        file = store_file(default_store())
        if os.environ.get("DELEGATION_URL", "") or file is None or not file.exists():
            return []
        from delegation.tracker import Tracker  # noqa: PLC0415  # slow to start

        with Tracker.open(store_url(file), ring_file=ring_of(str(file))) as tracker:
            return [task.id for task in tracker.tasks(limit=50) if task.id.startswith(incomplete)]
    except Exception:  # noqa: BLE001  # a shell that completes must not print errors
        return []


TaskArgument = Annotated[str, typer.Argument(help="Id, tsk_...", autocompletion=completed_tasks)]


def as_written(found: dict[str, Any]) -> dict[str, Any]:
    """Return an inspection if it has the form that the service writes; whoever answers may not be it.

    Raises:
        ServiceError: It has another form.
    """
    try:
        denial, links, entries = found["denial"], found["links"], found["recorded"]
        right = isinstance(found["format"], str) and len(links) == len(entries)
        for link, entry in zip(links, entries, strict=False):
            right = right and isinstance(link["id"], str) and isinstance(link["holder_name"], str)
            right = right and type(link["grant"]["expires_at"]) is int
            right = right and (entry is None or isinstance(entry["standing"], str))
        if denial is not None:
            texts = (denial["code"], denial["message"], denial["remedy"])
            right = right and type(denial["step"]) is int and all(type(t) is str for t in texts)
    except (KeyError, TypeError):
        right = False
    if not right:
        raise ServiceError(
            200, "answer_malformed", "Something else came back than the service writes."
        )
    return found


@contextmanager
def as_answered() -> Iterator[None]:
    """Turn an answer that lacks what the service writes into an error; whoever answers may not be it.

    Raises:
        ServiceError: It does.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise ServiceError(
            200, "answer_malformed", "Something else came back than the service writes."
        ) from error
