"""The Containerfile's own lines, run without a container: its build, its command, its health check."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from proxies import free_port

ROOT = Path(__file__).parents[2]
FILE = (ROOT / "docs/deploy/Containerfile").read_text()


def lines(word: str) -> list[str]:
    """Return what follows an instruction, in order."""
    return re.findall(rf"^{word} (.+)$", FILE, re.MULTILINE)


def test_no_store_and_no_ring_gets_into_an_image() -> None:
    """What an image is built from leaves out what holds secrets."""
    ignored = (ROOT / ".dockerignore").read_text().split("\n")
    assert {"**/*.ring.json", "**/*.db", ".git", ".venv", "docs/deploy/secrets"} <= set(ignored)


@pytest.mark.thorough
def test_what_the_containerfile_does_works(tmp_path: Path) -> None:
    """Built from a copy of the source, installed with `[all]`, started as CMD says, found healthy."""
    source, home = tmp_path / "source", tmp_path / "delegation"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    build = lines("RUN")[0]
    for said, real in (
        ("python -m venv", f"{shlex.quote(sys.executable)} -m venv"),
        ("/opt/delegation", str(home)), ("/source", str(source)), ("--no-cache-dir ", ""),
    ):  # fmt: skip
        assert said in build
        build = build.replace(said, real)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DELEGATION_", "PYTHON"))}
    subprocess.run(["sh", "-euc", build], env=kept, check=True, timeout=600, capture_output=True)

    python = home / "bin" / "python"
    found = subprocess.run(
        [python, "-c", "from importlib.metadata import entry_points as e\nprint([p.value for p in e(group='pytest11')])"],
        env=kept, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert "delegation.pytest_plugin" in found.stdout

    port = free_port()
    variables = dict(pair.split("=", 1) for pair in lines("ENV")[0].split())
    assert variables.pop("PATH") == "/opt/delegation/bin:$PATH"
    assert variables.pop("DELEGATION_HOST") == "0.0.0.0"
    env = {
        **kept,
        **variables,
        "PATH": f"{home / 'bin'}:{kept['PATH']}",
        "DELEGATION_PORT": str(port),
    }
    work = tmp_path / "work"
    work.mkdir()
    words = json.loads(lines("ENTRYPOINT")[0]) + json.loads(lines("CMD")[0])
    # As it is listened on there: nobody named an issuer, and nothing is made.
    nameless = subprocess.run(
        [str(home / "bin" / words[0]), *words[1:]],
        cwd=work, env={**env, "DELEGATION_HOST": "0.0.0.0"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert nameless.returncode == 1
    assert "DELEGATION_ISSUER" in nameless.stderr
    assert list(work.iterdir()) == []
    env |= {"DELEGATION_ISSUER": "https://authority.example", "DELEGATION_HOST": "0.0.0.0"}
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [str(home / "bin" / words[0]), *words[1:]], cwd=work, env=env, stdout=log, stderr=log
        )
    try:
        for _ in range(1800):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                    assert json.load(answer)["status"] == "ready"
                break
            except OSError:
                assert process.poll() is None, (tmp_path / "log").read_text()
                time.sleep(0.1)
        health = re.search(r"^HEALTHCHECK CMD (.+)$", FILE, re.MULTILINE)[1]
        assert "127.0.0.1:8470" in health
        subprocess.run(
            json.loads(health.replace("8470", str(port))),
            env=env,
            check=True,
            timeout=60,
            capture_output=True,
        )
        doctor = subprocess.run(
            ["delegation", "doctor", "--json"],
            cwd=work,
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert json.loads(doctor.stdout)["ok"], doctor.stdout
    finally:
        process.terminate()
        process.wait(90)
    assert process.returncode in {0, -15}
    assert (
        "dk_" not in (tmp_path / "log").read_text()
    )  # --no-make-keys: no secret in a container's log
