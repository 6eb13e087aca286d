"""What docs/deploy gives to operators is what the program has, and reads as what it is."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url
from typer.testing import CliRunner

from delegation.cli.main import app
from delegation_api.settings import Settings

DEPLOY = Path(__file__).parents[2] / "docs" / "deploy"


def test_every_setting_is_documented_with_its_default() -> None:
    """One row for each, none for what is not there, and the default that the program has."""
    lines = (DEPLOY / "settings.md").read_text().splitlines()
    rows = [line.split("|") for line in lines if line.startswith("| `DELEGATION_")]
    said = {c[1].strip(" `").removeprefix("DELEGATION_").lower(): c[3].strip(" `") for c in rows}
    assert said.keys() == Settings.model_fields.keys()
    for name, field in Settings.model_fields.items():
        default = str(field.default).lower().removesuffix(".0")
        if default:
            assert said[name] == default, name


def test_the_unit_starts_a_command_that_exists_without_rights() -> None:
    """Systemd's file reads, runs as its own user, and passes systemd's own check where that is there."""
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read(DEPLOY / "delegation.service")
    service = unit["Service"]
    assert service["User"] == "delegation"
    assert service["NoNewPrivileges"] == "yes"
    assert "delegation serve" in service["ExecStart"]
    program = shutil.which("systemd-analyze")
    if program is not None:
        done = subprocess.run(
            [program, "verify", DEPLOY / "delegation.service"],
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        odd = [
            line
            for line in done.stderr.splitlines()
            if "delegation.service" in line
            and "not executable" not in line
            and "/opt/delegation" not in line
        ]
        assert odd == []
        # What it may do beside serving: systemd's own measure, 0 to 100, of a unit that runs nowhere yet.
        security = [program, "security", "--offline=yes", "--threshold=45"]
        done = subprocess.run(
            [*security, DEPLOY / "delegation.service"],
            capture_output=True, text=True, timeout=280, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-500:]


def test_the_unit_names_an_issuer_before_it_serves() -> None:
    """Its environment file has to exist, and `init` stands before the start."""
    unit = (DEPLOY / "delegation.service").read_text()
    assert re.findall(r"^EnvironmentFile=(.*)$", unit, re.MULTILINE) == [
        "/etc/delegation/environment"
    ]
    (before,) = re.findall(r"^ExecStartPre=(.*)$", unit, re.MULTILINE)
    assert before.endswith("/delegation init")


def linted(*words: str) -> None:
    """Run a linter beside this interpreter, or skip by its name."""
    program = shutil.which(words[0], path=str(Path(sys.executable).parent)) or shutil.which(
        words[0]
    )
    if program is None:
        pytest.skip(f"the linter {words[0]} is not installed")
    done = subprocess.run(
        [program, *words[1:]], capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_container_file_passes_a_linter() -> None:
    """Hadolint says nothing, not even a hint."""
    linted("hadolint", "--no-color", "--failure-threshold", "info", str(DEPLOY / "Containerfile"))


def test_the_compose_file_is_one_by_its_published_schema() -> None:
    """The schema of the compose specification, as check-jsonschema brings it."""
    linted(
        "check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(DEPLOY / "compose.yaml")
    )


def test_compose_and_container_name_what_exists() -> None:
    """The container runs the program's own command with settings that exist."""
    text = (DEPLOY / "compose.yaml").read_text() + (DEPLOY / "Containerfile").read_text()
    named = set(re.findall(r"DELEGATION_([A-Z_]+)", text))
    assert {name.lower() for name in named} <= Settings.model_fields.keys()
    assert "[all]" in text
    (user,) = re.findall(r"^USER (.+)$", text, re.MULTILINE)
    assert f"--uid {user} " in text  # a number: Kubernetes' runAsNonRoot looks no name up
    yaml = pytest.importorskip("yaml")
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    assert (
        compose["services"]["service"]["depends_on"]["database"]["condition"] == "service_healthy"
    )
    assert set(compose["secrets"]) == {"database", "pgpass"}
    service, database = compose["services"]["service"], compose["services"]["database"]
    # Each name that one part gives is the one that the other part expects.
    store = make_url(service["environment"]["DELEGATION_STORE"])
    assert store.host in compose["services"]
    assert (store.username, store.database) == (
        database["environment"]["POSTGRES_USER"], database["environment"]["POSTGRES_DB"],
    )  # fmt: skip
    assert store.password is None  # it would stand in `podman inspect`
    for one in (service, database):
        for name in one["secrets"]:
            assert f"/run/secrets/{name}" in one["environment"].values()
        for volume in one["volumes"]:
            assert volume.split(":")[0] in compose["volumes"]
    for published in service["ports"]:
        assert published.startswith("127.0.0.1:")
        assert published.endswith(f":{Settings.model_fields['port'].default}")
    given = {
        k.removeprefix("DELEGATION_").lower(): v
        for k, v in service["environment"].items()
        if k.startswith("DELEGATION_")
    }
    Settings(**given)
    folder = service["environment"]["DELEGATION_RING"].rsplit("/", 1)[0]
    assert any(volume.endswith(f":{folder}") for volume in service["volumes"])  # the ring survives
    parsed = CliRunner().invoke(app, [*service["command"], "--help"])
    assert parsed.exit_code == 0
