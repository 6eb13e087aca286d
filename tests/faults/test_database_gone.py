"""PostgreSQL stopped under load, gone, and back: refused meanwhile, and good again by itself."""

from __future__ import annotations

import subprocess
import sys

import pytest
from audit import audit
from load import Load, call, repeated
from postgres import Server
from under_fault import Place, until


def test_a_database_that_goes_and_comes_back_loses_nothing(
    on_postgres: Place, server: Server
) -> None:
    """Gone: 503 with Retry-After, not ready, alive. Back: decided again without a restart."""
    leaves = on_postgres.leaves(900, 400, 400)
    service = on_postgres.serving()
    service.start()
    with Load([service.port], on_postgres.key, lambda n: call(*leaves[n % 2]), most=900) as load:
        load.wait_for(60)
        server.stop("immediate")
        try:
            status, headers = service.status("/readyz")
            assert (status, "retry-after" in headers) == (503, True)
            assert service.status("/healthz")[0] == 200
            assert until(lambda: any(answer.status == 503 for answer in load.answers))
            before = len(load.decided)
            assert service.status("/readyz")[0] == 503
            assert len(load.decided) == before, "decided without a database"
        finally:
            server.start()
        assert until(lambda: service.status("/readyz")[0] == 200)
        load.wait_for(before + 60)
    assert {answer.status for answer in load.answers} == {200, 503}
    refused = [answer for answer in load.answers if answer.status == 503]
    assert all("retry-after" in answer.headers for answer in refused)
    assert {answer.body["code"] for answer in refused} <= {"store_unavailable", "outcome_unknown"}
    audit(on_postgres.url, load.answers)
    again = repeated(service.port, on_postgres.key, refused)
    audit(on_postgres.url, [*load.answers, *again])
    assert service.end() == 0
    assert "Traceback" not in service.log.read_text()


@pytest.mark.thorough
def test_a_database_that_freezes_keeps_no_caller_waiting(
    on_postgres: Place, server: Server
) -> None:
    """It takes what is sent and answers nothing: each call is refused within a bound, none is lost."""
    leaves = on_postgres.leaves(400, 200, 200)
    service = on_postgres.serving()
    service.start()
    with Load([service.port], on_postgres.key, lambda n: call(*leaves[n % 2]), callers=4) as load:
        load.wait_for(30)
        server.freeze()
        try:
            assert until(lambda: sum(answer.status == 503 for answer in load.answers) >= 4)
            assert service.status("/healthz")[0] == 200
        finally:
            server.thaw()
        assert until(lambda: service.status("/readyz")[0] == 200)
        load.wait_for(len(load.decided) + 30)
    assert {answer.status for answer in load.answers} == {200, 503}
    again = repeated(service.port, on_postgres.key, load.unanswered)
    audit(on_postgres.url, [*load.answers, *again])
    assert "Traceback" not in service.log.read_text()


def test_a_service_does_not_start_without_its_database(on_postgres: Place, server: Server) -> None:
    """It says what is wrong in a sentence, and ends with a code that makes a supervisor try again."""
    server.stop("fast")
    try:
        found = subprocess.run(
            [sys.executable, "-m", "delegation.cli", "serve", "--store", on_postgres.url, "--port", "0"],
            capture_output=True, text=True, timeout=280, check=False,
        )  # fmt: skip
    finally:
        server.start()
    assert found.returncode not in {0, None}
    assert "Traceback" not in found.stdout + found.stderr
    assert "store" in found.stderr
