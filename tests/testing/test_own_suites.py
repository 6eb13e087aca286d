"""A user's own project under pytest: the fixtures are found, its tests pass and fail as they should."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from delegation import Grant, anything, between, may
from delegation.testing import Clock, World, assert_allowed, assert_denied

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/testing.md").read_text()
PLUGIN = "delegation.pytest_plugin"


def run(folder: Path, *words: str, **env: str) -> subprocess.CompletedProcess:
    """Run pytest in a folder as a user does whose environment has this package."""
    # A checkout that was not installed since the entry point was added has the plugin by name.
    named = [e.value for e in entry_points(group="pytest11")]
    loads = [] if PLUGIN in named else ["-p", PLUGIN]
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:randomly",
            *loads,
            *words,
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'api'}", **env},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


def test_the_package_declares_its_plugin() -> None:
    """Under pytest's own group, by the module that is here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"delegation": PLUGIN}


def test_the_tests_of_the_page_pass(tmp_path: Path) -> None:
    """docs/how-to/testing.md shows tests that run as they stand there."""
    blocks = re.findall(r"^```python pytest\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 2
    for number, block in enumerate(blocks):
        (tmp_path / f"test_page{number}.py").write_text(block)
    done = run(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout


def test_a_projects_own_fixtures_stand_beside_these(tmp_path: Path) -> None:
    """The names that everybody uses are not taken; a failure shows the trail and points at the test."""
    (tmp_path / "conftest.py").write_text(
        "import pytest\n"
        "@pytest.fixture\ndef tracker():\n    return 'mine'\n"
        "@pytest.fixture\ndef clock():\n    return 'mine'\n"
        "@pytest.fixture\ndef key():\n    return 'mine'\n"
    )
    (tmp_path / "test_mine.py").write_text(
        "from delegation import anything, may\n"
        "from delegation.testing import assert_denied\n"
        "def test_mine(tracker, clock, key):\n    assert {tracker, clock, key} == {'mine'}\n"
        "def test_wrong(delegation_world):\n"
        "    delegation_world.tool('a.read', arguments={'x': 'text'})\n"
        "    token = delegation_world.chain('boss', can=may('a.read', x=anything()))\n"
        "    assert_denied(delegation_world.check(token, 'boss', 'a.read', {'x': 'y'}), 8, 'argument_refused')\n"
    )
    alone = {
        "PYTEST_PLUGINS": PLUGIN,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }  # others take a second
    done = run(tmp_path, **alone)
    assert "1 failed, 1 passed" in done.stdout
    assert "expected: denied at step 8, capability: argument_refused" in done.stdout
    assert "14 record     passed" in done.stdout
    assert "asserting.py" not in done.stdout
    listed = run(tmp_path, "--fixtures", **alone).stdout
    assert set(re.findall(r"^(\w+).* -- \S*delegation/pytest_plugin\.py", listed, re.MULTILINE)) == {
        "delegation_clock", "delegation_world", "delegation_tracker", "delegation_key",
    }  # fmt: skip


def test_a_project_that_uses_none_of_it_loads_nothing_heavy(tmp_path: Path) -> None:
    """Database, web framework and HTTP client are not imported at pytest's start."""
    (tmp_path / "test_mine.py").write_text(
        "import sys\n"
        "def test_mine():\n"
        "    heavy = {'sqlalchemy', 'sqlmodel', 'pydantic', 'fastapi', 'starlette', 'httpx2', 'typer'}\n"
        "    loaded = {m for m in sys.modules if m.startswith('delegation')}\n"
        "    assert 'delegation.pytest_plugin' in loaded\n"
        "    assert 'delegation.testing' not in loaded\n"
        "    assert not heavy & set(sys.modules)\n"
    )
    # Other plugins of this environment load what they like.
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", PLUGIN],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": f"{ROOT}:{ROOT / 'api'}",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


READ = may("a.read", x=anything())
PAY = may("a.pay", amount=between(1, 9))


@pytest.fixture
def small() -> World:
    """Return a world of testing's own with two tools."""
    world = World()
    world.tool("a.read", arguments={"x": "text"})
    world.tool(
        "a.pay", effect="write", arguments={"amount": "integer"}, cost={"usd_cents": "amount"}
    )
    return world


@pytest.mark.parametrize("format", ["biscuit", "macaroon"])
def test_a_chain_is_what_its_line_says(small: World, format: str) -> None:
    """Holders in order, the last link narrowed, both formats; the clock decides about time."""
    token = small.chain(
        "a", "b", "c", can=[READ, PAY], last=Grant([READ]), format=format, budget={"usd_cents": 5}
    )
    assert [link.holder_name for link in token.chain.links] == ["a", "b", "c"]
    assert_allowed(small.check(token, "c", "a.read", {"x": "1"}))
    assert_denied(small.check(token, "c", "a.pay", {"amount": 1}), 8)
    assert_denied(small.check(token, "b", "a.read", {"x": "1"}), "proof")
    small.clock.advance(3599)
    assert_allowed(small.check(token, "c", "a.read", {"x": "1"}))
    small.clock.advance(1)
    assert_denied(small.check(token, "c", "a.read", {"x": "1"}), "window")
    small.clock.set(0)
    assert small.clock() == 0


def test_a_call_may_cost_what_the_catalogue_says(small: World) -> None:
    """And no more than a test says, if it says so."""
    token = small.chain("a", can=PAY, budget={"usd_cents": 5})
    assert_allowed(small.check(token, "a", "a.pay", {"amount": 5}))
    assert_denied(small.check(token, "a", "a.pay", {"amount": 1}), "budget")
    assert_denied(small.check(token, "a", "a.pay", {"amount": 1}, max_cost={}), "capability")


def test_assertions_accept_nothing_else(small: World) -> None:
    """Another step, another code, an allowance, a step that does not exist."""
    token = small.chain("a", can=READ)
    good = small.check(token, "a", "a.read", {"x": "1"})
    bad = small.check(token, "a", "a.pay", {"amount": 1})
    assert assert_allowed(good) is good
    assert assert_denied(bad, "capability") is bad
    assert bad.denial is not None
    assert assert_denied(bad, 8, bad.denial.code) is bad
    for wrong in (
        lambda: assert_allowed(bad), lambda: assert_denied(good, 8), lambda: assert_denied(bad, 12),
        lambda: assert_denied(bad, 8, "argument_refused"),
    ):  # fmt: skip
        with pytest.raises(AssertionError, match="capability"):
            wrong()
    for step in (0, 15, "capabilty"):
        with pytest.raises(ValueError, match="no step"):
            assert_denied(bad, step)


def test_a_world_in_a_file_survives_a_restart(tmp_path: Path) -> None:
    """For tests of what happens after one."""
    clock = Clock()
    with World(path=tmp_path / "w.db", clock=clock) as world:
        world.tool("a.read", arguments={"x": "text"})
        token = world.chain("a", can=READ)
        key = world.key("a")
    with World(path=tmp_path / "w.db", clock=clock) as again:
        access = again.access("a.read", {"x": "1"})
        assert_allowed(again.tracker.check(token, key.prove(token, access), access))
