"""Checks the ring file: there, its owner's alone, of the right issuer, with keys that sign."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from delegation.authority.explain import instant
from delegation.cli.checkup.finding import Finding, ok, warn, wrong
from delegation.cli.loopback import is_of_this_machine
from delegation.commands.ring import RingHolder
from delegation.errors import KeyFileError
from delegation.identity.keyring import ROLES, KeyRing, RingKey, RingRole
from delegation.identity.ring_state import KnownKey, foreign, lacking, pending, signing
from delegation.tokens.formats import FORMATS
from delegation.tracker.ring import other_issuer

SOON: Final = 3600  # seconds
_NEEDED: Final[tuple[tuple[RingRole, str], ...]] = (
    *((role, f"{name}s cannot be issued") for name, one in FORMATS.items() for role in one.ROLES),
    ("service", "no receipts are signed: services behind proxies refuse what they cannot check"),
    ("approval", "calls that need people's consent are denied, and nobody is asked"),
    ("log", "what is recorded has its place in the log, and no checkpoint is signed"),
)


def look_at_ring(
    file: Path, *, issuer: str, at: int, other_owner: int | None, reached: Iterable[str] = ()
) -> list[Finding]:
    """Return what is to be said of a ring file.

    Args:
        file: Where it should be.
        issuer: The issuer that is set; empty for none.
        at: Unix seconds.
        other_owner: The user that owns the store's file, None where there is none.
        reached: URLs under which the service is reached or listens, as far as they are known.
    """
    try:
        status = file.lstat()
    except OSError:
        return [
            wrong(
                "ring",
                f"There is no key ring at {file}.",
                "The service would make a new one on its next start, and no token issued so far "
                "would verify.",
                "Put the ring back from its copy, or set DELEGATION_RING to where it is; for a new "
                "store make one: delegation init --issuer https://authority.example",
            )
        ]
    found = list(judge_file(file, status.st_mode, status.st_uid, other_owner))
    if any(finding.level == "wrong" for finding in found):
        return found
    try:
        ring = KeyRing.load(file)
    except KeyFileError as error:
        return [
            *found,
            wrong("ring", str(error), "The service does not start without it.", error.remedy
                  or "Put the ring back from its copy, readable by the service's user."),
        ]  # fmt: skip
    return [*found, *judge_keys(ring.keys, at), judge_issuer(ring.issuer, issuer, reached)]


def judge_file(file: Path, mode: int, owner: int, other_owner: int | None) -> Iterable[Finding]:
    """Judge kind, mode and owner of a ring file."""
    if not stat.S_ISREG(mode):
        yield wrong(
            "ring",
            f"{file} is no plain file.",
            "A link or pipe could be pointed elsewhere; the service refuses it.",
            "Put the file itself there.",
        )
    elif mode & 0o077:
        yield wrong(
            "ring",
            f"{file} has mode {stat.S_IMODE(mode):04o}: others can read the service's secrets.",
            "Whoever reads them issues any authority. The service refuses to start.",
            f"chmod 600 {file}; if others may have read it, `delegation keys rotate` each role.",
        )
    else:
        yield ok("ring", f"{file} is there with mode {stat.S_IMODE(mode):04o}.")
    if owner not in {os.geteuid(), other_owner}:
        yield wrong(
            "ring",
            f"{file} belongs to user {owner}, neither you nor the store's owner.",
            "The service's user cannot read it, or somebody else can change it.",
            f"chown it to the service's user, such as {other_owner or os.geteuid()}.",
        )


def judge_keys(keys: Sequence[RingKey], at: int) -> Iterable[Finding]:
    """Judge which roles have a key that signs, and when old keys stop to verify."""
    for role, what in _NEEDED:
        if not any(key.role == role and key.state == "active" for key in keys):
            yield warn(
                "ring",
                f"The ring has no active {role} key.",
                f"Without it {what}.",
                f"Run `delegation keys rotate {role}`.",
            )
    for key in keys:
        name = f"{key.role} key {key.kid}"
        if key.state == "revoked":
            yield ok("ring", f"The {name} is revoked and still known, so it cannot come back.")
        elif key.state == "retired" and key.not_after == 0:
            yield warn(
                "ring",
                f"The retired {name} verifies for ever.",
                "What it signed is believed without end, also if its secret leaks.",
                "Give it an end, or revoke it.",
            )
        elif key.state == "retired" and at < key.not_after <= at + SOON:
            yield warn(
                "ring",
                f"The retired {name} stops to verify at {instant(key.not_after)}.",
                "Tokens that it signed are refused from then on.",
                "Issue running tasks' tokens again, or wait for them to end.",
            )
        elif key.state == "retired":
            end = instant(key.not_after)
            word = "no longer verifies since" if key.not_after <= at else "verifies until"
            yield ok("ring", f"The retired {name} {word} {end}.")
    active = sorted({key.role for key in keys if key.state == "active"})
    yield ok("ring", f"Keys sign for {', '.join(active) or 'nothing'}.")


def judge_rotation(
    ring: KeyRing, known: Sequence[KnownKey], running: Sequence[RingHolder], at: int
) -> Iterable[Finding]:
    """Judge how far new keys are, and whether this copy and every running process hold what signs.

    Args:
        ring: As the file here holds it.
        known: What the store knows.
        running: Who verifies and signs now.
        at: Unix seconds.
    """
    if (key := foreign(ring, known) or lacking(ring, known, at=at)) is not None:
        yield wrong(
            "ring",
            f"This copy of the ring is an older one: it lacks the {key.name}, or has another under its id.",
            "The service does not start with it: what others sign would be unknown to it.",
            f"Copy the ring from a replica that runs, with mode 0600; {key.by} had it.",
        )
    for role in ROLES:
        waiting = pending(known, role)
        if waiting is not None:
            late = [one.name for one in running if waiting.digest.hex() not in one.held]
            who = f"{', '.join(late)} lack it" if late else "every running process holds it"
            yield warn(
                "ring",
                f"The {waiting.name} is announced and does not sign yet: {who}.",
                "Until then the key before it signs; nothing is refused.",
                ("Copy the ring file to there, then run" if late else "Run")
                + f" `delegation keys rotate {role}`.",
            )
        signs = signing(known).get(role)
        if signs is not None and any(
            (key.role, key.kid, key.state) == (role, signs.kid, "coming") for key in ring.keys
        ):
            yield warn(
                "ring",
                f"This copy of the ring says that the {signs.name} does not sign yet; it does.",
                "The store knows better while it is there; a store from a backup may not.",
                f"Run `delegation keys rotate {role}` here: it brings the file up to date.",
            )
    for one in running:
        if one.problem:
            yield warn(
                "ring",
                f"{one.name} uses the keys of before: {one.problem}",
                "No new key signs before it holds it.",
                "Put the newest ring there, a plain file with mode 0600.",
            )
    if running:
        yield ok("ring", f"{len(running)} running processes say which keys they hold.")


def judge_issuer(held: str, wanted: str, reached: Iterable[str] = ()) -> Finding:
    """Judge the ring's issuer against the setting, and against where the service is reached.

    Args:
        held: The ring's.
        wanted: The setting; empty for none.
        reached: URLs under which the service is reached or listens.
    """
    if wanted and wanted != held:
        return wrong(
            "issuer",
            f"The ring issues as {held}, and DELEGATION_ISSUER is {wanted}.",
            "The service refuses to start: the ring's name is in every token that was issued.",
            other_issuer(held, wanted),
        )
    away = [] if wanted else [url for url in reached if not is_of_this_machine(url)]
    if is_of_this_machine(held) and away:
        return wrong(
            "issuer",
            f"The ring issues as {held}, a name of this machine alone that nobody set, and others "
            f"reach the service at {away[0]}.",
            "The name is in every token for good, and is each other machine's own name, too.",
            "Put store and ring away and make new ones: delegation init --issuer "
            f"https://authority.example; or set DELEGATION_ISSUER={held} if that is meant.",
        )
    return ok("issuer", f"Tokens are issued as {held}.")
