"""Reports faults of this deployment, why they matter, and what to do: `delegation doctor`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import typer

from delegation.cli.checkup.environment import (
    judge_workers,
    look_at_libraries,
    look_at_routes,
    settings_of,
)
from delegation.cli.checkup.finding import Finding, warn, wrong
from delegation.cli.checkup.log import look_at_log
from delegation.cli.checkup.restored import look_at_journal
from delegation.cli.checkup.ring import look_at_ring
from delegation.cli.checkup.service import judge_transport, look_at_service
from delegation.cli.checkup.store import look_at_store
from delegation.cli.console import FAILED, JsonOption, print_json, say
from delegation.cli.source import StoreOption, UrlOption, default_store, ring_of, service_url
from delegation.errors import ConfigurationError, KeyFileError
from delegation.identity.keyring import KeyRing
from delegation.tracker.location import endings_file, journal_head, memory_file, store_file


def doctor(
    *, store: StoreOption = None, url: UrlOption = None, as_json: JsonOption = False
) -> None:
    """Say what is wrong with this deployment and what to do. Exit code 1 when something is.

    Looks at the environment, the libraries, the ring, the store, the routes behind proxies, and at
    a running service when --url or DELEGATION_URL names one. Changes no record, prints no secret.
    """
    found = list(findings(store, url))
    is_wrong = any(finding.level == "wrong" for finding in found)
    if as_json:
        print_json({"ok": not is_wrong, "findings": [finding.to_json() for finding in found]})
    else:
        _print(found)
    if is_wrong:
        raise typer.Exit(FAILED)


def findings(store: str | None, url: str | None) -> Iterator[Finding]:
    """Look at everything; what cannot be looked at is a finding, too."""
    at = int(time.time())
    settings, said = settings_of(os.environ)
    yield from said
    yield from look_at_libraries()
    service = url or (None if store else os.environ.get("DELEGATION_URL")) or None
    if service is not None:
        service_url(None, service)  # refuses one that is malformed
    place = store or default_store()
    try:
        file = store_file(place)
    except ConfigurationError as error:
        yield wrong("store", str(error), "The service refuses to start.", error.remedy)
        return
    issuer = settings.issuer if settings is not None else ""
    # Whoever asks about a service from another machine has no store to be looked at.
    is_here = bool(store or os.environ.get("DELEGATION_STORE")) or (
        file is not None and file.exists()
    )
    if is_here or service is None:
        owner = file.stat().st_uid if file is not None and file.exists() else None
        ring_file = ring_of(place)
        reached = [service] if service else []
        if settings is not None:
            reached.append(_listened(settings.host))
        yield from look_at_ring(ring_file, issuer=issuer, at=at, other_owner=owner, reached=reached)
        ring = _ring(ring_file)
        issuer = issuer or (ring.issuer if ring else "")
        yield from look_at_journal(endings_file(ring_file), journal_head(ring_file), ring)
        catalogue, seen = look_at_store(place, ring=ring, now=at)
        yield from seen
        if settings is not None:
            memory = memory_file(ring_file) if ring_file.exists() else None
            if settings.log_memory:
                memory = Path(settings.log_memory)
            yield from look_at_log(settings.log_dir, memory)
            yield judge_workers(settings.workers, place, os.cpu_count() or 1)
            yield from look_at_routes(settings.forward_routes, catalogue)
            yield from judge_listening(settings.host)
    if service is not None:
        secret = os.environ.get("DELEGATION_API_KEY", "")
        yield from look_at_service(service, issuer=issuer, api_key=secret, at=at)


def judge_listening(host: str) -> Iterable[Finding]:
    """Judge an address to listen on that others reach."""
    if judge_transport(_listened(host)).level == "wrong":
        yield warn(
            "listening",
            f"The service listens on {host}, without TLS of its own.",
            "API keys travel in headers: whoever is on the way reads them.",
            "Put TLS in front, and let nobody else reach the port.",
        )


def _listened(host: str) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}"


def _ring(file: Path) -> KeyRing | None:
    try:
        return KeyRing.load(file)
    except KeyFileError:
        return None


def _print(found: Iterable[Finding]) -> None:
    marks = {"ok": "ok    ", "warn": "warn  ", "wrong": "WRONG "}
    count = {"ok": 0, "warn": 0, "wrong": 0}
    for finding in found:
        count[finding.level] += 1
        say(f"{finding.check}: {finding.what}", under=marks[finding.level])
        if finding.why:
            say(f"why: {finding.why}", under="        ")
        if finding.remedy:
            say(finding.remedy, under="        do:  ")
    say(f"{count['wrong']} wrong, {count['warn']} to look at, {count['ok']} ok")
