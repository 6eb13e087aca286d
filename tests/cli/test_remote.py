"""Commands at a running service do what they do on its store, under the key of the environment."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import serving
from typer.testing import CliRunner
from world import World

from delegation import Grant, HolderKey, Token
from delegation.cli.main import app
from delegation.cli.source import as_written
from delegation.commands.open_child import Opening, opening_request
from delegation.errors import ServiceError

RUN = CliRunner()


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Iterator[tuple[World, Path, dict]]:
    """Return a world in a file, and the service over it."""
    folder = tmp_path_factory.mktemp("remote")
    world = World(path=folder / "s.db", at=int(time.time()))
    world.tracker._desk.ring.save(folder / "s.ring.json")
    with serving(folder / "s.db", folder) as started:
        yield world, folder, started


@pytest.fixture
def ask(place, monkeypatch):
    """Return a function that runs a command at the service, and one that runs it on the store."""
    _, folder, started = place
    monkeypatch.chdir(folder)
    monkeypatch.delenv("DELEGATION_STORE", raising=False)

    def at(*words: str, role: str = "operator", code: int = 0):
        env = {"DELEGATION_URL": started["url"], "DELEGATION_API_KEY": started["api_keys"][role]}
        done = RUN.invoke(app, list(words), env=env)
        assert done.exit_code == code, done.output
        return done

    def on(*words: str, code: int = 0):
        done = RUN.invoke(app, [*words, "--store", "s.db"])
        assert done.exit_code == code, done.output
        return done

    return at, on


def test_what_is_asked_gets_the_same_answer_here_and_there(place, ask) -> None:
    """tasks, lineage, graph, inspect, explain, catalogue, keys: equal, as words and as JSON."""
    world, folder, _ = place
    at, on = ask
    token = world.chain("boss", "clerk")
    denied = world.check(token, "clerk", world.access("ops.restart", host="h.acme.example"))
    world.check(token, "clerk")
    (folder / "t.txt").write_text(token.text)
    for words in (
        ["tasks"], ["lineage", world.task.id], ["graph", world.task.id, "--format", "svg"],
        ["inspect", "t.txt"], ["explain", denied.id], ["catalogue", "list"],
        ["catalogue", "show", "mail.send"], ["keys", "list"],
    ):  # fmt: skip
        assert at(*words).stdout == on(*words).stdout, words
        assert json.loads(at(*words, "--json").stdout) == json.loads(on(*words, "--json").stdout)


def test_what_is_done_there_is_done(place, ask) -> None:
    """check, revoke, keys, catalogue import: the store has it afterwards."""
    world, folder, _ = place
    at, on = ask
    token = world.chain("boss", "clerk")
    access = world.access()
    proof = world.key("clerk").prove(token, access, at=int(time.time()))
    call = {"token": token.text, "proof": proof, "access": access.to_json()}
    (folder / "c.json").write_text(json.dumps(call))
    made = json.loads(at("check", "c.json", "--json").stdout)
    assert json.loads(on("explain", made["decision"], "--json").stdout)["allowed"] is True
    assert "replayed" in at("check", "c.json", code=3).stdout
    at("revoke", "link", token.id, "--reason", "remote")
    revoked = world.tracker.revocations()[-1]
    assert (revoked.by, revoked.reason) == ("operator", "remote")
    secret = at("keys", "create", "far", "--role", "reviewer").stdout.strip()
    assert world.tracker.authenticate(secret).role == "reviewer"
    at("keys", "revoke", "far")
    assert world.tracker.authenticate(secret) is None
    (folder / "l.json").write_text('[{"name": "far.away", "effect": "read"}]')
    at("catalogue", "import", "l.json", "--dry-run")
    assert world.tracker.catalogue().tool("far.away") is None
    at("catalogue", "import", "l.json")
    assert world.tracker.catalogue().tool("far.away") is not None


def test_oversight_says_the_same_here_and_there(place, ask) -> None:
    """Assert and tighten: words, JSON and exit codes are the store's own."""
    world, folder, _ = place
    at, on = ask
    token = world.chain("boss", "clerk[red]\u202e")
    for number in range(11):
        call = world.access("mail.send", to=f"u{number}@acme.example", body="Hi")
        assert world.check(token, "clerk[red]\u202e", call)
    rules = (
        'version = 1\n[[guardrail]]\nname = "nobody pays"\nnever_reach = { tools = ["pay.**"] }\n'
    )
    (folder / "g.toml").write_text(rules)
    for words, code in (
        (["assert", "g.toml"], 3), (["assert", "g.toml", "--task", world.task.id], 3), (["tighten", token.id], 0),
        (["tighten", token.id, "--minimum", "99"], 3), (["tighten", token.id, "--format", "toml"], 0),
    ):  # fmt: skip
        there = at(*words, code=code).stdout
        assert there == on(*words, code=code).stdout, words
        assert "\u202e" not in there
        both = [json.loads(f(*words, "--json", code=code).stdout) for f in (at, on)]
        assert both[0] == both[1]
    at("assert", "g.toml", "--junit", "g.xml", code=3)
    assert 'failures="1"' in (folder / "g.xml").read_text()


def test_roles_hold(place, ask) -> None:
    """A reviewer's key makes no keys; no key asks nothing; both are failures with the service's code."""
    at, _ = ask
    _, _, started = place
    done = at("keys", "create", "x", "--role", "operator", "--json", role="reviewer", code=1)
    assert json.loads(done.stderr)["code"] == "forbidden"
    done = RUN.invoke(
        app, ["tasks", "--url", started["url"], "--json"], env={"DELEGATION_API_KEY": ""}
    )
    assert json.loads(done.stderr)["code"] == "unauthenticated"
    done = RUN.invoke(
        app, ["tasks", "--url", started["url"], "--json"], env={"DELEGATION_API_KEY": "dk_\ncut"}
    )
    assert json.loads(done.stderr)["code"] == "malformed"


