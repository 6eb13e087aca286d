"""The wheel: what it ships, and that verifying needs neither FastAPI nor SQLModel."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from delegation.distribution import installing

ROOT = Path(__file__).parents[1]
PROBE = """
import importlib.util
for name in ("fastapi", "sqlmodel", "sqlalchemy", "pydantic", "httpx2", "api", "tests"):
    assert importlib.util.find_spec(name) is None, name
import delegation, delegation.tokens.verifier
import delegation.integrations  # the guard: FastAPI is the application's own
from delegation.distribution import NAME, strangers
from delegation.errors import MissingExtraError
from importlib.metadata import version
assert NAME == "delegation-chain" and version(NAME) == delegation.__version__
assert list(strangers()) == []
try:
    import delegation.tracker
except MissingExtraError as error:
    assert error.extra == "store"
else:
    raise AssertionError("no store, and no sentence")
assert importlib.util.find_spec("delegation_api") is not None
"""


def judge(names: list[str]) -> None:
    """Hold a wheel's files to what has to be in it, and nothing beside our two packages."""
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"delegation", "delegation_api"}
    for needed in ("delegation/py.typed", "delegation_api/py.typed", "delegation/records/schema/migrations/env.py",
                   "delegation/records/schema/migrations/script.py.mako", "delegation/records/schema/migrations/versions/0001_first_tables.py"):  # fmt: skip
        assert needed in names


def test_what_a_wheel_ships() -> None:
    """As its builder lists it, without building it."""
    files = WheelBuilder(str(ROOT)).recurse_included_files()
    judge([file.distribution_path for file in files])


@pytest.mark.thorough
def test_the_wheel_verifies_in_an_empty_environment_without_extras(tmp_path: Path) -> None:
    """Built, installed into a new environment, run from another folder: the offline sample works."""
    build = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(tmp_path),
        str(ROOT),
    ]
    subprocess.run(build, check=True, capture_output=True, timeout=300)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    judge(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    home = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True, timeout=280)
    python = str(home / "bin" / "python")
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel)],
        check=True,
        timeout=300,
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    subprocess.run([python, "-c", PROBE], check=True, cwd=elsewhere, timeout=280)
    # Without its extra the program says which one it needs, however it is started.
    program = str(home / "bin" / "delegation")
    for command in (["--version"], ["tasks", "--json"], ["delegate", "x"], ["--help"]):
        for start in ([program], [python, "-m", "delegation.cli"]):
            said = subprocess.run(
                [*start, *command],
                cwd=elsewhere,
                capture_output=True,
                text=True,
                timeout=280,
                check=False,
            )
            assert said.returncode == 1
            assert "Traceback" not in said.stderr
            assert "needs the extra 'cli'" in said.stderr
            if "--json" in command:
                assert json.loads(said.stderr)["code"] == "missing_extra"
    sample = (ROOT / "samples" / "offline_delegation.py").read_text()
    (elsewhere / "sample.py").write_text(sample)
    done = subprocess.run(
        [python, "sample.py"],
        cwd=elsewhere,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "admitted" in done.stdout
    # The remedy for a missing extra, as it says it.
    (remedy,) = re.findall(r"'(\./[^']+)'", installing("render"))
    assert remedy == f"./{wheel.name}[render]"
    words = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", remedy]
    subprocess.run(words, check=True, cwd=tmp_path, timeout=300)
    subprocess.run([python, "-c", "import graphviz"], check=True, cwd=elsewhere, timeout=280)
