"""`delegation log`: verify a log offline, see how far it is, write its tiles again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from delegation.cli.console import (
    OUT,
    JsonOption,
    StoreOption,
    default_store,
    fail,
    opened,
    print_json,
    print_table,
    refusing,
)
from delegation.client import Client
from delegation.embedded import Tracker
from delegation.errors import NotFoundError
from delegation.identity.keyring import PublicRing
from delegation.records.log_files import LogFolder
from delegation.transparency.audit import Audit, Finding, Source, audit
from delegation.transparency.checkpoint import LogKey
from delegation.transparency.tile import Tile

app = typer.Typer(no_args_is_help=True)
_URL: Final = re.compile("https?://")
_MOST: Final = 64 * 1024  # bytes of a file that names a key or a checkpoint


class FolderSource:
    """A folder of tiles.

    Args:
        folder: As DELEGATION_LOG_DIR named it.
    """

    def __init__(self, folder: Path) -> None:
        """Look at nothing yet."""
        self._folder = LogFolder(folder)

    def checkpoint(self) -> str | None:
        """Return the newest checkpoint's text as it stands there."""
        try:
            # Bytes, since a reader of text would take one line end for another.
            return self._folder.checkpoint.file.read_bytes()[:_MOST].decode("utf-8", "replace")
        except FileNotFoundError:
            return None

    def tile(self, tile: Tile) -> bytes | None:
        """Return a tile's bytes."""
        return self._folder.read_tile(tile)


class AskedSource:
    """The log as a service or a store answers about it.

    Args:
        asked: A client with a reviewer's key, where entries are read; or an opened store.
    """

    def __init__(self, asked: Client | Tracker) -> None:
        """Ask nothing yet."""
        self._asked = asked

    def checkpoint(self) -> str | None:
        """Return the newest checkpoint's text."""
        try:
            return self._asked.log_checkpoint().text
        except NotFoundError:
            return None

    def tile(self, tile: Tile) -> bytes | None:
        """Return a tile's bytes."""
        try:
            return self._asked.log_tile(tile.path)
        except NotFoundError:
            return None


