"""Every command: JSON, garbage, exit codes, errors as sentences or JSON, and never a traceback."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from cli_tree import commands
from typer.testing import CliRunner
from world import World

from delegation.cli.main import app
from delegation.cli.program import ended

RUN = CliRunner()
ALL = list(commands())
NAMES = [" ".join(path) for path, _ in ALL]
GARBAGE = (
    "",
    " ",
    "\x1b[31mred",
    "a" * 5000,
    "\u202eevil",
    "x\x00y",
    "../../../etc/shadow",
    "{",
    "ä",
    "-1",
    "\ud800",
    "tsk_" + "A" * 22,
)
PLACES = (
    "no/such/folder/x.db",
    ".",
    "mysql://x/y",
    "postgresql://u:hunter2@127.0.0.1:1/x",
    "sqlite:///",
    "x\x00y",
    "postgresql://[",
)


@pytest.fixture
def store(tmp_path: Path, monkeypatch) -> World:
    """Return a world in the working folder, with nothing in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in ("DELEGATION_STORE", "DELEGATION_URL", "DELEGATION_RING", "DELEGATION_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    world = World(path=tmp_path / "delegation.db", at=int(time.time()))
    world.tracker._desk.ring.save(tmp_path / "delegation.ring.json")
    return world


def words_of(command, value: str) -> list[str]:
    """Return a value for each argument and each required option."""
    words = []
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            words.append(value)
        elif parameter.required:
            words += [parameter.opts[0], value]
    return words


def harmless(path: tuple[str, ...], value: str) -> list[str]:
    """Return options that keep a command from running for long."""
    return {
        ("serve",): ["--host", value, "--port", "0"],
        ("demo",): ["--folder", "delegation.db"],
    }.get(path, [])


def judge(done) -> None:
    """Hold a result to the rules of all commands."""
    assert done.exit_code in {0, 1, 2, 3}, done.exception
    assert "Traceback" not in done.output
    assert "internal" not in done.stderr
    assert "The program failed" not in done.stderr
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert "\x1b[31m" not in done.output
    assert "hunter2" not in done.output


@pytest.mark.parametrize(("path", "command"), ALL, ids=NAMES)
def test_every_command_prints_json_when_asked(path, command) -> None:
    """There is one flag for programs, everywhere, and each command and option says what it is."""
    flags = [option for parameter in command.params for option in parameter.opts]
    assert "--json" in flags
    assert command.help
    for parameter in command.params:
        assert getattr(parameter, "help", ""), parameter.name


@pytest.mark.parametrize("is_whole", [False, pytest.param(True, marks=pytest.mark.thorough)])
@pytest.mark.parametrize(("path", "command"), ALL, ids=NAMES)
def test_garbage_ends_in_a_sentence(store: World, path, command, is_whole: bool) -> None:
    """Whatever stands where a value should stand: an exit code, a sentence, no traceback."""
    turn = NAMES.index(" ".join(path)) % 4  # every value stands at many commands even so
    for value in GARBAGE if is_whole else GARBAGE[turn::4]:
        if path == ("serve",) and value == "":
            continue  # an empty host listens everywhere: it is no garbage
        words = [*path, *harmless(path, value), *words_of(command, value)]
        if not words_of(command, value) and not harmless(path, value):
            words.append(value)
        judge(RUN.invoke(app, words))
        done = RUN.invoke(app, [*words[: len(path)], "--json", *words[len(path) :]])
        judge(done)
        if done.exit_code and done.stderr:
            said = json.loads(done.stderr.splitlines()[-1])
            assert said.keys() == {"code", "message", "remedy"}
            assert said["code"]


@pytest.mark.parametrize("place", PLACES)
def test_a_place_that_is_none_is_a_sentence(store: World, place: str) -> None:
    """No command takes a folder, another database or a dead server for a store, and none makes one."""
    before = sorted(Path().iterdir())
    for path, command in ALL:
        options = [option for parameter in command.params for option in parameter.opts]
        if "--store" not in options or path in {
            ("serve",),
            ("rehearse", "whowhen"),
            ("db", "upgrade"),
        }:
            continue
        judge(RUN.invoke(app, [*path, *words_of(command, "x"), "--store", place]))
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x",
        "http://",
        "https://user:hunter2@x",
        "http://[",
        "http://x:99999",
        "http://x/?key=1",
        "x",
    ],
)
def test_a_url_that_is_none_is_refused(store: World, url: str) -> None:
    """A password in a URL would stand in the process list; what is no URL is not called."""
    for path in (["tasks"], ["catalogue", "list"], ["keys", "list"], ["doctor"]):
        done = RUN.invoke(app, [*path, "--url", url, "--json"])
        judge(done)
        assert done.exit_code == 1
        assert json.loads(done.stderr.splitlines()[-1])["code"] == "malformed"


