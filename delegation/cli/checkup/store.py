"""Checks the store: reachable, at this program's revision, durable, with room, clock, API keys."""

from __future__ import annotations

import shutil
import stat
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from delegation.authority.audience import respelled
from delegation.authority.catalogue import Catalogue
from delegation.authority.explain import instant
from delegation.cli.checkup.finding import Finding, ok, warn, wrong
from delegation.cli.checkup.log import judge_log
from delegation.cli.checkup.restored import judge_restorations
from delegation.cli.checkup.ring import judge_rotation
from delegation.commands import retention
from delegation.commands.ring import RingHolder
from delegation.commands.work import ApiKey
from delegation.errors import DelegationError
from delegation.identity.keyring import KeyRing
from delegation.identity.proof import MAX_AGE, MAX_AHEAD, nonces_are_known
from delegation.identity.ring_state import KnownKey
from delegation.lineage.entry import TaskEntry
from delegation.lineage.filter import DecisionFilter, TaskFilter
from delegation.records.engine.database import Database
from delegation.records.engine.errors import why_unconnected
from delegation.records.engine.numbers import read_numbers
from delegation.records.engine.sqlite import BESIDE
from delegation.records.lineage.caches import Caches
from delegation.records.log.log import read_state
from delegation.records.reader import SqlReader
from delegation.records.revocation.endings import Ending, restorations
from delegation.records.ring_book import holders, known_keys
from delegation.records.schema import migrate
from delegation.records.signer import signs_for
from delegation.tracker import store_url
from delegation.tracker.location import ring_file, shown, store_file

LOW: Final = 1024**3  # bytes that are left
FULL: Final = 128 * 1024**2
AHEAD: Final = 5  # seconds by which clocks may differ before calls are denied
AHEAD_OF_RECORDS: Final = retention.AHEAD
_MAGIC: Final = b"SQLite format 3\x00"
_WAL: Final = 2  # bytes 18 and 19 of the file
_POSTGRES: Final = ("fsync", "full_page_writes", "synchronous_commit")
_SQLITE: Final = {"0": "OFF", "1": "NORMAL", "2": "FULL", "3": "EXTRA"}


@dataclass(frozen=True, slots=True)
class Looked:
    """What was seen of a store whose revision this program knows.

    Args:
        newest: Newest time in its records, Unix seconds; 0 for none.
        forgotten_before: Nonces that were used before this instant are forgotten.
        clock: The database server's clock, None for a file.
        durable: Settings that decide whether what was answered survives a power cut.
        keys: All API keys.
        catalogue: All tools.
        tasks: The newest open tasks.
        is_signed: Whether the ring signs for it; None where nothing says which one does.
        stopped: Why the log signs nothing; empty while all is well.
        known: Keys of the ring that it knows.
        running: Processes that verify and sign.
        restored: What was noted when an older backup was opened.
    """

    newest: int
    forgotten_before: int
    clock: int | None
    durable: Mapping[str, str]
    keys: Sequence[ApiKey]
    catalogue: Catalogue
    tasks: Sequence[TaskEntry]
    is_signed: bool | None
    stopped: str = ""
    known: Sequence[KnownKey] = ()
    running: Sequence[RingHolder] = ()
    restored: Sequence[Ending] = ()


def look_at_store(
    place: str, *, ring: KeyRing | None = None, now: int | None = None
) -> tuple[Catalogue | None, list[Finding]]:
    """Return the store's catalogue, None where it cannot be read, and what is to be said.

    Changes no record. A store that does not exist is not made.

    Args:
        place: Of the store.
        ring: The ring that is to serve it; None where there is none to be read.
        now: Unix seconds.
    """
    at = int(time.time()) if now is None else now
    file = store_file(place)
    found: list[Finding] = []
    if file is not None:
        found += list(judge_file(file))
        if any(finding.level == "wrong" for finding in found):
            return None, found
    try:
        with closing(Database(store_url(place))) as database:
            revision = migrate.current(database)
            found.append(ok("store", f"{shown(place)} answers."))
            schema = judge_schema(revision, migrate.head())
            found.append(schema)
            if schema.level == "wrong":
                return None, found
            looked = _look(database, ring, at)
    except DelegationError as error:
        found.append(
            wrong(
                "store",
                f"{shown(place)} cannot be used: {why_unconnected(error) or error}",
                "Nothing can be decided: every call is refused with 503.",
                (error.remedy if not why_unconnected(error) else "")
                or "Look at the database, its address and its user's rights.",
            )
        )
        return None, found
    found += judge_durability(looked.durable)
    older = looked.stopped or ("restored" if looked.restored else "")
    found += judge_clock(at, looked.newest, looked.clock, looked.forgotten_before, older)
    found += judge_api_keys(looked.keys)
    found += judge_audiences(looked.tasks, looked.keys)
    found += judge_signer(place, is_signed=looked.is_signed)
    if ring is not None and looked.is_signed is not False:
        found += judge_rotation(ring, looked.known, looked.running, at)
    found.append(judge_log(looked.stopped))
    found += judge_restorations(looked.restored)
    found += judge_age(at, looked.newest)
    return looked.catalogue, found