@app.command("verify")
def verify(
    place: Annotated[
        str | None, typer.Argument(help="Folder or URL of a log; the store's own if left out.")
    ] = None,
    *,
    key: Annotated[
        list[str] | None, typer.Option(help="The log's key, as text or in a file; repeatable.")
    ] = None,
    since: Annotated[
        Path | None, typer.Option(help="A checkpoint that was kept: the log must continue it.")
    ] = None,
    store: Annotated[
        str | None, typer.Option("--store", help="Compare with the records of this store, too.")
    ] = None,
    api_key: Annotated[
        str, typer.Option(envvar="DELEGATION_API_KEY", help="A reviewer's, for a URL's entries.")
    ] = "",
    hashes_only: Annotated[
        bool, typer.Option(help="Read no entries: the tree is verified, not what it holds.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Verify signature, tree, entries, authors and history; with a store, every record, too.

    Without --since and without a witness, an operator who holds the key can have written the whole
    log anew: keep checkpoints where the operator does not reach.
    """
    older = None if since is None else _read(since)
    if place is None:
        with opened(store) as tracker:
            keys = _keys(key) or tracker.log_status().keys
            done = _audit(
                AskedSource(tracker), keys, tracker.public_ring(), older, hashes_only=hashes_only
            )
            _show(done, tracker.compare_log(), as_json=as_json)
        return
    keys = _keys(key)
    if store is None:
        _show(
            _audit_place(place, keys, None, older, api_key=api_key, hashes_only=hashes_only),
            (),
            as_json=as_json,
        )
        return
    with opened(store) as tracker:
        keys = keys or list(tracker.log_status().keys)
        ring = tracker.public_ring()
        done = _audit_place(place, keys, ring, older, api_key=api_key, hashes_only=hashes_only)
        _show(done, tracker.compare_log(), as_json=as_json)


def _audit_place(
    place: str,
    keys: Sequence[LogKey],
    ring: PublicRing | None,
    older: str | None,
    *,
    api_key: str,
    hashes_only: bool,
) -> Audit:
    if not keys:
        fail(
            "Nothing is verified without the log's key, from elsewhere than the log.",
            "Give --key; `delegation log status` prints it.",
        )
    if not _URL.match(place):
        if not Path(place).is_dir():
            fail(f"There is no folder {place}.", "Name a folder of tiles, or a service's URL.")
        return _audit(FolderSource(Path(place)), keys, ring, older, hashes_only=hashes_only)
    with refusing(), Client(place, api_key=api_key) as client:
        return _audit(AskedSource(client), keys, ring, older, hashes_only=hashes_only)


def _audit(
    source: Source,
    keys: Sequence[LogKey],
    ring: PublicRing | None,
    older: str | None,
    *,
    hashes_only: bool,
) -> Audit:
    return audit(source, keys, since=older, issuer_keys=ring, reads_entries=not hashes_only)


def _show(done: Audit, compared: Sequence[Finding], *, as_json: bool) -> None:
    head = done.checkpoint
    is_good = bool(done) and not compared
    findings = [*done.findings, *compared]
    links, decisions = len(done.forest.links), len(done.forest.decisions)
    if as_json:
        print_json(
            {
                "verified": is_good,
                "origin": None if head is None else head.origin,
                "size": None if head is None else head.size,
                "links": links,
                "decisions": decisions,
                "findings": [{"code": one.code, "message": one.message} for one in findings],
            }
        )
    else:
        for one in findings:
            OUT.print(f"{one.code}: {one.message}", markup=False)
        if is_good and head is not None:
            OUT.print(
                f"{head.origin} verifies: {head.size} entries, {links} links, "
                f"{decisions} decisions.",
                markup=False,
            )
    if not is_good:
        raise typer.Exit(1)


def _keys(texts: Sequence[str] | None) -> list[LogKey]:
    with refusing():
        return [
            LogKey.from_text(_read(Path(text)).strip() if Path(text).is_file() else text)
            for text in texts or ()
        ]


def _read(file: Path) -> str:
    try:
        return file.read_bytes()[:_MOST].decode("utf-8", "strict")
    except (OSError, ValueError):
        fail(f"The file {file} cannot be read.", "Name a text file.")


@app.command("status")
def status(*, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Show how far the log is, and the keys that verify it."""
    with opened(store) as tracker:
        found = tracker.log_status()
    rows = {
        "origin": found.origin,
        "entries": found.size,
        "signed": found.signed,
        "waiting": found.waiting,
        "stopped": found.stopped,
        "keys": [key.text for key in found.keys],
    }
    if as_json:
        print_json(rows)
        return
    shown = [(name, "\n".join(v) if isinstance(v, list) else str(v)) for name, v in rows.items()]
    print_table("The log", ("", ""), shown)
    if not found.keys:
        OUT.print("The ring has no log key: `delegation keys rotate log` adds one.", markup=False)


@app.command("rebuild")
def rebuild(
    folder: Annotated[Path, typer.Argument(help="DELEGATION_LOG_DIR of the service.")],
    *,
    store: StoreOption = None,
) -> None:
    """Write all tiles again from the database, which is the truth."""
    with opened(store, log_dir=folder) as tracker:
        count = tracker.rebuild_log()
    OUT.print(f"Wrote {count} tiles to {folder}.", markup=False)


@app.command("restart")
def restart(
    *,
    store: StoreOption = None,
    folder: Annotated[Path | None, typer.Option(help="DELEGATION_LOG_DIR of the service.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it.")] = False,
) -> None:
    """Begin a new log under a new name, after a database lost what was signed.

    The old log's checkpoints stay evidence that something was lost. Stop the service first.
    """
    place = store or default_store()
    if not yes:
        fail("This ends the log; all that is recorded goes into a new one.", "Add --yes.")
    with opened(place, log_dir=folder) as tracker:
        name = tracker.restart_log()
    OUT.print(f"The log is now {name}.", markup=False)
