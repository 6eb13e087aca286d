"""`delegation assert`: exit codes, words, JSON and JUnit, on a store and on token files."""

from __future__ import annotations

import json
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from typer.testing import CliRunner
from world import PAY, READ, TOOLS, World

from delegation import Grant
from delegation.cli.main import app

RUN = CliRunner()
RULES = """version = 1

[[guardrail]]
name = "retrieval never pays"
why = "It reads what strangers wrote."
holders = ["retrieval*"]
never_reach = { tools = ["pay.**"] }

[[guardrail]]
name = "short chains"
max_links = 9

[[guardrail]]
name = "nobody of this name"
holders = ["retreival"]
never_reach = { tools = ["pay.**"] }
"""


@pytest.fixture
def at_hand(tmp_path: Path, monkeypatch) -> World:
    """Return a world in a file with guardrails beside it."""
    monkeypatch.chdir(tmp_path)
    world = World(path=tmp_path / "delegation.db", at=int(time.time()))
    world.tracker._desk.ring.save(tmp_path / "delegation.ring.json")
    (tmp_path / "guardrails.toml").write_text(RULES)
    return world


def test_a_store_is_asserted(at_hand: World, tmp_path: Path) -> None:
    """The witness, the link to narrow and the code are printed; exit code 3; a revoked link is no more."""
    safe = at_hand.chain("boss", "retrieval", capabilities=[READ])
    at_hand.check(safe, "retrieval")
    held = RUN.invoke(app, ["assert", "guardrails.toml"])
    assert held.exit_code == 0, held.output
    assert "holds  retrieval never pays (1 links)" in held.stdout
    assert "idle  nobody of this name" in held.stdout
    assert RUN.invoke(app, ["assert", "guardrails.toml", "--strict"]).exit_code == 3
    bad = at_hand.chain("boss", "retrieval[red]<x>\u202e", capabilities=[READ, PAY])
    at_hand.check(bad, "retrieval[red]<x>\u202e")
    done = RUN.invoke(app, ["assert", "guardrails.toml", "--junit", "out.xml"])
    assert done.exit_code == 3
    assert (
        "BROKEN  retrieval never pays (1 of 2 links) It reads what strangers wrote." in done.stdout
    )
    assert "It reaches pay.refund." in done.stdout
    assert f"Link to narrow: {bad.id}, in capabilities[1]." in done.stdout
    assert "\u202e" not in done.stdout
    suite = ET.fromstring((tmp_path / "out.xml").read_text())
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.get("type") == "never_reach"
    assert bad.id in (failure.text or "")
    told = json.loads(RUN.invoke(app, ["assert", "guardrails.toml", "--json"]).stdout)
    violation = told["guardrails"][0]["violations"][0]
    assert [link["depth"] for link in violation["chain"]] == [0, 1]
    names: dict[str, object] = {}
    exec(violation["code"], names)
    narrowed = names["grant"]
    assert isinstance(narrowed, Grant)
    assert narrowed == Grant.from_json(violation["narrower"])
    assert [c.tool.text for c in narrowed.capabilities] == ["files.read"]
    again = bad.chain.links[0].grant.narrow(narrowed.capabilities)  # within the parent's
    assert again.capabilities == narrowed.capabilities
    at_hand.tracker.revoke("link", bad.id, by="ana")
    assert RUN.invoke(app, ["assert", "guardrails.toml"]).exit_code == 0
    assert RUN.invoke(app, ["assert", "guardrails.toml", "--ended"]).exit_code == 3


def test_one_task_is_asserted_alone(at_hand: World) -> None:
    """Other tasks do not count; an unknown one is an error."""
    at_hand.check(at_hand.chain("boss", "retrieval"), "retrieval")
    other = at_hand.open()
    assert RUN.invoke(app, ["assert", "guardrails.toml", "--task", other.id]).exit_code == 0
    assert RUN.invoke(app, ["assert", "guardrails.toml", "--task", at_hand.task.id]).exit_code == 3
    assert RUN.invoke(app, ["assert", "guardrails.toml", "--task", "tsk_none"]).exit_code == 1


def test_token_files_are_asserted_offline(at_hand: World, tmp_path: Path) -> None:
    """A build server needs the tokens, the tools and the issuer's public keys, and no store."""
    bad = at_hand.chain("boss", "retrieval")
    good = at_hand.chain("boss", "retrieval", capabilities=[READ])
    (tmp_path / "bad").write_text(bad.text)
    (tmp_path / "good").write_text(good.text + "\n")
    (tmp_path / "tools.json").write_text(json.dumps([tool.to_json() for tool in TOOLS]))
    (tmp_path / "issuer.json").write_text(json.dumps(at_hand.tracker.public_ring().to_json()))
    (tmp_path / "delegation.db").unlink()
    base = ["assert", "guardrails.toml", "--tools", "tools.json", "--issuer", "issuer.json"]
    assert RUN.invoke(app, [*base, "--token", "good"]).exit_code == 0
    done = RUN.invoke(app, [*base, "--token", "good", "--token", "bad"])
    assert done.exit_code == 3
    assert bad.id in done.stdout
    forged = bad.text[:-8] + ("A" * 8)
    (tmp_path / "bad").write_text(forged)
    refused = RUN.invoke(app, [*base, "--token", "bad"])
    assert refused.exit_code == 1
    assert forged not in refused.output
    assert RUN.invoke(app, ["assert", "guardrails.toml", "--token", "good"]).exit_code == 2


def test_guardrails_that_cannot_be_read_are_an_error(at_hand: World, tmp_path: Path) -> None:
    """A broken file never passes for rules that hold."""
    (tmp_path / "guardrails.toml").write_text(RULES.replace("holders", "holder"))
    done = RUN.invoke(app, ["assert", "guardrails.toml"])
    assert done.exit_code == 1
    assert "guardrail 1 (line 3)" in done.output
    assert RUN.invoke(app, ["assert", "no-such-file"]).exit_code == 1
