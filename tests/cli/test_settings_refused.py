"""What is no setting, or out of its bound, is refused by name, value and bound; never with a secret."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal, get_args, get_origin

import httpx2
import pytest
from serving import ROOT, serving
from typer.testing import CliRunner

from delegation.cli.main import app
from delegation_api.setting_names import OTHERS, injected, unknown
from delegation_api.settings import Settings

RUN = CliRunner()
FIELDS = Settings.model_fields
# As Kubernetes documents them, and writes them for a service `delegation` and one called `delegation-db`.
CLUSTER = {
    "KUBERNETES_SERVICE_HOST": "10.96.0.1",
    "DELEGATION_SERVICE_HOST": "10.96.12.7",
    "DELEGATION_SERVICE_PORT": "8470",
    "DELEGATION_SERVICE_PORT_HTTP": "8470",
    "DELEGATION_PORT": "tcp://10.96.12.7:8470",
    "DELEGATION_PORT_8470_TCP": "tcp://10.96.12.7:8470",
    "DELEGATION_PORT_8470_TCP_PROTO": "tcp",
    "DELEGATION_PORT_8470_TCP_PORT": "8470",
    "DELEGATION_PORT_8470_TCP_ADDR": "10.96.12.7",
    "DELEGATION_DB_SERVICE_HOST": "10.96.3.3",
    "DELEGATION_DB_SERVICE_PORT": "5432",
    "DELEGATION_DB_PORT": "tcp://10.96.3.3:5432",
    "DELEGATION_DB_PORT_5432_TCP": "tcp://10.96.3.3:5432",
    "DELEGATION_DB_PORT_5432_TCP_ADDR": "10.96.3.3",
}


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch) -> None:
    """Work in an empty folder, with no setting."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("DELEGATION_")]:
        monkeypatch.delenv(name)


def refused(**env: str) -> str:
    """Return what `serve` says of settings; nothing was made, and it is one sentence each."""
    port = [] if "DELEGATION_PORT" in env else ["--port", "0"]
    done = RUN.invoke(app, ["serve", *port], env=env)
    assert done.exit_code == 1, done.output
    assert list(Path().iterdir()) == []
    assert done.stdout == ""
    return done.stderr.replace("\n", " ")


def outside(name: str) -> list[str]:
    """Return values that a setting may not have."""
    field = FIELDS[name]
    kind, found = field.annotation, ["many", ""]
    if get_origin(kind) is Literal or kind is bool:
        return [*found, "loud"]
    for one in field.metadata:
        found += [str(one.ge - 1)] if hasattr(one, "ge") else []
        found += [str(one.gt)] if hasattr(one, "gt") else []
        found += [str(one.le + 1)] if hasattr(one, "le") else []
    return found


def bounds(name: str) -> list[str]:
    """Return the words that a bound is said with."""
    field = FIELDS[name]
    if get_origin(field.annotation) is Literal:
        return list(get_args(field.annotation))
    if field.annotation is bool:
        return ["true or false"]
    return [
        f"{getattr(one, sign):,}"
        for one in field.metadata
        for sign in ("ge", "gt", "le")
        if hasattr(one, sign)
    ]


BOUNDED = [name for name, field in FIELDS.items() if field.annotation is not str]


@pytest.mark.parametrize("name", BOUNDED)
def test_a_value_out_of_its_bound_is_refused_by_name_value_and_bound(name: str) -> None:
    """Too small, too large, another word, nothing at all."""
    for value in outside(name):
        said = refused(**{f"DELEGATION_{name.upper()}": value})
        assert f"DELEGATION_{name.upper()} is {value or 'empty'}:" in said
        assert all(word in said for word in bounds(name)), said


TEXTS = {
    "issuer": ["authority.example", "https://", "ftp://authority.example", "https:///path"],
    "otlp_endpoint": ["collector:4318", "grpc://collector:4317", "http://"],
    "store": [
        "mysql://root:hunter2@db/delegation",
        "postgresql+asyncpg://u:hunter2@db/delegation",
        "delegation:hunter2@db.internal/delegation",
        "db.internal:5432/delegation",
    ],
    "approval_webhooks": [
        "hooks.example/T0/hunter2",
        "https://a.example http://b.example/hunter2",
        "https://a.example,https://b.example/hunter2",
        "https://a.example/x,https://b.example/hunter2",
    ],
    "trusted_proxies": ["10.0.0.300", "*", "proxy.internal"],
    "limits": ["calls_per_minute", "nonsense=1"],
    "retain_days": ["30"],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, vs in TEXTS.items() for v in vs])