def _look(database: Database, ring: KeyRing | None, at: int) -> Looked:
    with database.reading() as connection:
        reader = SqlReader(connection, Caches())
        numbers = read_numbers(connection)
        before = max(0, numbers["decision"] - 1)
        last = reader.decisions(DecisionFilter(), after=before, limit=1)
        times = [
            0, *(t.opened_at for t in reader.tasks(TaskFilter(), after=None, limit=1, at=0))
        ]  # fmt: skip
        times += [decision.at for decision in last]
        if database.is_sqlite:
            level = str(connection.exec_driver_sql("PRAGMA synchronous").scalar_one())
            durable = {"synchronous": _SQLITE.get(level, level)}
            clock = None
        else:
            durable = {
                name: str(connection.exec_driver_sql(f"SHOW {name}").scalar_one())
                for name in _POSTGRES
            }
            asked = "SELECT extract(epoch FROM clock_timestamp())::bigint"
            clock = int(connection.exec_driver_sql(asked).scalar_one())
        stopped = read_state(connection).stopped
        before = numbers["nonces_before"]
        tasks = reader.tasks(TaskFilter(None, is_open=True), after=None, limit=MOST, at=at)
        is_signed = None if ring is None else signs_for(connection, ring)
        keys, tools = reader.api_keys(), reader.catalogue()
        known, running = known_keys(connection), holders(connection)
        restored = restorations(connection)
        return Looked(
            max(times), before, clock, durable, keys, tools, tasks, is_signed, stopped, known, running,
            restored,
        )  # fmt: skip


def judge_signer(place: str, *, is_signed: bool | None) -> Iterable[Finding]:
    """Judge whether the ring is the store's own; nothing is said where nobody knows."""
    if is_signed is False:
        beside = None if store_file(place) is None else ring_file(place)
        likely = f" It is likely at {beside}." if beside and beside.exists() else ""
        yield wrong(
            "ring",
            f"The key ring does not sign for the store {shown(place)}: another one does, or a newer "
            "copy of it.",
            "Nothing that was issued would verify under it; the service refuses to start.",
            f"Name the ring that the store was used with in DELEGATION_RING.{likely}",
        )
    elif is_signed:
        yield ok("ring", "It signs for the store.")


def judge_age(at: int, newest: int) -> Iterable[Finding]:
    """Judge how far the clock is past the newest record: an idle store, or a clock that is ahead."""
    if newest and at - newest > AHEAD_OF_RECORDS:
        yield warn(
            "clock",
            f"The clock says {instant(at)}, and the newest record is of {instant(newest)}.",
            "If nothing was recorded since, all is well; if the clock is ahead, calls are denied, and "
            "old evidence would be erased by a day an hour where DELEGATION_RETAIN_DAYS is set.",
            "Compare the clock with another one.",
        )


def judge_file(file: Path) -> Iterable[Finding]:
    """Judge a SQLite file from outside, and the disk that it lies on."""
    try:
        with file.open("rb") as stream:
            head = stream.read(20)
        free = shutil.disk_usage(file.resolve().parent).free
    except OSError as error:
        yield wrong(
            "store",
            f"The store {file} cannot be read: {error.strerror}.",
            "There is nothing to decide with; `delegation serve` makes a new, empty store where "
            "none is, and every token is unknown there.",
            "Name the store with DELEGATION_STORE or --store, readable by this user.",
        )
        return
    if head and not head.startswith(_MAGIC):
        yield wrong(
            "store",
            f"{file} is no SQLite database.",
            "The service cannot open it.",
            "Name the store with DELEGATION_STORE, or put it back from a backup.",
        )
        return
    if head and set(head[18:20]) != {_WAL}:
        yield warn(
            "durability",
            f"{file} was not in WAL mode; opening it has set it again.",
            "Another program changed it: readers and the writer block each other then.",
            "Let no other program write to the file.",
        )
    for one in (file, *(Path(f"{file}{ending}") for ending in BESIDE)):
        with suppress(FileNotFoundError):
            mode = stat.S_IMODE(one.stat().st_mode)
            if mode & 0o077:  # ours was narrowed when it was opened
                yield warn(
                    "store",
                    f"{one} has mode {mode:04o}: others can read what was decided.",
                    "Calls, proofs and reviewers' sessions are in it.",
                    f"chmod 600 {one}, as its owner.",
                )
    yield judge_space(free)


def judge_space(free: int) -> Finding:
    """Judge what is left of the disk, in bytes."""
    left = f"{free / 1024**3:.1f} GiB are left at the store."
    why = "When the disk is full nothing can be recorded, and every call is refused."
    if free < FULL:
        return wrong("disk", left, why, "Make room now.")
    if free < LOW:
        return warn("disk", left, why, "Make room.")
    return ok("disk", left)


