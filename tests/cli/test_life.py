"""A token's whole life by the command line: the script that is printed, beginners' errors, villains' input."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
import warm
from serving import ROOT, serving
from typer.testing import CliRunner

from delegation import Access, HolderKey, PublicKey, Token, canonical
from delegation.cli.main import app
from delegation.identity.keyring import KeyRing, PublicRing
from delegation.identity.proof import make_proof
from delegation.tracker import Tracker

RUN = CliRunner()
DESK = "https://desk.example"
MAY = 'mail.send(to=email("acme.example"))'
TOOLS = '[[tools]]\nname = "mail.send"\neffect = "write"\narguments = {to = "email"}\n'
PROOF = ["--tool", "mail.send", "--audience", DESK, "--arg", "to=kim@acme.example"]


def alone(folder: Path, **more: str) -> dict[str, str]:
    """Return an environment with an empty home and `delegation` on its path, and nothing else."""
    programs = warm.programs(folder / "bin")
    (folder / "home").mkdir()
    return {
        "PATH": f"{programs}:/usr/bin:/bin",
        "HOME": str(folder / "home"),
        "PYTHONPATH": f"{ROOT}:{ROOT / 'api'}",
        **more,
    }


def ran(script: str, folder: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a script with the system's plain shell in a new folder."""
    work = folder / "work"
    work.mkdir()
    return subprocess.run(
        ["/bin/sh"],
        input=script,
        cwd=work,
        env=dict(env),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def judge_quickstart(done: subprocess.CompletedProcess[str]) -> None:
    """One call is allowed, the other denied, and no secret was said."""
    assert done.returncode == 0, done.stdout + done.stderr
    assert "allowed quickstart.mail.send" in done.stdout
    assert "argument_refused" in done.stdout
    assert "1 allowed, 1 denied" in done.stdout
    assert "dct." not in done.stdout + done.stderr
    assert "seed" not in done.stdout


def test_the_printed_script_runs_as_printed_on_a_store(tmp_path: Path) -> None:
    """With a plain shell, in an empty folder, with an empty home; all it wrote is its user's alone."""
    script = RUN.invoke(app, ["quickstart"]).stdout
    judge_quickstart(ran(script, tmp_path, alone(tmp_path)))
    written = [path for path in (tmp_path / "work").rglob("*") if path.is_file()]
    assert {path.name for path in written} >= {"lead.key", "mailer.token", "quickstart.db"}
    for path in written:
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


def test_the_printed_script_runs_as_printed_at_a_service(tmp_path: Path) -> None:
    """The same at a served store; without a key it says which before it does anything."""
    with serving(tmp_path / "s.db", tmp_path) as told:
        script = RUN.invoke(app, ["quickstart", "--url", told["url"]]).stdout
        env = alone(tmp_path, DELEGATION_API_KEY=told["api_keys"]["operator"])
        judge_quickstart(ran(script, tmp_path, env))
        shutil.rmtree(tmp_path / "work")
        del env["DELEGATION_API_KEY"]
        refused = ran(script, tmp_path, env)
        assert refused.returncode
        assert "DELEGATION_API_KEY" in refused.stderr


@pytest.mark.parametrize("url", ["http://x;touch hacked", "http://x$(touch hacked)", "http://'x"])
def test_a_url_in_the_script_is_text(tmp_path: Path, url: str) -> None:
    """A service's name that is shell code is not run."""
    done = RUN.invoke(app, ["quickstart", "--url", url])
    # No command is on the path: the lines before the first one are what a URL stands in.
    if done.exit_code == 0:
        env = {"PATH": "/usr/bin:/bin", "DELEGATION_API_KEY": "dk_x"}
        assert ran(done.stdout, tmp_path, env).returncode == 127
    assert not list(tmp_path.rglob("hacked"))


@pytest.fixture
def place(tmp_path: Path, monkeypatch) -> dict[str, str]:
    """Return a store in the working folder with a lead's token, and its task and helper."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("DELEGATION_")]:
        monkeypatch.delenv(name)
    said = {"lead": words("keys", "new", "lead"), "helper": words("keys", "new", "helper")}
    words("init", "--issuer", "http://localhost")
    Path("tools.toml").write_text(TOOLS)
    words("catalogue", "import", "tools.toml")
    opening = ["task", "open", "T", "--owner", "ana@acme.example", "--audience", DESK]
    said["task"] = words(*opening, "--may", "mail.send(to=anything())").splitlines()[0]
    Path("lead.token").write_text(words("issue", said["task"], "--to", said["lead"]))
    Path("issuer.json").write_text(words("keys", "issuer"))
    return said


def words(*given: str, **more: object) -> str:
    """Return what a command printed that went well."""
    done = RUN.invoke(app, list(given), **more)
    assert done.exit_code == 0, done.output
    return done.stdout.strip()


def refused(*given: str, code: str, status: int = 1, **more: object) -> dict[str, str]:
    """Return the error of a command, which is a sentence with a remedy, as JSON and in words."""
    done = RUN.invoke(app, [*given, "--json"], **more)
    assert done.exit_code == status, done.output
    said = json.loads(done.stderr.splitlines()[-1])
    assert said["code"] == code
    assert said["message"], said
    assert said["remedy"], said
    assert done.stdout == ""
    return said


def test_offline_commands_ask_for_no_store(place, tmp_path: Path, monkeypatch) -> None:
    """Where no store is, and a service that is named is dead, the issuer's public keys are enough."""
    away = tmp_path / "away"
    away.mkdir()
    for name in ("lead.key", "helper.key", "lead.token", "issuer.json"):
        (tmp_path / name).rename(away / name)
    monkeypatch.chdir(away)
    monkeypatch.setenv("DELEGATION_URL", "http://127.0.0.1:1")
    narrower = ["--to", place["helper"], "--may", MAY, "--key", "lead.key"]
    token = words("delegate", "lead.token", *narrower, "--ring", "issuer.json")
    monkeypatch.setenv("DELEGATION_PUBLIC_RING", "issuer.json")
    again = words("delegate", "-", *narrower, input=Path("lead.token").read_text())
    assert token.startswith("dct.b1.")
    assert again.startswith("dct.b1.")
    proof = words("prove", "-", "--key", "helper.key", *PROOF, input=token)
    headers = words("prove", "-", "--key", "helper.key", *PROOF, "--headers", input=token)
    assert proof.count(".") == 2
    assert headers.splitlines()[0] == f"Authorization: Delegation {token}"
    request = json.loads(words("prove", "-", "--key", "helper.key", *PROOF, "--json", input=token))
    with Tracker.open(f"sqlite:///{tmp_path / 'delegation.db'}") as tracker:
        assert tracker.check(request["token"], request["proof"], request["access"])


def test_a_beginners_first_errors_lead_on(place, monkeypatch) -> None:
    """No store, no key, a wrong file, the token of another ring: a sentence, and a remedy that works."""
    assert json.loads(words("init", "--json"))["was_there"] is True
    assert (
        "keys new"
        in refused("prove", "lead.token", "--key", "no.key", *PROOF, code="key_file")["remedy"]
    )
    Path("odd.key").write_text("{}")
    Path("odd.key").chmod(0o600)
    proving = ["prove", "lead.token", *PROOF, "--key"]
    refused(*proving, "odd.key", code="key_file")
    Path("lead.key").chmod(0o644)
    assert refused(*proving, "lead.key", code="key_file")["remedy"] == "chmod 600 lead.key"
    Path("lead.key").chmod(0o600)
    bare = words(*proving, "lead.key")
    assert "--json" in refused("check", "-", input=bare, code="malformed")["remedy"]
    assert words("check", "-", input=words(*proving, "lead.key", "--json"))
    assert "helper" in str(HolderKey.load("helper.key"))
    refused(*proving, "helper.key", code="not_holder")
    public = KeyRing.generate("http://other.example").public_ring()
    Path("other.json").write_text(json.dumps(public.to_json()))
    refused(*proving, "lead.key", "--ring", "other.json", code="unverified")
    monkeypatch.setenv("DELEGATION_STORE", "none.db")
    assert "--ring" in refused(*proving, "lead.key", code="configuration")["remedy"]
    assert "delegation init" in refused("tasks", code="configuration")["remedy"]
    assert "--issuer" in refused("init", code="configuration")["remedy"]
    words("init", "--issuer", "http://localhost")
    assert json.loads(words("tasks", "--json")) == []
    refused("keys", "new", "lead", code="key_file")
    refused("issue", place["task"], "--to", "lead.key", code="malformed")
    refused("issue", "tsk_" + "A" * 22, "--to", place["lead"], code="not_found")


def test_the_token_is_printed_for_the_header_that_a_service_wants(place) -> None:
    """Where an application reads `Authorization` itself, its guard names another header."""
    proving = ["prove", "lead.token", "--key", "lead.key", *PROOF, "--headers"]
    for said, name in (
        ((), "Authorization"),
        (("--token-header", "Delegation-Token"), "Delegation-Token"),
    ):
        first, second = words(*proving, *said).splitlines()
        assert first == f"{name}: Delegation {Path('lead.token').read_text().strip()}"
        assert second.startswith("Delegation-Proof: ")


def test_what_a_command_did_not_print_is_no_token(place) -> None:
    """In a script an earlier command has failed: its own error is where to look."""
    Path("empty.token").touch()
    said = refused("prove", "empty.token", "--key", "lead.key", *PROOF, code="malformed")
    assert said["message"] == "The token is empty."


def test_a_wider_grant_is_refused_and_nothing_printed(place) -> None:
    """The lead's own token ends where it ends."""
    Path("helper.token").write_text(
        words("delegate", "lead.token", "--key", "lead.key", "--to", place["helper"], "--may", MAY)
    )
    handing = ["delegate", "helper.token", "--key", "helper.key", "--to", place["lead"]]
    refused(*handing, "--may", "mail.send(to=anything())", code="wider_than_parent")
    refused(*handing, "--audience", "https://other.example", code="wider_than_parent")
    refused(*handing, "--delegations", "9", code="wider_than_parent")
    refused(*handing, "--lasts", "999999", code="wider_than_parent")
    refused(
        "delegate", "lead.token", "--key", "helper.key", "--to", place["lead"], code="not_holder"
    )


@pytest.mark.parametrize(
    ("given", "code", "status"),
    [
        (["--may", '__import__("os").system("touch hacked")'], "malformed", 1),
        (["--may", 'mail.send(to=open("hacked", "w"))'], "malformed", 1),
        (["--may", "mail.send(" + "(" * 900], "malformed", 1),
        (["--budget", "calls=-1"], "malformed", 1),
        (["--budget", "calls=1", "--budget", "calls=9"], "malformed", 1),
        (["--grant", "tools.toml"], "malformed", 1),
        (["--grant", "both.json", "--audience", DESK], "usage", 2),
        (["--grant", "binary"], "malformed", 1),
        (["--grant", "none.json"], "malformed", 1),
        (["--lasts", "x"], "usage", 2),
        (["--to", "x=ed25519:" + "A" * 43], "malformed", 1),
    ],
)
def test_odd_grants_are_refused_and_run_nothing(place, given, code: str, status: int) -> None:
    """Whatever stands in an option is read, never run; what is said twice is not guessed."""
    Path("both.json").write_text(json.dumps({"audience": [DESK]}))
    Path("binary").write_bytes(bytes(range(256)))
    refused("issue", place["task"], "--to", place["lead"], *given, code=code, status=status)
    assert not Path("hacked").exists()


def test_tokens_come_by_files_and_pipes_only(place) -> None:
    """One among the arguments is refused, and not repeated in the error; so is what is no token."""
    token = Path("lead.token").read_text().strip()
    proving = ["--key", "lead.key", *PROOF]
    for spelled in (token, f" {token}", f"Delegation {token}", f"\n{token}"):
        said = refused("prove", spelled, *proving, code="usage", status=2)
        assert token not in json.dumps(said)
    for data in (
        b"",
        bytes(range(256)),
        token.encode()[:40] + b"\n" + token.encode()[40:],
        token.encode() + b"\n" + token.encode(),
        b"dct.b1." + b"A" * 9_000_000,
        b"\xff\xfe",
    ):
        done = RUN.invoke(app, ["prove", "-", *proving, "--json"], input=data)
        assert done.exit_code == 1
        assert json.loads(done.stderr.splitlines()[-1])["code"] in {"malformed", "unverified"}
    refused("prove", "-", *proving, "--arguments", "-", code="usage", status=2, input=token)
    refused("prove", "lead.token", *proving, "--headers", code="usage", status=2)
    refused("prove", "lead.token", *proving, "--arg", "to=x", code="malformed")
    refused("prove", "lead.token", *proving, "--arg", "n:=NaN", code="malformed")


def test_keys_are_written_once_and_never_shown(place) -> None:
    """Nothing overwrites a key; a link in its place is not followed; the secret is in no output."""
    seed = json.loads(Path("lead.key").read_text())["seed"]
    assert seed not in words("keys", "show", "lead.key") + words(
        "keys", "show", "lead.key", "--json"
    )
    Path("trap.key").symlink_to("elsewhere")
    refused("keys", "new", "trap", code="key_file")
    refused("keys", "show", "trap.key", code="key_file")
    assert not Path("elsewhere").exists()
    refused("keys", "new", "../up", code="usage", status=2)
    words("keys", "new", "spiffe://acme.example/agent", "--out", "spiffe.key")
    assert stat.S_IMODE(Path("spiffe.key").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("command", "closing"),
    [
        ("keys issuer", "| true"),
        ("issue {task} --to {lead}", ">&-"),
        pytest.param("keys issuer", ">&-", marks=pytest.mark.thorough),
        pytest.param("issue {task} --to {lead}", "| true", marks=pytest.mark.thorough),
    ],
)
def test_a_reader_that_leaves_is_no_fault(place, command: str, closing: str) -> None:
    """A closed standard output ends a command without a traceback."""
    words = command.format(**place)
    done = subprocess.run(
        ["/bin/sh", "-c", f'"{sys.executable}" -m delegation.cli {words} {closing}'],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'api'}"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "internal" not in done.stderr


def test_a_key_of_openssls_is_a_holder_and_its_signature_a_proof(place) -> None:
    """Made and used by openssl alone: the public half is the last 32 bytes of its DER form."""
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", "o.pem"], check=True)
    der = subprocess.run(
        ["openssl", "pkey", "-in", "o.pem", "-pubout", "-outform", "DER"],
        check=True,
        capture_output=True,
    ).stdout
    public = PublicKey("openssl", der[-32:])
    to = f"openssl={public.text}"
    Path("o.token").write_text(
        words("delegate", "lead.token", "--key", "lead.key", "--to", to, "--may", MAY)
    )
    ring = PublicRing.from_json(json.loads(Path("issuer.json").read_text()))
    token = Token.read(Path("o.token").read_text().strip(), ring)
    access = Access("mail.send", {"to": "kim@acme.example"}, DESK)
    # The text that is signed is anybody's to make; only the signature is the key's.
    signed = make_proof(b"s" * 32, token.text, access, issuer=ring.issuer, at=int(time.time()))
    Path("signed").write_text(signed.rpartition(".")[0])
    subprocess.run(
        [
            "openssl",
            "pkeyutl",
            "-sign",
            "-inkey",
            "o.pem",
            "-rawin",
            "-in",
            "signed",
            "-out",
            "sig",
        ],
        check=True,
    )
    proof = f"{Path('signed').read_text()}.{canonical.b64u(Path('sig').read_bytes())}"
    Path("call.json").write_text(
        json.dumps({"token": token.text, "proof": proof, "access": access.to_json()})
    )
    assert "allowed" in words("check", "call.json")
