"""Reads and writes the jobs of exports; see `commands.question_work`, whose sentences hold here.

Rows and not files: with PostgreSQL the next question may reach a worker on another host.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, select, update
from typing_extensions import override

from delegation.commands.question_work import QuestionReader, QuestionWork
from delegation.lineage.export_job import ACTIVE, ExportJob
from delegation.lineage.selection import Selection
from delegation.records.lineage.caches import Caches
from delegation.records.tables.exports import JOBS, PARTS

LEASE: Final = 30  # seconds of silence after which a job's worker is taken for dead
_LOST: Final = "The worker that made it ended before it was done."
_IS_ACTIVE: Final = JOBS.c.state.in_(ACTIVE)


class ExportJobRows(QuestionReader):
    """Part of `SqlReader`, which has the connection."""

    _connection: Connection

    @override
    def export_jobs(self, *, caller: str | None, at: int) -> Sequence[ExportJob]:
        query = select(JOBS).where(JOBS.c.expires_at > at)
        if caller is not None:
            query = query.where(JOBS.c.caller == caller)
        query = query.order_by(JOBS.c.asked_at.desc(), JOBS.c.id)
        return [_job(row, at) for row in self._connection.execute(query)]

    @override
    def export_job(self, job: str, *, caller: str, at: int) -> ExportJob | None:
        query = select(JOBS).where(
            JOBS.c.id == job, JOBS.c.caller == caller, JOBS.c.expires_at > at
        )
        row = self._connection.execute(query).one_or_none()
        return None if row is None else _job(row, at)

    @override
    def export_data(self, job: str) -> bytes:
        query = select(PARTS.c.data).where(PARTS.c.job == job).order_by(PARTS.c.number)
        return b"".join(self._connection.execute(query).scalars())


class ExportJobActs(QuestionWork):
    """Part of `SqlWork`, which has the connection and the caches."""

    _connection: Connection
    _caches: Caches

    @override
    def lock_exports(self) -> None:
        if self._connection.dialect.name == "postgresql":
            self._connection.exec_driver_sql("LOCK TABLE export_job IN SHARE ROW EXCLUSIVE MODE")

    @override
    def add_export(self, job: ExportJob) -> None:
        row = {
            "id": job.id,
            "caller": job.caller,
            "selection": json.dumps(job.selection.to_json(), ensure_ascii=True),
            "state": job.state,
            "done": 0,
            "total": 0,
            "asked_at": job.asked_at,
            "seen_at": job.seen_at,
            "expires_at": job.expires_at,
            "code": "",
            "message": "",
            "manifest": "",
            "digest": b"",
            "size": 0,
        }
        self._connection.execute(insert(JOBS), row)

    @override
    def tell_export(self, job: str, done: int, total: int, *, at: int, begins: bool) -> bool:
        told: dict[str, Any] = {"done": done, "total": total, "seen_at": at}
        if begins:
            told["state"] = "running"
        query = update(JOBS).where(JOBS.c.id == job, _IS_ACTIVE).values(**told)
        return self._connection.execute(query).rowcount == 1

    @override
    def add_export_part(self, job: str, number: int, data: bytes) -> bool:
        # Updated and not only read: whoever cancels meanwhile waits, and forgets this part, too.
        wanted = (
            update(JOBS).where(JOBS.c.id == job, _IS_ACTIVE).values(size=JOBS.c.size + len(data))
        )
        if self._connection.execute(wanted).rowcount != 1:
            return False
        self._connection.execute(insert(PARTS), {"job": job, "number": number, "data": data})
        return True

    @override
    def end_export(self, job: ExportJob) -> bool:
        said = "" if job.manifest is None else json.dumps(dict(job.manifest), ensure_ascii=True)
        query = update(JOBS).where(JOBS.c.id == job.id, _IS_ACTIVE)
        query = query.values(
            state=job.state,
            done=job.done,
            total=job.total,
            ended_at=job.ended_at,
            expires_at=job.expires_at,
            code=job.code,
            message=job.message,
            manifest=said,
            digest=job.digest,
            size=job.size,
        )
        ended = self._connection.execute(query).rowcount == 1
        if job.state != "done":
            self._connection.execute(delete(PARTS).where(PARTS.c.job == job.id))
        return ended

    @override
    def cancel_export(self, job: str, *, caller: str, at: int) -> None:
        query = update(JOBS).where(
            JOBS.c.id == job, JOBS.c.caller == caller, JOBS.c.state.in_((*ACTIVE, "done"))
        )
        ended = {"state": "cancelled", "ended_at": at, "digest": b"", "manifest": "", "size": 0}
        if self._connection.execute(query.values(**ended)).rowcount == 1:
            self._connection.execute(delete(PARTS).where(PARTS.c.job == job))

    @override
    def forget_exports(self, *, at: int) -> None:
        if (sure := self._caches.steady.sure(at)) is None:
            return
        old = select(JOBS.c.id).where(JOBS.c.expires_at <= sure)
        self._connection.execute(delete(PARTS).where(PARTS.c.job.in_(old)))
        self._connection.execute(delete(JOBS).where(JOBS.c.expires_at <= sure))


def _job(row: Row[Any], at: int) -> ExportJob:
    found = ExportJob(
        row.id,
        row.caller,
        Selection.from_json(json.loads(row.selection)),
        row.state,
        row.done,
        row.total,
        row.asked_at,
        row.seen_at,
        row.expires_at,
        row.ended_at,
        row.code,
        row.message,
        json.loads(row.manifest) if row.manifest else None,
        row.digest,
        row.size,
    )
    if found.is_active and at - row.seen_at > LEASE:
        return replace(found, state="failed", code="export_stopped", message=_LOST)
    return found
