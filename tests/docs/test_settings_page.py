"""docs/deploy/settings.md says what breaks: here it is broken, and breaks as said."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx2
import pytest
from pydantic import ValidationError
from service import Service
from serving import ROOT, serving
from typer.testing import CliRunner
from world import NOW, World, verdict

from delegation.cli.main import app
from delegation.client import Client
from delegation.errors import KeyFileError
from delegation.tracker import Tracker
from delegation_api.settings import Settings

RUN = CliRunner()


def test_a_wrong_store_or_ring_refuses_every_token(tmp_path: Path) -> None:
    """Another store with a new ring; with the old ring; the old store with none does not start."""
    world = World(path=tmp_path / "a.db")
    world.tracker._desk.ring.save(tmp_path / "a.ring.json")
    token = world.chain("boss", "clerk")
    for store, ring, code in (
        ("b.db", "b.ring.json", "container_signature"),
        ("c.db", "a.ring.json", "catalogue_unknown"),
    ):
        with Tracker.open(
            f"sqlite:///{tmp_path / store}", ring_file=tmp_path / ring, clock=lambda: NOW
        ) as other:
            access = world.access()
            denied = other.check(token, world.key("clerk").prove(token, access, at=NOW), access)
            assert verdict(denied)[1] == code
    with pytest.raises(KeyFileError):
        Tracker.open(f"sqlite:///{tmp_path / 'a.db'}", ring_file=tmp_path / "d.ring.json")


def test_a_ring_that_others_read_refuses_to_start(tmp_path: Path) -> None:
    """Mode 0600, or nothing."""
    World().tracker._desk.ring.save(tmp_path / "r.json")
    (tmp_path / "r.json").chmod(0o640)
    with pytest.raises(KeyFileError):
        Tracker.open("sqlite://", ring_file=tmp_path / "r.json")


def test_the_rings_own_issuer_holds(tmp_path: Path) -> None:
    """Where none is set; another one is refused, and changes nothing."""
    for issuer in ("https://first.example", "", "https://first.example"):
        with Tracker.open("sqlite://", ring_file=tmp_path / "r.json", issuer=issuer) as tracker:
            assert tracker.issuer == "https://first.example"
    with pytest.raises(KeyFileError):
        Tracker.open("sqlite://", ring_file=tmp_path / "r.json", issuer="https://second.example")


@pytest.mark.parametrize(
    "given",
    [
        {"port": 65536},
        {"workers": 0},
        {"max_body": 1},
        {"body_seconds": 0},
        {"max_connections": 0},
        {"log_level": "loud"},
        {"log_format": "xml"},
    ],
    ids=str,
)
def test_a_value_out_of_bounds_refuses_to_start(given: dict, tmp_path: Path, monkeypatch) -> None:
    """Each bound of the page is a bound of the program, and `serve` says which one."""
    with pytest.raises(ValidationError):
        Settings(**given)
    monkeypatch.chdir(tmp_path)
    ((name, value),) = given.items()
    done = RUN.invoke(app, ["serve"], env={f"DELEGATION_{name.upper()}": str(value)})
    assert done.exit_code == 1
    assert f"DELEGATION_{name.upper()} is {value}: it must be" in done.stderr.replace("\n", " ")
    assert list(tmp_path.iterdir()) == []


def test_a_route_table_that_is_off_refuses_to_start(tmp_path: Path, monkeypatch) -> None:
    """And several workers need PostgreSQL."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.toml").write_text("[[mount]]\n")
    # In its own process: a service that gets so far sets up logging for good.
    kept = {k: v for k, v in os.environ.items() if not k.startswith("DELEGATION_")}
    done = subprocess.run(
        [sys.executable, "-m", "delegation.cli", "serve", "--port", "0", "--json"],
        env={**kept, "PYTHONPATH": f"{ROOT}:{ROOT / 'api'}", "DELEGATION_FORWARD_ROUTES": "r.toml"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 1
    assert json.loads(done.stderr.splitlines()[-1])["code"] == "route_table"
    assert RUN.invoke(app, ["serve", "--port", "0", "--workers", "2"]).exit_code == 2


def test_without_a_table_the_mounts_know_nothing() -> None:
    """403, whatever the proxy shows: it is one of the two statuses that nginx passes on."""
    service = Service(World())
    headers = {
        "X-Original-Method": "GET",
        "X-Original-URI": "/a",
        "X-Capability-Token": "x",
        "Delegation-Proof": "x",
    }
    answer = service.ask("GET", "/verify/nginx", "service", headers=headers)
    assert (answer.status_code, answer.headers["X-Deny-Reason"]) == (403, "route_undeclared")


def test_bodies_and_connections_have_their_limits(tmp_path: Path) -> None:
    """413 above the size, 408 for a slow one, 503 for one connection too many; then all is well again."""
    limits = {
        "DELEGATION_MAX_BODY": "2048",
        "DELEGATION_BODY_SECONDS": "0.3",
        "DELEGATION_MAX_CONNECTIONS": "3",
    }
    with (
        serving(tmp_path / "s.db", tmp_path, **limits) as started,
        httpx2.Client(base_url=started["url"], timeout=280) as http,
    ):
        key = {"Authorization": f"Bearer {started['api_keys']['operator']}"}
        assert http.post("/v1/tools", content=b"x" * 2049, headers=key).status_code == 413

        def slow():
            yield b"{"
            time.sleep(1.5)

        assert http.post("/v1/tools", content=slow(), headers=key).status_code == 408
        http.close()
        ends = threading.Event()

        def hold() -> None:
            while not ends.is_set():  # cut off when it asks nothing, or before its key was seen
                with (
                    contextlib.suppress(httpx2.TransportError),
                    httpx2.Client(base_url=started["url"], timeout=280) as one,
                ):
                    while not ends.is_set():
                        one.get("/v1/revocations?after=0&wait=2", headers=key)

        threads = [threading.Thread(target=hold) for _ in range(3)]
        for thread in threads:
            thread.start()
        status, until = 0, time.monotonic() + 120
        while status != 503 and time.monotonic() < until:  # until the three are there
            # An answer may be lost when its connection is cut off.
            with (
                contextlib.suppress(httpx2.TransportError),
                httpx2.Client(base_url=started["url"], timeout=280) as one,
            ):
                status = one.get("/v1/findings").status_code
        ends.set()
        for thread in threads:
            thread.join(90)
        assert status == 503
        with Client(started["url"]) as client:
            client.health()
