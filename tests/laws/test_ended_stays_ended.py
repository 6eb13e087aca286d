"""The law of ends: what step 10 refuses because something was ended is allowed again by no act but its resumption.

Acts are played in any order on both databases. An oracle that knows nothing of the code keeps, for
each token, the acts that ended it and were not resumed. DELEGATION_LONG=1 plays many more.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from below import open_below
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from postgres import Server
from world import DESK, World, verdict

from delegation import Access, Grant, HolderKey, Token, Tool, anything, may
from delegation.errors import DelegationError
from delegation.identity.principal import PublicKey
from delegation.tracker import Tracker

MANY = bool(os.environ.get("DELEGATION_LONG"))
ISSUER = "https://authority.acme.example"
START = 1_800_000_000
SYSTEMS = ("crm", "mail")
OWNERS = {"boss": "bo@acme.example", "a": "al@acme.example"}


def tool(system: str = "crm", sensitivity: int = 0) -> Tool:
    """Return the tool under one of its definitions."""
    return Tool(
        "crm.read",
        effect="read",
        system=system,
        sensitivity=sensitivity,
        arguments={"id": "opaque"},
    )


@dataclass
class Oracle:
    """What was ended and not resumed, by the words of the law alone.

    Args:
        final: Subjects that were revoked, or tasks that were closed.
        held: Subjects that are suspended.
        later: Subjects that end at an instant.
    """

    final: set[tuple[str, str]] = field(default_factory=set)
    held: set[tuple[str, str]] = field(default_factory=set)
    later: dict[tuple[str, str], int] = field(default_factory=dict)

    def owes(self, subjects: set[tuple[str, str]], at: int) -> bool:
        """Say whether any of these was ended."""
        due = {subject for subject, when in self.later.items() if when <= at}
        return bool(subjects & (self.final | self.held | due))


class Play:
    """One world in which acts are played; each public method is one."""

    def __init__(self, url: str, folder: Path) -> None:
        """Make a task, a child task and tokens of two systems."""
        self.world = World.__new__(World)
        self.world.url, self.world.path, self.world.at = url, None, START
        self.world.keys = {}
        self.url, self.folder, self.ring = url, folder, folder / "law.ring.json"
        self.names = itertools.count()
        self.oracle = Oracle()
        self.open(make=True)
        self.world.tracker.add_tool(tool())
        for name in OWNERS:
            self.register(name)
        ceiling = Grant(
            [may("crm.read", id=anything())], audience=[DESK], delegations_left=3, max_sensitivity=3
        )
        self.world.task = self.world.tracker.open_task(
            "Law", owner="ana@acme.example", ceiling=ceiling, lasts=100_000
        )
        self.root = self.world.tracker.issue(
            self.world.task,
            to=self.world.key("boss").public,
            grant=Grant(expires_at=START + 50_000),
        )
        self.handed = self.hand(50_000 - 1)
        self.secret, self.dead = self.world.tracker.create_api_key("ops", "operator"), []
        self.child, self.under = open_below(self.world, self.handed, "a", "c")
        self.tokens = {"boss": [self.root], "a": [self.handed], "c": [self.under]}
        for holder, (token,) in self.tokens.items():
            assert self.call(token, holder) is None

    def open(self, *, make: bool = False) -> None:
        """Open the store, as another process would."""
        if not make:
            self.world.tracker.close()
        self.world.tracker = Tracker.open(
            self.url, issuer=ISSUER, ring_file=self.ring, clock=lambda: self.world.at
        )

    def call(self, token: Token, holder: str) -> tuple[int, str] | None:
        """Make a call, and return the step and code that refused it."""
        access = Access("crm.read", {"id": "7"}, DESK)
        proof = self.world.key(holder).prove(token, access, at=self.world.at)
        return verdict(self.world.tracker.check(token, proof, access))

    def hand(self, lasts: int, name: str = "a") -> Token:
        """Hand the root's grant to `a`, or hand it again with another end, by another name."""
        grant = Grant(expires_at=START + lasts)
        to = PublicKey(name, self.world.key("a").public.key)
        return self.root.delegate(by=self.world.key("boss"), to=to, grant=grant)

    def subjects(self) -> dict[str, tuple[str, str]]:
        """Return what may be ended, by a short name."""
        found = {f"system {name}": ("system", name) for name in SYSTEMS}
        found |= {"tool": ("tool", "crm.read"), "all": ("everything", "*")}
        found |= {"task": ("task", self.world.task.id), "child": ("task", self.child.id)}
        found |= {f"agent {name}": ("agent", name) for name in OWNERS}
        found |= {f"owner {name}": ("owner", owner) for name, owner in OWNERS.items()}
        found |= {"owner": ("owner", "ana@acme.example")}
        for name in ("boss", "a", "c"):
            found[f"key {name}"] = ("key", self.world.key(name).public.text[8:])
        for holder, (first, *_) in self.tokens.items():
            found[f"link {holder}"] = ("link", first.id)
        return found

    def touched(self, holder: str) -> set[tuple[str, str]]:
        """Return all by which a holder's first token stands."""
        above = {"boss": ["boss"], "a": ["boss", "a"], "c": ["boss", "a", "c"]}[holder]
        named = self.subjects()
        wanted = ["system crm", "tool", "all", "task", "owner"]
        wanted += [f"{kind} {who}" for kind in ("key", "link") for who in above]
        wanted += [f"{kind} {w}" for kind in ("agent", "owner") for w in above if w in OWNERS]
        return {named[name] for name in [*wanted, *(["child"] if holder == "c" else [])]}

    # Ends, of which the oracle hears

    def revoke(self, name: str, by: str = "op") -> None:
        """Revoke a subject."""
        kind, subject = self.subjects()[name]
        if kind == "everything":
            return
        self.world.tracker.revoke(kind, subject, by=by)
        self.oracle.final.add((kind, subject))

    def later(self, name: str) -> None:
        """Revoke a subject from an instant on."""
        kind, subject = self.subjects()[name]
        if kind == "everything":
            return
        when = self.world.at + 500
        self.world.tracker.revoke(kind, subject, by="op", effective_at=when)
        self.oracle.later[kind, subject] = min(when, self.oracle.later.get((kind, subject), when))

    def suspend(self, name: str) -> None:
        """Suspend a subject."""
        kind, subject = self.subjects()[name]
        self.world.tracker.suspend(kind, subject, by="op")
        self.oracle.held.add((kind, subject))

    def close(self, name: str) -> None:
        """Close a task."""
        task = self.child if name == "child" else self.world.task
        self.world.tracker.close_task(task)
        self.oracle.final.add(("task", task.id))

    def resume(self, name: str) -> None:
        """Resume a subject: the only act that brings back anything."""
        kind, subject = self.subjects()[name]
        self.world.tracker.resume(kind, subject, by="op")
        self.oracle.held.discard((kind, subject))

    # Acts of which the oracle hears nothing

    def register(self, name: str) -> None:
        """Register the holder's key, under its agent or another, or vouch for it again."""
        owner = OWNERS.get(name, "cy@acme.example")
        given = {"recertify_by": self.world.at + 90_000} if name == "a" else {}
        key = self.world.key(name if name in OWNERS else "a").public
        self.world.tracker.add_agent(name, owner=owner, keys=[key], **given)

    def rotate(self, name: str) -> None:
        """Give an agent a new key, and back again."""
        old = self.world.key(name).public
        self.world.tracker.rotate_key(
            name, old=old, new=HolderKey.generate(name).public, by="op",
            effective_at=self.world.at + 90_000,
        )  # fmt: skip

    def rotate_back(self, name: str) -> None:
        """Try to make an ended key the successor of another."""
        new = HolderKey.generate(name).public
        self.world.tracker.add_agent(name, owner=OWNERS[name], keys=[new])
        self.world.tracker.rotate_key(name, old=new, new=self.world.key(name).public, by="op")

    def redefine(self, system: str) -> None:
        """Define the tool anew, with another system or none."""
        self.world.tracker.add_tool(tool(system, sensitivity=next(self.names) % 3))

    def renew(self, holder: str) -> None:
        """Renew a link: the root here, the others by their delegator."""
        if holder == "boss":
            made = self.world.tracker.renew(self.tokens["boss"][-1].id)
        else:
            made, holder = self.hand(49_000 + 7 * (next(self.names) % 5)), "a"
            self.call(made, "a")
        self.tokens[holder].append(made)

    def elsewhere(self) -> None:
        """End something in another store of the same ring."""
        other = Tracker.open(
            f"sqlite:///{self.folder / 'other.db'}",
            issuer=ISSUER,
            ring_file=self.ring,
            clock=lambda: self.world.at,
        )
        other.revoke("link", self.root.id, by="op")
        other.close()

    def withdraw(self) -> None:
        """Withdraw an API key, for good."""
        self.world.tracker.revoke_api_key("ops")
        self.dead.append(self.secret)

    def issue(self, holder: str) -> None:
        """Issue another root, open another child task: new authority."""
        self.world.tracker.issue(self.world.task, to=self.world.key(holder).public)
        open_below(self.world, self.handed, "a", "c")

    def reopen(self) -> None:
        """Open the store anew."""
        self.open()

    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.world.at += seconds

    def erase(self) -> None:
        """Erase what retention may erase."""
        self.world.tracker._store.erase(
            before=self.world.at, most=1000, at=self.world.at, by="command"
        )


