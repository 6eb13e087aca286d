"""The first API keys are handed over in a file, and every line of a service's log is what it should be."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import warm
from serving import ROOT
from world import World

from delegation.cli.console import Stop
from delegation.cli.first_keys import keys_file, lacking, make_keys, write_keys

WAIT = 120
SECRET = re.compile(r"dk_[A-Za-z0-9_-]{8,}|ticket=")


class Started:
    """A `delegation serve` whose outputs are kept."""

    def __init__(self, folder: Path, *words: str, **env: str) -> None:
        self.folder = folder
        kept = {k: v for k, v in os.environ.items() if not k.startswith("DELEGATION_")}
        with (folder / "out").open("w") as out, (folder / "err").open("w") as err:
            self.process = subprocess.Popen(
                [*warm.python(), "-m", "delegation.cli", "serve", "--port", "0",
                 "--ready-file", str(folder / "ready.json"), *words],
                cwd=folder, stdout=out, stderr=err,
                env={**kept, "PYTHONPATH": f"{ROOT}:{ROOT / 'api'}", **env},
            )  # fmt: skip

    def url(self) -> str:
        """Return where it listens, once it decides."""
        until = time.monotonic() + WAIT
        while time.monotonic() < until and self.process.poll() is None:
            with contextlib.suppress(OSError, httpx2.TransportError):
                url = json.loads((self.folder / "ready.json").read_text())["url"]
                if httpx2.get(f"{url}/readyz", timeout=WAIT).is_success:
                    return url
            time.sleep(0.05)
        raise AssertionError(self.err)

    def end(self) -> int:
        """End it as an operator does, and return the exit code."""
        self.process.terminate()
        return self.process.wait(WAIT)

    @property
    def out(self) -> str:
        """What it wrote to standard output."""
        return (self.folder / "out").read_text()

    @property
    def err(self) -> str:
        """What it wrote to standard error."""
        return (self.folder / "err").read_text()

    def lines(self) -> list[dict]:
        """Return every line of both, each of which is a JSON object."""
        found = [json.loads(line) for line in (self.out + self.err).splitlines()]
        assert all(isinstance(line, dict) for line in found)
        return found


@pytest.fixture
def start(tmp_path: Path) -> Iterator:
    """Return a function that starts a service in the test's folder; it is ended with the test."""
    made: list[Started] = []

    def begin(*words: str, **env: str) -> Started:
        made.append(Started(tmp_path, *words, **env))
        return made[-1]

    yield begin
    for one in made:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait(WAIT)


def test_the_first_keys_are_written_for_their_owner_alone(tmp_path: Path) -> None:
    """Mode 0600 whatever the mask says; a second start makes none; a lost role is added to the others."""
    world, file = World(), tmp_path / "s.keys.json"
    before = os.umask(0)
    try:
        made = write_keys(world.tracker, file)
    finally:
        os.umask(before)
    assert set(made) == {"operator", "reviewer"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text()) == made
    assert {world.tracker.authenticate(secret).role for secret in made.values()} == set(made)
    assert write_keys(world.tracker, file) == {}
    world.tracker.revoke_api_key("reviewer")
    assert lacking(world.tracker) == ("reviewer",)
    again = write_keys(world.tracker, file)
    assert json.loads(file.read_text()) == {**made, **again}
    assert list(tmp_path.iterdir()) == [file]


def test_no_key_is_made_that_could_not_be_kept(tmp_path: Path) -> None:
    """The file is something else, or its folder is not there: refused before a secret is lost."""
    world = World()
    (tmp_path / "odd").write_text("[1]")
    for file in (tmp_path / "odd", tmp_path / "nowhere" / "keys.json"):
        with pytest.raises(Stop, match="cannot be written"):
            write_keys(world.tracker, file)
    assert lacking(world.tracker) == ("operator", "reviewer")
    assert make_keys(world.tracker).keys() == {"operator", "reviewer"}


def test_the_file_stands_beside_the_ring() -> None:
    """Under the store's own name."""
    assert keys_file("a/delegation.ring.json") == Path("a/delegation.keys.json")
    assert keys_file("/etc/x/ring.json") == Path("/etc/x/ring.keys.json")


