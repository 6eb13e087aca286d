"""A store's password in every spelling: it is in no sentence, no start line and no file's name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from delegation.errors import ConfigurationError
from delegation.records.engine.database import Database
from delegation.tracker.location import shown, store_url
from delegation_api.setting_errors import seen

SECRET = "hunter2pw"
REFUSED = [
    f"host=db user=u password={SECRET}",
    f"dbname = records password={SECRET}",
    f"postgresql//u:{SECRET}@db/records",
    f"/u:{SECRET}@db/records",
    f"u:{SECRET}@db",
    f"mysql://u:{SECRET}@db/records",
    f"mysql://u:a/{SECRET}@db/records",
    f"mysql://u:a?{SECRET}@db/records",
    f"mysql://db/records?password={SECRET}",
    f"mysql://db/records#password={SECRET}",
]
OF_A_SERVER = [
    f"postgresql://u:{SECRET}@db/records",
    f"postgresql://u:a/{SECRET}@db/records",
    f"postgresql://u:a?{SECRET}@db/records",
    f"postgresql://u:a@{SECRET}@db/records",
    f"postgresql://db/records?user=u&password={SECRET}",
    f"postgres:u:{SECRET}@db/records",
    f"postgresql+psycopg://u:{SECRET}@db/records?sslpassword={SECRET}",
]


@pytest.mark.parametrize("place", REFUSED)
def test_what_was_meant_for_a_server_becomes_no_file(place: str) -> None:
    """A libpq string or half a URL would be a file of that name, and the name is printed."""
    with pytest.raises(ConfigurationError) as error:
        store_url(place)
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("place", [*REFUSED, *OF_A_SERVER])
def test_a_refused_setting_shows_no_password(place: str) -> None:
    """Whatever signs a password holds, and in whichever part of the URL it stands."""
    assert SECRET not in seen(place)


@pytest.mark.parametrize("place", OF_A_SERVER)
def test_a_start_line_shows_no_password(place: str) -> None:
    """Not the one among the options either; user, server and database are told."""
    assert SECRET not in shown(place)
    assert shown(place).endswith("db/records")


@pytest.mark.parametrize(
    "place", ["a.db", "/srv/a b.db", "a@b.db", "C:/a.db", "sqlite:///a.db?x=1"]
)
def test_a_files_place_is_shown_as_it_is(place: str) -> None:
    """What is no server's is a file, and has no password."""
    assert shown(place) == place


@pytest.mark.parametrize("url", [f"postgresql://u:{SECRET}", f"postgresql://u:{SECRET}@h:port/d"])
def test_a_url_that_is_none_is_refused_in_a_sentence(url: str, tmp_path: Path) -> None:
    """A password where the port is expected is no defect of the program, and is not repeated."""
    with pytest.raises(ConfigurationError, match="malformed") as error:
        Database(url)
    assert error.value.__cause__ is None
    assert SECRET not in str(error.value)
    given = {**os.environ, "DELEGATION_STORE": url, "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "delegation.cli", "init", "--issuer", "https://a.example"]
    done = subprocess.run(  # our own command
        command, cwd=tmp_path, env=given, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "malformed" in done.stderr
    assert SECRET not in done.stdout + done.stderr
