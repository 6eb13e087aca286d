"""What has to be true of a store afterwards: nothing answered is lost, nothing is charged twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import text

from delegation.records.engine.database import Database


@dataclass(frozen=True)
class Audit:
    """The counts of one store against what callers were answered."""

    answered: int
    lost: int
    contradicted: int
    stored: int
    charged: int
    allowed: int
    keys_with_two: int

    def faults(self) -> list[str]:
        """Return what is wrong, in words; empty when nothing is."""
        found = []
        if self.lost:
            found.append(f"{self.lost} answered decisions are not stored")
        if self.contradicted:
            found.append(f"{self.contradicted} are stored otherwise than they were answered")
        if self.charged != self.allowed:
            found.append(f"{self.charged} charged, {self.allowed} allowed")
        if self.keys_with_two:
            found.append(f"{self.keys_with_two} nonces allowed twice")
        return found


def audit(url: str, task: str, answers: Iterable[Mapping[str, tuple[str, bool]]]) -> Audit:
    """Compare a store with what was answered about one task."""
    told = {decision: allowed for one in answers for decision, allowed in one.values()}
    database = Database(url)
    try:
        with database.reading() as connection:
            ask = lambda statement: connection.execute(text(statement), {"task": task})  # noqa: E731
            kept = {
                row.id: bool(row.allowed)
                for row in ask("SELECT id, allowed FROM decision WHERE task = :task")
            }
            charged = ask(
                "SELECT coalesce(max(used), 0) FROM counter WHERE scope = 'task' AND id = :task"
                " AND unit = 'calls'"
            ).scalar_one()
            twice = ask(
                "SELECT count(*) FROM (SELECT proof FROM decision WHERE task = :task AND allowed"
                " GROUP BY proof HAVING count(*) > 1) AS t"
            ).scalar_one()
    finally:
        database.close()
    return Audit(
        answered=len(told),
        lost=len(told.keys() - kept.keys()),
        contradicted=sum(kept.get(name, value) != value for name, value in told.items()),
        stored=len(kept),
        charged=charged,
        allowed=sum(kept.values()),
        keys_with_two=twice,
    )