def test_two_places_at_once_are_refused(store: World, monkeypatch) -> None:
    """A revocation at the wrong place would revoke nothing: which was meant is not guessed."""
    done = RUN.invoke(app, ["tasks", "--store", "delegation.db", "--url", "http://127.0.0.1:1"])
    assert done.exit_code == 2
    monkeypatch.setenv("DELEGATION_URL", "http://127.0.0.1:1")
    assert RUN.invoke(app, ["tasks", "--store", "delegation.db"]).exit_code == 0
    monkeypatch.setenv("DELEGATION_STORE", "delegation.db")
    assert RUN.invoke(app, ["tasks"]).exit_code == 2


def test_a_service_that_is_gone_is_a_sentence(store: World) -> None:
    """Nobody answers: failed, and said so."""
    done = RUN.invoke(app, ["tasks", "--url", "http://127.0.0.1:1", "--json"])
    assert done.exit_code == 1
    assert json.loads(done.stderr)["code"] == "service_error"
    assert done.stdout == ""  # retries are not logged where the result stands


def test_wrong_usage_is_two_and_says_how(store: World) -> None:
    """As a sentence, and as JSON."""
    done = RUN.invoke(app, ["lineag", "x"])
    assert done.exit_code == 2
    assert "lineage" in done.stderr
    said = json.loads(RUN.invoke(app, ["graph", "x", "--format", "exe", "--json"]).stderr)
    assert said["code"] == "usage"


def test_an_unforeseen_error_names_its_place_and_quotes_nothing(capsys) -> None:
    """Its sentence may hold a secret; its class and line do not."""
    with pytest.raises(ValueError, match="dk_secret") as caught:
        int("dk_secret")
    assert ended(caught.value, as_json=True) == 1
    said = json.loads(capsys.readouterr().err)
    assert said["code"] == "internal"
    assert "test_every_command.py" in said["message"]
    assert "dk_secret" not in json.dumps(said)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_get_a_script_that_completes(store: World, shell: str, monkeypatch) -> None:
    """The script is generated; asked as a shell asks, it completes commands and ids of tasks."""
    ask = {"_DELEGATION_COMPLETE": f"source_{shell}"}
    assert "DELEGATION_COMPLETE" in RUN.invoke(app, [], env=ask).stdout.upper()

    def complete(line: str) -> str:
        env = {
            "_DELEGATION_COMPLETE": f"complete_{shell}",
            "COMP_WORDS": line,
            "COMP_CWORD": str(line.count(" ")),
            "_TYPER_COMPLETE_ARGS": line,
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        }
        return RUN.invoke(app, [], env=env).stdout

    assert "lineage" in complete("delegation lin")
    assert "catalogue" in complete("delegation cat")
    assert store.task.id in complete("delegation lineage tsk_")
    monkeypatch.setenv("DELEGATION_STORE", "no/such/store.db")
    assert complete("delegation lineage tsk_").strip() in {"", "_files"}


def test_a_reader_that_leaves_is_no_fault(store: World) -> None:
    """`delegation tasks | head -n 0` prints no traceback."""
    import subprocess
    import sys

    command = f'"{sys.executable}" -m delegation.cli tasks --json | head -c 1'
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=280, check=False
    )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