def test_no_output_holds_a_key_or_a_link_unless_it_was_asked_for(start, tmp_path: Path) -> None:
    """As text for people: the line names the file, whose keys are those of the service."""
    service = start("--store", "s.db")
    url = service.url()
    keys = json.loads((tmp_path / "s.keys.json").read_text())
    for role, secret in keys.items():
        auth = {"Authorization": f"Bearer {secret}"}
        assert httpx2.get(f"{url}/v1/tasks", headers=auth, timeout=WAIT).is_success, role
    assert service.end() == 0
    assert "s.keys.json" in service.out
    assert not SECRET.search(service.out + service.err)
    shown = start("--store", "t.db", "--show-keys")
    shown.url()
    shown.end()
    assert len(SECRET.findall(shown.out)) == 3
    assert not (tmp_path / "t.keys.json").exists()


def test_every_line_is_json_from_the_first_to_the_last(start, tmp_path: Path) -> None:
    """The start, refusals at the port and behind it, the end; each id that a caller sees is there."""
    service = start("--store", "s.db", DELEGATION_LOG_FORMAT="json", PYTHONWARNINGS="always")
    url = service.url()
    seen = [httpx2.get(f"{url}/v1/tasks", timeout=WAIT), httpx2.get(f"{url}/none", timeout=WAIT)]
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), WAIT) as odd:
        odd.sendall(b"NO HTTP\r\n\r\n")
        answer = b""
        while more := odd.recv(4096):
            answer += more
    head, _, body = answer.partition(b"\r\n\r\n")
    at_port = json.loads(body)
    assert f"x-request-id: {at_port['request']}".encode() in head
    assert service.end() == 0
    lines = service.lines()
    assert service.out == ""
    serving = next(line for line in lines if line["event"] == "serving")
    assert (serving["url"], serving["keys_file"]) == (url, "s.keys.json")
    by_request = {line["request"]: line for line in lines if "request" in line}
    for one in seen:
        assert by_request[one.json()["request"]]["status"] == one.status_code
    assert by_request[at_port["request"]]["code"] == at_port["code"]
    assert not SECRET.search(service.err)
    if jq := shutil.which("jq"):  # a foreign reader of the same lines
        done = subprocess.run(
            [jq, "-e", "-c", f'select(.request == "{at_port["request"]}") | .code'],
            input=service.err, capture_output=True, text=True, timeout=WAIT, check=True,
        )  # fmt: skip
        assert json.loads(done.stdout) == at_port["code"]


@pytest.mark.parametrize(
    ("words", "env"),
    [
        ((), {"DELEGATION_WORKERS": "0"}),
        (("--store", "s.db", "--workers", "2"), {}),
        (("--store", "s.db", "--host", "nowhere.invalid"), {}),
        (("--store", "postgresql://127.0.0.1:1/none"), {}),
        (("--no-such-option",), {}),
        (("--store", "s.db"), {"DELEGATION_FORWARD_ROUTES": "none.toml"}),
    ],
    ids=range(6),
)
def test_what_cannot_start_says_so_in_json(words, env, start) -> None:
    """A setting, a port, a store, an option: the last line is an object with a code."""
    service = start(*words, DELEGATION_LOG_FORMAT="json", **env)
    assert service.process.wait(WAIT) in {1, 2}
    assert service.lines()[-1]["code"]


@pytest.mark.thorough
def test_several_workers_and_their_parent_write_json_alike(start, server, tmp_path: Path) -> None:
    """Killed ones, one that cannot start, one whose thread died, and the end of all."""
    service = start(
        "--store", server.new_database("t1"), "--workers", "2",
        DELEGATION_LOG_FORMAT="json", DELEGATION_LOG_LEVEL="debug",
        DELEGATION_RING=str(tmp_path / "ring.json"),
    )  # fmt: skip
    service.url()
    said = map(json.loads, service.err.splitlines())
    parent = next(line["pid"] for line in said if line["event"] == "serving")
    children = Path(f"/proc/{parent}/task/{parent}/children")
    (tmp_path / "ring.json").chmod(0o644)  # a worker that begins now cannot
    for pid in children.read_text().split():
        with contextlib.suppress(ProcessLookupError):
            if b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(int(pid), signal.SIGKILL)
    until = time.monotonic() + WAIT
    while "the worker cannot start: key_file" not in service.err:
        assert time.monotonic() < until, service.err
        time.sleep(0.1)
    (tmp_path / "ring.json").chmod(0o600)
    service.url()
    service.end()
    lines = service.lines()
    assert "serving" in {line["event"] for line in lines}
    assert not SECRET.search(service.out + service.err)
