"""Verifies a log offline, tells its size, writes its tiles again: `delegation log`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from delegation.authority.explain import instant
from delegation.cli.console import JsonOption, fail, print_json, print_table, read_text, say, tell
from delegation.cli.source import StoreOption, UrlOption, opened, opened_store
from delegation.errors import NotFoundError
from delegation.identity.keyring import PublicRing
from delegation.records.log.files import LogFolder
from delegation.transparency.audit import Audit, Finding, Source, audit
from delegation.transparency.checkpoint import MAX_TEXT, LogKey
from delegation.transparency.tile import Tile

if TYPE_CHECKING:
    from delegation.operations.backend import Backend
    from delegation.tracker import Tracker

app = typer.Typer(no_args_is_help=True)
_URL: Final = re.compile("https?://")
FolderArgument = Annotated[Path, typer.Argument(help="DELEGATION_LOG_DIR of the service.")]


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
            return self._folder.checkpoint.file.read_bytes()[: MAX_TEXT + 1].decode(
                "utf-8", "replace"
            )
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

    def __init__(self, asked: Backend | Tracker) -> None:
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
        list[str] | None,
        typer.Option("--key", help="The log's key, as text or in a file; repeatable."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help="File of a checkpoint that was kept: the log must continue it."),
    ] = None,
    store: Annotated[
        str | None, typer.Option("--store", help="Compare with the records of this store, too.")
    ] = None,
    hashes_only: Annotated[
        bool, typer.Option("--hashes-only", help="Read no entries: only the tree is verified.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Verify signature, tree, entries, authors and history; with a store, every record, too.

    A URL's entries need a reviewer's key in DELEGATION_API_KEY. Without --since and without a
    witness, an operator who holds the key can have written the whole log anew: keep checkpoints
    where the operator does not reach.
    """
    older = None if since is None else _read(since)
    keys: Sequence[LogKey] = [
        LogKey.from_text(read_text(t) if Path(t).is_file() else t) for t in key or ()
    ]
    compared: Sequence[Finding] = ()
    if place is None or store is not None:
        with opened_store(store) as tracker:
            keys = keys or tracker.log_status().keys
            ring = tracker.public_ring()
            source = AskedSource(tracker)
            done = (
                _audit(source, keys, ring, older, hashes_only=hashes_only)
                if place is None
                else _audit_place(place, keys, ring, older, hashes_only=hashes_only)
            )
            compared = tracker.compare_log()
    else:
        done = _audit_place(place, keys, None, older, hashes_only=hashes_only)
    _show(done, compared, as_json=as_json)


def _audit_place(
    place: str,
    keys: Sequence[LogKey],
    ring: PublicRing | None,
    older: str | None,
    *,
    hashes_only: bool,
) -> Audit:
    if not keys:
        fail(
            "Nothing is verified without the log's key, from elsewhere than the log.",
            "Give --key; `delegation log status` prints it.",
        )
    if not _URL.match(place):
        if not Path(place).is_dir():
            fail("There is no such folder.", "Name a folder of tiles, or a service's URL.")
        return _audit(FolderSource(Path(place)), keys, ring, older, hashes_only=hashes_only)
    with opened(None, place) as client:
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
    forest = done.forest
    links, decisions, changes = len(forest.links), len(forest.decisions), len(forest.changes)
    if as_json:
        print_json(
            {
                "verified": is_good,
                "origin": None if head is None else head.origin,
                "size": None if head is None else head.size,
                "links": links,
                "decisions": decisions,
                "changes": changes,
                "findings": [{"code": one.code, "message": one.message} for one in findings],
            }
        )
    else:
        for one in findings:
            say(f"{one.code}: {one.message}")
        if is_good and head is not None:
            held = f"{head.size} entries, {links} links, {decisions} decisions, {changes} changes"
            say(f"{head.origin} verifies: {held}.")
    if not is_good:
        raise typer.Exit(1)


def _read(file: str) -> str:
    try:
        return Path(file).read_bytes()[: MAX_TEXT + 1].decode("utf-8", "strict")
    except (OSError, ValueError):
        fail("The checkpoint cannot be read.", "Name the text file in which it was kept.")


@app.command("status")
def status(
    *, store: StoreOption = None, url: UrlOption = None, as_json: JsonOption = False
) -> None:
    """Show how far the log is, and the keys that verify it."""
    with opened(store, url) as asked:
        found = asked.log_status()
    rows = {
        "origin": found.origin,
        "entries": found.size,
        "signed": found.signed,
        "signed_at": found.signed_at,
        "waiting": found.waiting,
        "stopped": found.stopped,
        "keys": [key.text for key in found.keys],
    }
    if as_json:
        print_json(rows)
        return
    rows["signed_at"] = instant(found.signed_at) if found.signed_at else "never"
    shown = [(name, value) for name, value in rows.items() if name not in {"keys", "stopped"}]
    print_table("The log", ("", ""), shown)
    for key in found.keys:
        say(f"key {key.text}")
    if found.stopped:
        say(found.stopped)
    if not found.keys:
        say("The ring has no log key: `delegation keys rotate log` adds one.")


@app.command("rebuild")
def rebuild(
    folder: FolderArgument, *, store: StoreOption = None, as_json: JsonOption = False
) -> None:
    """Write all tiles again from the database, which is the truth."""
    with opened_store(store, log_dir=folder) as tracker:
        count = tracker.rebuild_log()
    tell({"tiles": count}, f"Wrote {count} tiles.", as_json=as_json)


@app.command("restart")
def restart(
    *,
    store: StoreOption = None,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="DELEGATION_LOG_DIR of the service.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Begin a new log under a new name, after a database lost what was signed.

    The old log's checkpoints stay evidence that something was lost. Stop the service first.
    """
    if not yes:
        fail("This ends the log; all that is recorded goes into a new one.", "Add --yes.")
    with opened_store(store, log_dir=folder) as tracker:
        name = tracker.restart_log()
    tell({"origin": name}, f"The log is now {name}.", as_json=as_json)
