"""`delegation export`: files with their manifests, on a store and at a service, at once and as jobs."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import serving
from typer.testing import CliRunner
from world import World

from delegation.cli.main import app

RUN = CliRunner()


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Iterator[tuple[World, Path, dict]]:
    """Return a world in a file, and the service over it."""
    folder = tmp_path_factory.mktemp("export")
    world = World(path=folder / "s.db", at=int(time.time()))
    world.tracker._desk.ring.save(folder / "s.ring.json")
    token = world.chain("boss", "=cmd", "b")
    world.check(token, "b")
    world.check(token, "b", world.access("ops.restart", host="h.example"))
    with serving(folder / "s.db", folder) as started:
        yield world, folder, started


@pytest.fixture(params=["store", "service"])
def run(request, place, monkeypatch, tmp_path):
    """Return a function that runs a command on the store, or at the service."""
    _, folder, started = place
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DELEGATION_STORE", raising=False)
    env, more = {}, ["--store", str(folder / "s.db")]
    if request.param == "service":
        env = {
            "DELEGATION_URL": started["url"],
            "DELEGATION_API_KEY": started["api_keys"]["reviewer"],
        }
        more = []

    def at(*words: str, code: int = 0):
        done = RUN.invoke(app, ["export", *words, *more], env=env)
        assert done.exit_code == code, done.output
        return done

    return at


@pytest.mark.parametrize("how", [(), ("--job",)])
def test_a_file_and_its_manifest_are_written(run, place, tmp_path: Path, how) -> None:
    """The digest beside the file is the file's, and the manifest says what it is of."""
    world = place[0]
    said = json.loads(run("decisions", "--format", "ocsf", "-f", "allowed=false", *how, "--out", "d.json", "--json").stdout)  # fmt: skip
    data = (tmp_path / "d.json").read_bytes()
    assert len(json.loads(data)["events"]) == 1 == said["shown"]
    beside = json.loads((tmp_path / "d.json.manifest.json").read_text())
    assert beside["sha256"] == hashlib.sha256(data).hexdigest() == said["sha256"]
    assert (beside["filter"], beside["total"]) == ({"allowed": False}, 2)
    assert (said["file"], said["manifest"]) == ("d.json", "d.json.manifest.json")
    run("lineage", "--format", "png", "--task", world.task.id, *how, "-o", "l.png")
    assert (tmp_path / "l.png").read_bytes().startswith(b"\x89PNG")


def test_text_goes_to_standard_output(run) -> None:
    """A table is what the module csv reads; JSON has the data beside what it states."""
    rows = list(csv.reader(io.StringIO(run("links").stdout_bytes.decode(), newline="")))
    assert len(rows) == 4
    assert "'=cmd" in rows[2]
    said = json.loads(run("tasks", "--format", "json", "--json").stdout)
    assert json.loads(said["data"])["rows"][0]["title"] == "Ticket 1"
    assert len(json.loads(run("tasks", "--format", "json", "--job").stdout)["rows"]) == 1


def test_wrong_usage_is_said(run) -> None:
    """Views, forms, filters and places that are none; what is not there; a picture on a terminal."""
    for words, code in (
        (["secrets"], 2), (["tasks", "--format", "exe"], 2), (["tasks", "--at", "1"], 2), (["links", "-f", "holder"], 2),
        (["links", "-f", "holder=a", "-f", "holder=b"], 2), (["links", "-f", "x=y"], 2), (["lineage", "--format", "png"], 2),
        (["lineage", "--format", "svg", "--task", "tsk_none"], 1), (["lineage", "--format", "svg", "--task", "tsk_none", "--job"], 1),
        (["tasks", "-o", "no/such/folder/x"], 1),
    ):  # fmt: skip
        run(*words, code=code)