def judge_schema(revision: str | None, head: str) -> Finding:
    """Judge the database's revision against this program's."""
    if revision == head:
        return ok("schema", f"The schema is at revision {head}.")
    return wrong(
        "schema",
        f"The schema is at {revision or 'no revision'}, this program needs {head}.",
        "The service refuses to start on another revision.",
        "Make a backup, then run `delegation db upgrade`; if the revision is newer, install the "
        "release that wrote it.",
    )


def judge_durability(durable: Mapping[str, str]) -> Iterable[Finding]:
    """Judge whether what was answered survives a power cut."""
    for name, value in durable.items():
        if value.lower() in {"off", "normal"} or (
            name == "synchronous_commit" and value == "local"
        ):
            yield wrong(
                "durability",
                f"{name} is {value}.",
                "A power cut, or the loss of one server, loses decisions that were answered.",
                f"Set {name} = on for this database." if name in _POSTGRES else "Report it.",
            )
            return
    yield ok("durability", ", ".join(f"{n} is {v}" for n, v in durable.items()) + ".")


def judge_clock(
    at: int, newest: int, clock: int | None, forgotten_before: int, stopped: str = ""
) -> Iterable[Finding]:
    """Judge this machine's clock against the records and the database's own clock.

    Args:
        at: What this clock says, Unix seconds.
        newest: The newest record's instant.
        clock: What the database's clock says; None where it is this one.
        forgotten_before: Nonces that were used before this instant are forgotten.
        stopped: Why the log signs nothing, or that a backup was restored: an older database has lost
            nonces, too.
    """
    remedy = "Set the clock right, by NTP."
    if stopped and newest <= at + AHEAD and at - MAX_AGE - MAX_AHEAD < forgotten_before <= at:
        ends = instant(forgotten_before + MAX_AGE + MAX_AHEAD)
        yield wrong(
            "clock",
            f"Calls are refused until {ends}: the database is older than what was signed or ended.",
            "Proofs that it forgot could look fresh (`clock_behind`); the clock itself is right.",
            f"Wait until {ends}. docs/explanation/log.md says how to let the log go on.",
        )
    elif not nonces_are_known(at, forgotten_before):
        yield wrong(
            "clock",
            f"The clock says {instant(at)}, the newest record {instant(newest)}.",
            "The service refuses calls (`clock_behind`): proofs that were used could look fresh.",
            remedy,
        )
    elif newest > at + AHEAD:
        yield warn(
            "clock",
            f"The clock is {newest - at} seconds behind the newest record.",
            "Proofs made by agents with a right clock look as if they came from the future.",
            remedy,
        )
    else:
        yield ok("clock", f"The clock is not behind the records ({instant(at)}).")
    if clock is not None and abs(clock - at) > AHEAD:
        what = f"This clock and the database's differ by {abs(clock - at)} seconds."
        if 0 < at - clock <= MAX_AGE:
            why = "Hosts that disagree deny each other's proofs and end leases at other times."
            yield warn("clock", what, why, remedy)
        else:
            why = (
                "The service is not ready (`clock_differs`): every proof looks too old or too new."
            )
            yield wrong("clock", what, why, remedy)


def judge_api_keys(keys: Sequence[ApiKey]) -> Iterable[Finding]:
    """Judge which roles have a live API key, and name those that were withdrawn."""
    live = Counter(key.role for key in keys if not key.is_revoked)
    for role, what in (
        ("operator", "Nobody can open a task or issue a token over HTTP."),
        ("reviewer", "Nobody but operators can look at lineage over HTTP."),
    ):
        if not live[role]:  # type: ignore[index]  # the literals of Role
            yield warn(
                "api_keys",
                f"There is no live {role} key.",
                what,
                f"Run `delegation keys create NAME --role {role}`.",
            )
    counts = ", ".join(f"{count} {role}" for role, count in sorted(live.items())) or "none"
    yield ok("api_keys", f"Live API keys: {counts}.")
    gone = sorted(key.name for key in keys if key.is_revoked)
    if gone:
        yield ok("api_keys", f"Withdrawn and still known: {', '.join(gone)}.")


MOST: Final = 1000  # open tasks that are looked at, the newest


def judge_audiences(tasks: Sequence[TaskEntry], keys: Iterable[ApiKey]) -> Iterator[Finding]:
    """Judge whether open tasks and live keys spell each service alike.

    Args:
        tasks: Open tasks.
        keys: All API keys.
    """
    held = [(f"task {task.id}", task.ceiling.audience) for task in tasks]
    held += [(f"API key {key.name}", key.audiences) for key in keys if not key.is_revoked]
    by = {name: who for who, names in reversed(held) for name in names}
    said: set[frozenset[str]] = set()
    for who, names in held:
        others = [name for name in by if name not in names]
        for name in names:
            meant = respelled(name, others)
            if meant and frozenset({name, meant}) not in said:
                said.add(frozenset({name, meant}))
                yield warn(
                    "audience",
                    f"The {who} has the audience {name}, and the {by[meant]} has {meant}: one service "
                    "in two spellings.",
                    "Audiences are compared as text: calls of one are denied where the other is asked.",
                    "Make the key or open the task again with the spelling that the service has.",
                )
    if not said:
        yield ok("audience", f"{len(by)} audiences, each in one spelling.")