def test_a_key_is_never_an_argument(place) -> None:
    """No option of any command takes a secret, which `ps` would show."""
    from cli_tree import commands

    for _, command in commands():
        options = [option for parameter in command.params for option in parameter.opts]
        assert not any(
            "key" in option or "secret" in option
            for option in options
            if option
            # A log's public key; where keys are written.
            not in {"--make-keys", "--show-keys", "--key", "--keys-file"}
        )


LINK = {"id": "lnk_x", "holder_name": "x", "grant": {"expires_at": 1}}
DENIAL = {"step": 2, "code": "x", "message": "x", "remedy": "x"}
GOOD = {"format": "biscuit", "links": [LINK], "recorded": [None], "denial": None}


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"denial": {}},
        {**GOOD, "recorded": []},
        {**GOOD, "links": 1},
        {**GOOD, "links": [1]},
        {**GOOD, "format": 1},
        {**GOOD, "links": [{**LINK, "grant": {"expires_at": "x"}}]},
        {**GOOD, "recorded": [{}]},
        {**GOOD, "denial": {**DENIAL, "code": 5}},
    ],
    ids=range(9),
)
def test_an_inspection_of_another_form_is_no_inspection(answer: dict) -> None:
    """Whoever answers may not be the service."""
    assert as_written(GOOD) is GOOD
    assert as_written({**GOOD, "denial": DENIAL})
    with pytest.raises(ServiceError):
        as_written(answer)


def test_credentials_live_and_end_here_and_there(place, ask) -> None:
    """Agents add, list, rotate; renew; last-use: the same on a store and at a service."""
    world, _, _ = place
    old, new, third = (HolderKey.generate("cli") for _ in range(3))
    world.at = int(time.time())
    root = world.root("boss", expires_at=world.at + 400)
    for run, first, second in ((ask[0], old, new), (ask[1], new, third)):
        until = int(time.time()) + 900
        name = ["agents", "add", "cli", "--owner", "ana@acme.example"]
        run(*name, "--key", first.public.text, "--recertify-by", str(until))
        (listed,) = [
            one
            for one in json.loads(run("agents", "list", "--json").stdout)
            if one["name"] == "cli"
        ]
        assert listed["recertify_by"] == until
        assert first.public.text in listed["keys"]
        assert "cli" in run("agents", "list").stdout
        turned = ["--old", first.public.text, "--new", second.public.text]
        at = int(time.time()) + 300
        done = json.loads(
            run("agents", "rotate", "cli", *turned, "--effective-at", str(at), "--json").stdout
        )
        assert done["effective_at"] == at
        made = json.loads(run("renew", root.id, "--lasts", "500", "--json").stdout)
        assert world.tracker.renewal(made["link"]).renews == root.id
        assert run("renew", root.id).stdout.startswith("dct.b1.")
        assert "made no call" in run("last-use", "link", made["link"]).stdout
        world.at = int(time.time())  # the renewed window begins at the service's clock
        assert world.check(Token.read(made["token"], world.tracker.public_ring()), "boss")
        used = json.loads(run("last-use", "link", made["link"], "--json").stdout)
        assert used["allowed"] is True
        assert "allowed at" in run("last-use", "link", made["link"]).stdout
        run("renew", "lnk_" + "A" * 43, code=1)
        stranger = HolderKey.generate("x").public.text
        run("agents", "rotate", "cli", "--old", stranger, "--new", second.public.text, code=1)


def test_child_tasks_are_opened_and_listed_here_and_there(place, ask) -> None:
    """A file with token, proof and opening opens one; the list has it below its parent."""
    world, folder, _ = place
    token = world.chain("boss", "a")
    for run in ask:
        opening = Opening("Part", Grant(), world.key("sub").public, lasts=100)
        access = opening_request(world.tracker.issuer, opening)
        body = {"token": token.text, "opening": opening.to_json()}
        proof = world.key("a").prove(token, access, at=int(time.time()))
        (folder / "open.json").write_text(json.dumps({**body, "proof": proof}))
        made = json.loads(run("child-tasks", "open", "open.json", "--json").stdout)
        assert made["task"]["under"] == token.id
        listed = json.loads(run("child-tasks", "list", world.task.id, "--json").stdout)
        assert made["task"]["id"] in [one["id"] for one in listed]
        assert made["task"]["id"][:12] in run("child-tasks", "list", world.task.id).stdout
        run("child-tasks", "open", "open.json", code=1)  # the proof was used
        (folder / "open.json").write_text(json.dumps(body))
        run("child-tasks", "open", "open.json", code=1)
        run("child-tasks", "list", "tsk_" + "A" * 22, code=1)


def test_labels_of_resources_are_declared_and_listed_here_and_there(ask) -> None:
    """A pattern gets labels in a new revision, and the list has the newest."""
    for run, label in zip(ask, ("pii", "hr"), strict=True):
        done = json.loads(run("catalogue", "label", "mail:acme/*", label, "--json").stdout)
        assert done["revision"] > 0
        (listed,) = json.loads(run("catalogue", "labels", "--json").stdout)
        assert (listed["pattern"], listed["labels"]) == ("mail:acme/*", [label])
        assert label in run("catalogue", "labels").stdout
        run("catalogue", "label", "a**b", label, code=1)
