"""Checks what is kept beside the ring, and lists what a restored backup lost."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from delegation.authority.explain import instant
from delegation.cli.checkup.finding import Finding, ok, warn, wrong
from delegation.errors import ConfigurationError
from delegation.identity.keyring import KeyRing
from delegation.records.journal.file import JournalFile
from delegation.records.revocation.endings import Ending

_WHY_SHUT = "The service does not start: what it cannot read it would forget."


def look_at_journal(file: Path, head: Path, ring: KeyRing | None) -> Iterable[Finding]:
    """Say whether what was ended is kept beside the ring, whole and sealed by it.

    Args:
        file: The journal.
        head: Where its length is kept.
        ring: The ring; without one its seals are not looked at.
    """
    if not file.exists():
        where = f"There is no {file.name} beside the ring"
        if head.exists():
            yield wrong(
                "journal",
                f"{where}, and there was one.",
                "An older backup of the database would revive what was ended since.",
                "Put it back from its newest copy before a backup of the database is restored; the "
                "service begins a new one from what the database knows.",
            )
        else:
            yield ok("journal", f"{where} yet: nothing was ended since this ring is used here.")
        return
    if not os.access(file, os.W_OK):
        yield wrong(
            "journal",
            f"{file} cannot be written.",
            "What is ended holds, and an older backup would revive it.",
            "Make it writable for the user that runs the service, and see that the disk has room.",
        )
    if ring is None:
        return
    kept = JournalFile(file, head, ring)
    try:
        count = len(kept.look())
    except ConfigurationError as error:
        yield wrong("journal", str(error), _WHY_SHUT, error.remedy)
        return
    short = [
        store
        for store, told in kept.told.items()
        if any(a > b for a, b in zip(told, kept.upto.get(store, (0, 0)), strict=True))
    ]
    if short:
        yield wrong(
            "journal",
            f"{file} is shorter than it was.",
            "What is missing is taken from the database at the next start; with an older one the "
            "service does not start.",
            "Put its newest copy back before a backup of the database is restored.",
        )
    else:
        yield ok("journal", f"{count} endings are kept beside the ring, whole and sealed by it.")


def judge_restorations(found: Sequence[Ending]) -> Iterable[Finding]:
    """List what cannot be known since a restored backup, with the numbers that are.

    Args:
        found: What was noted when older databases were opened.
    """
    for one in found:
        said: dict[str, Any] = one.body
        told = said["told"]
        acts = ", ".join(f"{count} {act}" for act, count in sorted(told.items())) or "nothing"
        since = f"{instant(said['newest'])}" if said["newest"] else "no decision at all"
        yield warn(
            "restore",
            f"At {instant(one.at)} the store was opened from an older backup, whose newest decision is "
            f"of {since}. Told again: {acts}.",
            _lost(said),
            "Lower the budgets of tasks that went on meanwhile or close them, resume what was suspended "
            "once you have looked, and see docs/how-to/restore.md.",
        )


def _lost(said: dict[str, Any]) -> str:
    parts = []
    lost = said["signed"] - said["entries"]
    if lost > 0:
        parts.append(f"{lost} of {said['signed']} signed entries of the log are gone")
    if "lost" in said:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(said["lost"].items()))
        spent = ", ".join(f"{n} {unit}" for unit, n in sorted(said["spent"].items())) or "nothing"
        parts.append(f"the log's folder still has {kinds}; they had spent {spent}")
    before, after = said["epoch"]
    if after > before:
        parts.append(f"changes of standing that were made since: {after - before}")
    parts.append(
        f"open tasks with a budget, of which what was spent since can be spent again: {said['budgets']}"
    )
    parts.append(
        "not known: calls, links and tasks since the backup (no root or task of then is known here), "
        "outcomes without a cost, keys of repeated requests, rates and limits of growth, what verifiers "
        "elsewhere reported, and requests for approval that were opened and answered since"
    )
    return "; ".join(parts) + "."
