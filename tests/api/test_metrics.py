"""Metrics of the store: the log's size and age, and requests that wait for people; of every worker alike."""

from __future__ import annotations

import pytest
from consent import asked, rule
from service import Service
from world import NOW, World

from delegation.errors import StoreUnavailableError
from delegation_api.metrics import Metrics


def numbers(text: str) -> dict[str, float]:
    """Return the metrics of the store by their names."""
    lines = (line.split() for line in text.splitlines() if not line.startswith("#"))
    kinds = ("delegation_log_", "delegation_approvals_")
    return {name: float(value) for name, value in lines if name.startswith(kinds)}


@pytest.fixture
def service() -> Service:
    """Return the application over a world whose calls need consent."""
    world = World()
    world.task = world.open(needs_approval=[rule(approvers="finance")])
    return Service(world)


def read(service: Service) -> dict[str, float]:
    """Return what Prometheus is told."""
    return numbers(service.ask("GET", "/metrics", "reviewer").text)


def test_the_logs_size_and_the_checkpoints_age_are_told(service: Service) -> None:
    """Entries, signed ones, and seconds since the last signature."""
    world = service.world
    assert read(service)["delegation_log_checkpoint_age_seconds"] == 0
    world.root()
    assert read(service)["delegation_log_waiting"] == 1
    world.tracker.update_log()
    world.at = NOW + 7
    found = read(service)
    assert found["delegation_log_entries"] == found["delegation_log_signed_entries"] == 1
    assert found["delegation_log_checkpoint_age_seconds"] == 7
    assert found["delegation_log_stopped"] == 0
    world.at = NOW - 5  # a clock that was set back is no negative age
    assert read(service)["delegation_log_checkpoint_age_seconds"] == 0


def test_requests_that_wait_are_counted_until_they_are_over(service: Service) -> None:
    """Opened, and not yet expired."""
    world = service.world
    assert read(service)["delegation_approvals_waiting"] == 0
    root = world.root()
    asked(world, root, world.access("pay.refund", order="o1", amount=300), by="boss")
    assert read(service)["delegation_approvals_waiting"] == 1
    world.at = NOW + 900_000
    assert read(service)["delegation_approvals_waiting"] == 0


def test_a_store_that_does_not_answer_leaves_its_own_out(service: Service, monkeypatch) -> None:
    """What is counted here must still be read when the database is gone: then it is wanted most."""

    def gone() -> None:
        raise StoreUnavailableError("gone")

    monkeypatch.setattr(service.world.tracker, "log_status", gone)
    answer = service.ask("GET", "/metrics", "reviewer")
    assert answer.status_code == 200
    assert "delegation_writer_waiting" in answer.text
    assert numbers(answer.text) == {}


def test_several_workers_tell_the_stores_numbers_as_well(tmp_path, monkeypatch) -> None:
    """They are no worker's own, so that the shared folder does not have them."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    text = Metrics(World().tracker).text().decode()
    assert "delegation_log_entries" in text
    assert "delegation_approvals_waiting" in text