class Backup:
    """The engine's own backup, made once and put back."""

    def __init__(self, play: Play, server: Server | None) -> None:
        """Keep nothing yet."""
        self.play, self.server = play, server
        self.copy = play.folder / "copy" if server is None else server._home / f"law-{id(play)}"
        self.at = 0

    def make(self) -> None:
        """Back the running store up."""
        if self.server is not None:
            self.server._run("pg_dump", "--format=custom", f"--file={self.copy}", self.play.url)
        else:
            file = self.play.url.removeprefix("sqlite:///")
            with sqlite3.connect(file) as source, sqlite3.connect(self.copy) as target:
                source.backup(target)
            source.close()
            target.close()

    def restore(self) -> None:
        """Put it back in the store's place, and open that."""
        play = self.play
        play.world.tracker.close()
        if self.server is not None:
            given = ("--clean", "--if-exists", f"--dbname={play.url}")
            self.server._run("pg_restore", *given, self.copy)
        else:
            file = Path(play.url.removeprefix("sqlite:///"))
            for name in (file.name, f"{file.name}-wal", f"{file.name}-shm"):
                file.with_name(name).unlink(missing_ok=True)
            shutil.copy(self.copy, file)
        play.open(make=True)
        play.world.at += 200  # beyond the life of every proof that the database has forgotten


