"""Another distribution that claims the package `delegation` is noticed, in a sentence whose remedy removes it."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from delegation.cli.checkup.environment import look_at_libraries
from delegation.cli.main import app
from delegation.distribution import NAME, strangers

PACKAGE = Path(__file__).parents[2] / "delegation"
RUN = CliRunner()


def distribution(site: Path, name: str, *, files: str = "") -> None:
    """Lay a distribution's metadata, as an installer does."""
    info = site / f"{name.replace('-', '_')}-1.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.1\n")
    (info / "RECORD").write_text(files)


def copied(site: Path, front: str | None = None) -> None:
    """Lay our package there, with another's `__init__` if one is given."""
    (site / "delegation").mkdir(parents=True)
    for child in PACKAGE.iterdir():
        if child.name != "__init__.py" or front is None:
            (site / "delegation" / child.name).symlink_to(child)
    if front is not None:
        (site / "delegation" / "__init__.py").write_text(front)


def started(site: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command with a folder in front of everything."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("DELEGATION_")}
    return subprocess.run(
        [sys.executable, "-m", "delegation.cli", *words],
        cwd=site, env={**env, "PYTHONPATH": str(site)}, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip


def test_ours_alone_is_no_stranger() -> None:
    """What the tests run in is sound, or every service would refuse to start."""
    assert list(strangers()) == []


@pytest.mark.parametrize(
    ("name", "files"),
    [("delegation", ""), ("delegation", "delegation/__init__.py,,\n"), ("delegate-it", "delegation/__init__.py,,\n")],
    ids=["a namesake without a list of files", "a namesake", "another name, the same package"],
)  # fmt: skip
def test_a_stranger_is_named_by_doctor_and_keeps_the_service_from_starting(
    tmp_path: Path, monkeypatch, name: str, files: str
) -> None:
    """Nobody knows whose files are there: `serve` makes no store, and says which distribution to remove."""
    site = tmp_path / "site"
    distribution(site, name, files=files)
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()
    ((what, remedy),) = strangers()
    assert f"The distribution {name} " in what
    assert remedy.startswith(f"pip uninstall {name};")
    assert NAME in remedy
    (found,) = [f for f in look_at_libraries() if f.level == "wrong"]
    assert (found.what, found.remedy) == (what, remedy)
    store = tmp_path / "s.db"
    done = RUN.invoke(app, ["serve", "--store", str(store), "--port", "0", "--json"])
    assert done.exit_code == 1
    assert json.loads(done.stderr)["message"] == what
    assert not store.exists()


def test_a_distribution_beside_us_is_none(tmp_path: Path, monkeypatch) -> None:
    """A name that begins like ours, with a package of its own, is nobody's business."""
    distribution(tmp_path, "delegationbench", files="delegationbench/__init__.py,,\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    assert list(strangers()) == []


def test_an_overwritten_front_ends_every_command_in_a_sentence(tmp_path: Path) -> None:
    """What the registry's package does when it is installed over ours."""
    copied(tmp_path, '"""A pattern."""\nclass Delegate:\n    pass\n')
    distribution(tmp_path, "delegation", files="delegation/__init__.py,,\n")
    for command in ("doctor", "version", "serve"):
        done = started(tmp_path, command)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert "pip uninstall delegation" in done.stderr


def test_an_overwritten_front_without_metadata_is_noticed_too(tmp_path: Path) -> None:
    """A folder of that name in front of ours."""
    copied(tmp_path, "")
    done = started(tmp_path, "doctor")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert f"is not that of {NAME}" in done.stderr


def test_our_package_from_another_place_is_noticed(tmp_path: Path) -> None:
    """Its libraries may be of other versions than those that were installed for ours."""
    copied(tmp_path)
    said = json.loads(started(tmp_path, "doctor", "--json").stdout)["findings"]
    (one,) = [f for f in said if f["check"] == "libraries" and f["level"] == "wrong"]
    assert "another place" in one["what"]
    assert "PYTHONPATH" in one["remedy"]
