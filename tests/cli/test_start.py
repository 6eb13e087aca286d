"""A start imports what its command uses, and the list says what the commands say of themselves."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import delegation
from delegation.cli.commands import WRITTEN, Commands

HEAVY = ("sqlalchemy", "sqlmodel", "alembic", "httpx2", "fastapi", "biscuit_auth")
PROBE = f"""
import json, sys
from delegation.cli.__main__ import main
sys.argv = ["delegation", *json.loads(sys.argv[1])]
try:
    main()
finally:
    found = [name for name in json.loads({json.dumps(HEAVY)!r}) if name in sys.modules]
    sys.stderr.write(json.dumps(found))
"""


@pytest.mark.parametrize("name", WRITTEN)
def test_the_list_says_of_a_command_what_it_says_of_itself(name: str) -> None:
    """The line beside a name is the first of the command's own help."""
    command = Commands()[name]
    assert command.name == name
    assert command.help.split("\n\n")[0] == WRITTEN[name].line


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["version"], ["quickstart"]])
def test_what_needs_no_store_and_no_service_imports_neither(words: list[str]) -> None:
    """Half of a start was spent on libraries that these do not use."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(words)],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert done.stdout
    assert json.loads(done.stderr) == []


def test_a_client_imports_neither_models_nor_a_store() -> None:
    """Whoever calls the service needs no Pydantic, no FastAPI and no SQLModel."""
    heavy = ("pydantic", "fastapi", "sqlalchemy", "sqlmodel", "alembic")
    code = f"import sys, delegation.client; print([n for n in {heavy!r} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_face_has_every_name_that_it_promises() -> None:
    """Each is imported from its room when it is asked for; no other is there."""
    found = {name: getattr(delegation, name) for name in delegation.__all__}
    assert set(found) <= set(dir(delegation))
    need_extras = {"Tracker", "Client", "AsyncClient"}  # named, but no part of `import *`
    assert set(delegation._HOME) - need_extras == set(found)
    assert all(isinstance(getattr(delegation, name), type) for name in need_extras)
    assert not hasattr(delegation, "Trackers")


def test_the_former_path_of_the_tracker_is_kept_and_said() -> None:
    """Programs that import `delegation.embedded` work on, and are told where it went."""
    code = "from delegation.embedded import Tracker, store_url; print(Tracker.__module__)"
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", code],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert done.stdout.strip() == "delegation.tracker.tracker"
    assert "from delegation import Tracker" in done.stderr