def test_a_text_that_is_none_is_refused_by_name(name: str, value: str) -> None:
    """A URL without its scheme above all; the password of one is not said."""
    said = refused(**{f"DELEGATION_{name.upper()}": value})
    assert f"DELEGATION_{name.upper()} is " in said
    assert "hunter2" not in said
    if "hunter2" not in value and name != "approval_webhooks":
        assert value in said


@pytest.mark.parametrize(
    "value", ["dk_" + "A" * 43, "eyJhbGciOiJFZERTQSJ9.eyJhIjoxfQ.c2lnbmF0dXJl" + "A" * 40]
)
def test_a_secret_in_the_wrong_place_is_not_said(value: str) -> None:
    """A key that was set as a number."""
    assert value not in refused(DELEGATION_MAX_BODY=value)


def test_every_wrong_one_is_said_at_once() -> None:
    """Nobody starts the service four times to hear of four."""
    said = refused(DELEGATION_WORKERS="0", DELEGATION_MAX_BODY="1", DELEGATION_ISUER="x")
    assert all(name in said for name in ("DELEGATION_WORKERS", "DELEGATION_MAX_BODY", "_ISUER"))


@pytest.mark.parametrize("command", ["serve", "init"])
def test_a_name_that_is_none_is_refused_with_the_nearest(command: str) -> None:
    """What it says would be ignored, and the default would hold; at `init` it would hold for good."""
    for name, near in (
        ("DELEGATION_ISUER", "DELEGATION_ISSUER"),
        ("DELEGATION_RETAIN_DAY", "DELEGATION_RETAIN_DAYS"),
        ("delegation_max_waits", "DELEGATION_MAX_WAIT"),
        ("DELEGATION_QUUX", ""),
    ):
        done = RUN.invoke(app, [command], env={name: "https://authority.example"})
        said = done.stderr.replace("\n", " ")
        assert done.exit_code == 1
        assert f"{name} is no setting" + (f"; {near} is." if near else ".") in said
    assert list(Path().iterdir()) == []


def test_what_an_orchestrator_sets_is_passed_over_with_one_line(tmp_path: Path) -> None:
    """In a namespace with a service of our name the service starts, on its own port, and says so once."""
    with serving(tmp_path / "s.db", tmp_path, **CLUSTER) as started:
        assert httpx2.get(f"{started['url']}/readyz").status_code == 200
    lines = (tmp_path / "serve.log").read_text().replace("\n", " ")
    assert lines.count("Passed over") == 1
    assert all(name in lines for name in CLUSTER if name.startswith("DELEGATION_"))
    done = RUN.invoke(app, ["doctor", "--store", "s.db"], env=CLUSTER)
    assert done.exit_code == 0, done.output
    assert "Passed over" in done.stdout
    # On its own it is the default's port that is listened on, not the cluster's address.
    assert Settings(port=CLUSTER["DELEGATION_PORT"]).port == FIELDS["port"].default


@pytest.mark.parametrize(
    ("name", "value"),
    [("DELEGATION_PORT", "8470"), ("DELEGATION_MAX_PORT", "1"), ("DELEGATION_PORT_TCP", "x")],
)
def test_nothing_else_is_taken_for_an_orchestrators(name: str, value: str) -> None:
    """A setting's own name, and names that no orchestrator makes."""
    assert injected({name: value}) == []


def test_every_setting_is_known_in_either_case() -> None:
    """None of ours is called unknown."""
    names = [f"DELEGATION_{name.upper()}" for name in FIELDS] + ["delegation_port", "PATH"]
    assert unknown(dict.fromkeys(names, ""), FIELDS) == {}


def test_every_name_that_is_read_somewhere_is_known() -> None:
    """Of the clients, commands, samples and tests; and none is known that nobody reads."""
    read: set[str] = set()
    for folder, ending in (("delegation", "py"), ("api", "py"), ("tests", "py"), ("docs", "md")):
        for file in (ROOT / folder).rglob(f"*.{ending}"):
            if file.name not in {"test_settings_refused.py", "test_doctor.py", "setting_names.py"}:
                read |= set(re.findall(r"(?<![_A-Z])DELEGATION_[A-Z_]*[A-Z]\b", file.read_text()))
    named = {name for name in read if not injected({name: "tcp://10.0.0.1:1"})}
    mistakes = {"DELEGATION_ISUER", "DELEGATION_SERVICE", "DELEGATION_RETAIN_DAY"}
    mistakes |= {"DELEGATION_COMPLETE"}  # `_DELEGATION_COMPLETE`, typer's own
    assert set(unknown(dict.fromkeys(named, ""), FIELDS)) <= mistakes
    assert {f"DELEGATION_{name}" for name in OTHERS} <= read
