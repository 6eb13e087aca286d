"""Another release changes the schema under a process that runs: it decides nothing more, and ends."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import later
import psycopg
import pytest
from audit import audit
from load import Load, call
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from under_fault import Place, until
from writing import begin, scalar

from delegation.errors import UnknownOutcomeError
from delegation.records.engine import postgres
from delegation.records.engine.revision import SchemaChangedError
from delegation.records.schema import migrate
from delegation.records.settling import writer
from delegation.tracker import Tracker

STAMP = f"UPDATE alembic_version SET version_num = '{later.REVISION}'"
HELD = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'alembic_version'::regclass"


def test_a_process_writes_nothing_once_the_schema_is_another(place: Place) -> None:
    """Before its next write, whatever it writes; from then on it reads nothing either, and for good."""
    world = place.world
    token, count = place.root(), "SELECT count(*) FROM {}".format
    pending = [world.tracker.register_replica(by="desk").name]
    assert world.tracker.check(
        token, world.key("boss").prove(token, world.access()), world.access()
    )
    kept = [scalar(world, count(table)) for table in ("decision", "revocation", "api_key", "link")]
    later.executed(place, STAMP)
    acts: list[Callable[[], object]] = [
        lambda: begin(world, token, "boss").result(60),
        lambda: world.tracker.poll_replica(pending[0], after=0, by="desk"),
        lambda: world.tracker.revoke("link", token.id, by="t"),
        lambda: world.tracker.create_api_key("other", "operator"),
        lambda: world.tracker.issue(place.task, to=world.key("boss").public),
        world.tracker.health,
        world.tracker.tasks,
        world.tracker.numbers,
    ]
    for act in acts:
        with pytest.raises(SchemaChangedError):
            act()
    later.executed(place, f"UPDATE alembic_version SET version_num = '{migrate.head()}'")
    with pytest.raises(SchemaChangedError):  # what it remembers is of before
        begin(world, token, "boss").result(60)
    again = Tracker.open(place.url, ring=world.tracker._desk.ring)
    with again:
        store = again._store._database
        with store.reading() as connection:
            found = [
                connection.execute(text(count(table))).scalar_one()
                for table in ("decision", "revocation", "api_key", "link")
            ]
    assert found == kept


def test_a_migration_waits_for_who_writes_and_nobody_writes_behind_it(on_postgres: Place) -> None:
    """Between a look at the revision and the COMMIT after it no migration comes; who comes later sees it."""
    world, database = on_postgres.world, on_postgres.world.tracker._store._database
    token = on_postgres.root()
    order: list[str] = []

    def migrates() -> None:
        with database.writing(alone=None, is_marked=False) as connection:
            postgres.keep_writers_out(connection)
            connection.exec_driver_sql(STAMP)
            order.append("migrated")

    def waiting(count: int) -> bool:
        with psycopg.connect(on_postgres.url) as connection:
            return connection.execute(HELD).fetchone()[0] >= count

    migration = threading.Thread(target=migrates)
    with database.writing() as _:
        migration.start()
        assert until(lambda: waiting(1)), "the migration does not wait"
        late = begin(world, token, "boss")
        assert until(lambda: waiting(2)), "a writer goes past a migration"
        order.append("committed")
    migration.join(60)
    with pytest.raises(SchemaChangedError):
        late.result(60)
    assert order == ["committed", "migrated"]
    assert later.scalar_of(on_postgres, "SELECT count(*) FROM decision") == 0


def test_a_commit_in_doubt_stays_unknown_when_the_schema_changed_meanwhile(
    on_postgres: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What may have been recorded before is not said to be refused."""
    world, token = on_postgres.world, on_postgres.root()
    first = writer.DecisionWriter._attempt
    tries: list[int] = []

    def attempt(self, *given):
        tries.append(1)
        found = first(self, *given)
        if len(tries) == 1:
            later.executed(on_postgres, STAMP)
            raise writer._DoubtfulError
        return found

    monkeypatch.setattr(writer.DecisionWriter, "_attempt", attempt)
    with pytest.raises(UnknownOutcomeError):
        begin(world, token, "boss").result(60)
    assert len(tries) == 2


@pytest.mark.parametrize(
    ("engine", "workers"),
    [("sqlite", 1), *(pytest.param("postgres", n, marks=pytest.mark.thorough) for n in (1, 2))],
)
def test_a_service_ends_when_another_release_changed_the_schema(
    engine: str, workers: int, request: pytest.FixtureRequest
) -> None:
    """Idle or not: within a second or so, with a code that has a supervisor start the other release."""
    place: Place = request.getfixturevalue(f"on_{engine}")
    service = place.serving(workers=workers)
    service.start()
    started = service.process
    later.executed(place, STAMP)
    assert until(lambda: started.poll() is not None)
    assert started.returncode == 1
    assert until(lambda: not service.lives), "a worker outlived its parent"
    log = service.log.read_text()
    assert "another release changed the schema" in log
    assert "Traceback" not in log
    again = subprocess.run(
        [sys.executable, "-m", "delegation.cli", "serve", "--store", place.url, "--port", "0", "--json"],
        cwd=place.folder, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert again.returncode == 78  # RestartPreventExitStatus of docs/deploy/delegation.service
    assert json.loads(again.stderr)["code"] == "schema_revision"


@pytest.mark.thorough
def test_two_releases_never_decide_side_by_side(place: Place) -> None:
    """Under load the older one's last decision is before the migration, and the later one's first after it."""
    place.task = place.world.open(budget={"calls": 3000})
    leaves = place.leaves(3000, 1500, 1500)
    service = place.serving()
    service.start()
    with Load([service.port], place.key, lambda n: call(*leaves[n % 2]), most=3000) as load:
        load.wait_for(60)
        later.upgraded(place)
        begun = time.monotonic()
        started = service.process
        assert until(lambda: started.poll() is not None)
        print(f"ended {time.monotonic() - begun:.2f} s after the command returned")
    assert started.returncode == 1
    refused = {answer.body["code"] for answer in load.unanswered if answer.status}
    assert refused <= {"schema_changed"}, refused
    last = later.scalar_of(place, "SELECT last FROM before")
    stored = audit(place.url, load.answers)
    assert len(stored) == last, "decided after the schema was another's"
    assert {answer.body["decision"] for answer in load.decided} <= stored.keys()


def test_a_release_that_does_not_look_finds_no_numbers(place: Place) -> None:
    """Releases before revision 0021 read and take numbers from another table, whatever they decide."""
    assert later.scalar_of(place, "SELECT count(*) FROM numbers") > 0
    with pytest.raises(DBAPIError, match="number"):
        later.scalar_of(place, "SELECT count(*) FROM number")
