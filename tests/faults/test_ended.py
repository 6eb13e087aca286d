"""SIGTERM under load drains; a worker or its parent that is killed leaves neither orphans nor gaps."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from audit import audit, jti_of
from load import Load, call
from under_fault import Place, Serving, until


def workers_of(service: Serving) -> set[int]:
    """Return the processes that serve below the one that was started."""
    assert service.process is not None
    parent = service.process.pid
    found = set()
    for file in Path("/proc").glob("[0-9]*"):
        try:
            ppid = int((file / "stat").read_text().rpartition(")")[2].split()[1])
            command = (file / "cmdline").read_bytes()
        except (OSError, ValueError):
            continue
        if ppid == parent and b"resource_tracker" not in command:
            found.add(int(file.name))
    return found


@pytest.mark.parametrize(
    ("engine", "workers"), [("sqlite", 1), pytest.param("postgres", 2, marks=pytest.mark.thorough)]
)
def test_a_service_that_is_ended_answers_what_it_accepted(engine, workers, request) -> None:
    """Every call is answered or never decided; nothing that was decided goes unanswered; exit code 0."""
    place: Place = request.getfixturevalue(f"on_{engine}")
    leaves = place.leaves(500, 200, 200, 200)
    service = place.serving(workers, WARM_WORKERS="")  # cold ones, as outside the tests
    service.start()
    with Load([service.port], place.key, lambda n: call(*leaves[n % 3])) as load:
        load.wait_for(60)
        assert service.end() == 0
    assert {answer.status for answer in load.answers} <= {200, 503, 0}
    stored = audit(place.url, load.answers)
    decided = {jti_of(row.proof) for row in stored.values()}
    assert not [a for a in load.unanswered if a.call.jti in decided], "decided and not answered"
    said = service.log.read_text()
    assert "Traceback" not in said
    assert "rror" not in said


def test_a_killed_worker_is_replaced_and_none_outlives_its_parent(on_postgres: Place) -> None:
    """One worker is killed: the other goes on, a new one comes. The parent is killed: all end."""
    leaves = on_postgres.leaves(1000, 500, 500)
    service = on_postgres.serving(2)
    service.start()
    assert until(lambda: len(workers_of(service)) == 2)
    first = min(workers_of(service))
    with Load(
        [service.port], on_postgres.key, lambda n: call(*leaves[n % 2]), callers=4, most=5000
    ) as load:
        load.wait_for(60)
        os.kill(first, signal.SIGKILL)
        load.wait_for(len(load.decided) + 60)
        assert until(lambda: len(workers_of(service) - {first}) == 2)
        load.wait_for(len(load.decided) + 60)
        service.kill()
    assert {answer.status for answer in load.answers} <= {200, 503, 0}
    audit(on_postgres.url, load.answers)
