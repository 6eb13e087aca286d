"""Answers reviewers' questions in SQL; see `commands.question_work`, whose sentences hold here."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select
from typing_extensions import override

from delegation.authority.ids import DecisionId, TaskId
from delegation.commands.question_work import QuestionReader
from delegation.judge.subject import Subject
from delegation.lineage.analysis.findings import Dismissal
from delegation.lineage.entry import DecisionEntry
from delegation.lineage.survey import Ground, Survey
from delegation.records.engine.database import upsert
from delegation.records.engine.methods import of_connection
from delegation.records.lineage import decisions, news
from delegation.records.lineage import revocation_effects as endings
from delegation.records.lineage.caches import Caches
from delegation.records.lineage.search import keys_of, search
from delegation.records.lineage.survey import survey
from delegation.records.tables.people import DISMISSALS
from delegation.records.tables.records import DECISIONS


class SqlQuestions(QuestionReader):
    """Part of `SqlReader`, which has the connection."""

    _connection: Connection
    _caches: Caches

    @override
    def survey(self, ground: Ground, *, at: int, most: int, past: bool = False) -> Survey:
        return survey(self._connection, self._caches, ground, at=at, most=most, past=past)

    keys_of = of_connection(keys_of)

    @override
    def caused(
        self, decision: DecisionId, task: TaskId | None, *, limit: int
    ) -> Sequence[DecisionEntry]:
        if task is None:
            return ()
        query = select(DECISIONS).where(
            DECISIONS.c.task == task, DECISIONS.c.claimed_cause == decision
        )
        found = self._connection.execute(query.order_by(DECISIONS.c.sequence).limit(limit))
        return [decisions.entry_of(row) for row in found]

    @override
    def dismissals(self) -> Sequence[Dismissal]:
        query = select(DISMISSALS).order_by(DISMISSALS.c.at.desc(), DISMISSALS.c.finding)
        return [
            Dismissal(row.finding, row.rule, row.subject, row.by, row.reason, row.at)
            for row in self._connection.execute(query)
        ]

    search = of_connection(search)

    change_at = of_connection(endings.change_at)

    @override
    def effect(self, subject: Subject, *, epoch: int) -> tuple[DecisionEntry | None, int, bool]:
        catalogue = self._caches.catalogue.newest(self._connection)
        return endings.effect(self._connection, subject, catalogue, epoch=epoch)

    answers = of_connection(news.answers)

    waiting = of_connection(news.waiting)

    rhythm = of_connection(news.rhythm)

    suspensions = of_connection(endings.suspensions)


def dismiss(connection: Connection, dismissal: Dismissal) -> Dismissal:
    """Record a dismissal, or return the one that is there already."""
    row = {
        "finding": dismissal.finding,
        "rule": dismissal.rule,
        "subject": dismissal.subject,
        "by": dismissal.by,
        "reason": dismissal.reason,
        "at": dismissal.at,
    }
    connection.execute(upsert(connection, DISMISSALS).on_conflict_do_nothing(), [row])
    query = select(DISMISSALS).where(DISMISSALS.c.finding == dismissal.finding)
    kept = connection.execute(query).one()
    return Dismissal(kept.finding, kept.rule, kept.subject, kept.by, kept.reason, kept.at)