NAMES = (
    "system crm", "system mail", "tool", "all", "task", "child", "owner", "agent boss", "agent a",
    "owner boss", "owner a", "key boss", "key a", "key c", "link boss", "link a", "link c",
)  # fmt: skip
ACTS = st.one_of(
    st.tuples(st.sampled_from(["revoke", "suspend", "suspend", "resume", "later"]), st.sampled_from(NAMES)),
    st.tuples(st.just("close"), st.sampled_from(["task", "child"])),
    st.tuples(st.just("register"), st.sampled_from(["boss", "a", "z"])),
    st.tuples(st.sampled_from(["rotate", "rotate_back"]), st.sampled_from(["boss", "a"])),
    st.tuples(st.just("redefine"), st.sampled_from(["", "crm", "mail", "other"])),
    st.tuples(st.sampled_from(["renew", "renew", "issue"]), st.sampled_from(["boss", "a"])),
    st.tuples(st.just("wait"), st.sampled_from([1, 100, 600])),
    st.tuples(st.sampled_from(["reopen", "erase", "elsewhere", "withdraw"])),
)  # fmt: skip
# One end first, so that most plays have something to undo.
PLAYS = st.tuples(
    st.tuples(st.sampled_from(["revoke", "suspend"]), st.sampled_from(NAMES)),
    st.lists(ACTS, min_size=3, max_size=9),
    st.booleans(),
)
COUNT = {"sqlite": 1500 if MANY else 10, "postgres": 400 if MANY else 2}


def check_law(play: Play, acts: list[tuple], backup: Backup | None) -> None:
    """Play the acts, and after each compare what is refused with what the oracle owes."""
    if backup is not None:
        backup.make()
    for act, *words in acts:
        with suppress(DelegationError):  # what is refused undoes nothing, or the next line says so
            getattr(play, act)(*words)
        said(play, f"{act} {words}")
    if backup is not None:
        backup.restore()
        said(play, "restored")


def said(play: Play, after: str) -> None:
    """Compare the first token of each holder with the oracle, and API keys with what was withdrawn."""
    assert not any(map(play.world.tracker.authenticate, play.dead)), after
    for holder, (token, *_) in play.tokens.items():
        if play.oracle.owes(play.touched(holder), play.world.at):
            found = play.call(token, holder)
            assert found is not None, f"{holder} is allowed again after {after}"


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_what_was_ended_stays_ended(engine: str, tmp_path_factory, request) -> None:
    """No play of acts brings back what was ended, on either database."""
    server = request.getfixturevalue("server") if engine == "postgres" else None

    @settings(
        max_examples=COUNT[engine], deadline=None, suppress_health_check=list(HealthCheck), derandomize=not MANY
    )  # fmt: skip
    @given(PLAYS)
    def law(plan) -> None:
        first, acts, has_backup = plan
        folder = tmp_path_factory.mktemp("law")
        url = f"sqlite:///{folder / 's.db'}" if server is None else server.new_database("t1")
        play = Play(url, folder)
        try:
            check_law(play, [first, *acts], Backup(play, server) if has_backup else None)
        finally:
            play.world.tracker.close()

    law()


# Plays that brought something back before, each as short as it can be.
KNOWN = {
    "a system, by defining its tool without it": [("revoke", "system crm"), ("redefine", "")],
    "a system, by two definitions": [
        ("redefine", "mail"), ("redefine", "crm"), ("suspend", "system crm"), ("redefine", "mail"),
    ],
    "a suspension, by a backup": [("suspend", "link a"), ("wait", 1)],
    "a closed task, by a backup": [("close", "task"), ("wait", 1)],
    "a link, by a backup and another store of the ring": [("suspend", "link a"), ("elsewhere",)],
    "an API key, by a backup": [("withdraw",)],
    "a key, by a backup": [("revoke", "key a"), ("reopen",)],
    "an end that is to come, by a backup": [("later", "tool"), ("wait", 600)],
    "a link, by renewing it": [("suspend", "link boss"), ("renew", "boss"), ("renew", "a")],
    "a link of a line, by the end of another suspension": [
        ("renew", "a"), ("suspend", "link a"), ("suspend", "link boss"), ("resume", "link boss"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("play", KNOWN)
def test_what_brought_something_back_once(play: str, tmp_path: Path) -> None:
    """Redefinitions, renewals and backups, with a backup around each of them."""
    made = Play(f"sqlite:///{tmp_path / 's.db'}", tmp_path)
    check_law(made, KNOWN[play], Backup(made, None))
    made.world.tracker.close()
