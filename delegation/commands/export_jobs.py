"""Asks for exports made in the background, tells their progress, cancels them, fetches the file.

A job belongs to the API key that asked: to anybody else it is not there. What is kept is bounded in
number and time, so that nobody fills the store with exports.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from delegation.commands.named import found, no_nul
from delegation.commands.retry import tried_again
from delegation.commands.work import Reader, Store
from delegation.errors import ConflictError, ExportsBusyError
from delegation.lineage.export_job import ACTIVE, ExportJob
from delegation.lineage.selection import Selection

MOST_OF_ONE: Final = 3  # jobs of one caller that are made, or whose file is kept
MOST: Final = 12  # of all callers
MAX_SECONDS: Final = 600  # that making one may take
KEEP_SECONDS: Final = 900  # that a file is kept
MAX_BYTES: Final = 64 * 1024 * 1024  # of one file


@tried_again
def ask(
    store: Store, wanted: Selection, *, caller: str, at: int, new_id: Callable[[str], str]
) -> ExportJob:
    """Record a job and return it; whoever records it also makes it.

    Raises:
        ExportsBusyError: The caller has as many as one may have, or all callers together have.
    """
    job = ExportJob(
        new_id("exp_"),
        caller,
        wanted,
        "waiting",
        0,
        0,
        at,
        at,
        at + MAX_SECONDS + KEEP_SECONDS,
    )
    with store.write() as work:
        work.lock_exports()
        work.forget_exports(at=at)
        kept = [
            one for one in work.export_jobs(caller=None, at=at) if one.state in (*ACTIVE, "done")
        ]
        if sum(one.caller == caller for one in kept) >= MOST_OF_ONE or len(kept) >= MOST:
            raise ExportsBusyError
        work.add_export(job)
    return job


def seen(store: Store, job: str, *, caller: str, at: int) -> ExportJob:
    """Return one of a caller's jobs.

    Raises:
        NotFoundError: The caller has none of this id; it may be another's, or forgotten.
    """
    no_nul("export", job)
    with store.read() as reader:
        return _own(reader, job, caller, at)


def listed(store: Store, *, caller: str, at: int) -> Sequence[ExportJob]:
    """Return a caller's jobs, the newest first."""
    with store.read() as reader:
        return reader.export_jobs(caller=caller, at=at)


@tried_again
def cancel(store: Store, job: str, *, caller: str, at: int) -> ExportJob:
    """End a job, and forget its file if there is one; a job that ended otherwise stays as it is.

    Raises:
        NotFoundError: The caller has none of this id.
    """
    no_nul("export", job)
    with store.write() as work:
        _own(work, job, caller, at)
        work.cancel_export(job, caller=caller, at=at)
        return _own(work, job, caller, at)


def fetched(store: Store, job: str, *, caller: str, at: int) -> tuple[ExportJob, bytes]:
    """Return a finished job and the bytes of its file.

    Raises:
        NotFoundError: The caller has none of this id.
        ConflictError: There is no file: it is not made yet, or never will be.
    """
    no_nul("export", job)
    with store.read() as reader:
        own = _own(reader, job, caller, at)
        if own.state != "done":
            raise ConflictError(
                f"The export is {own.state}: there is no file.",
                remedy="Wait until it is done." if own.is_active else "Ask for it again.",
            )
        return own, reader.export_data(job)


def _own(reader: Reader, job: str, caller: str, at: int) -> ExportJob:
    return found("export", job, reader.export_job(job, caller=caller, at=at))
