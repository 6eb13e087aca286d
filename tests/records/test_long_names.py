"""Agents are called by SPIFFE ids and role ARNs, up to 2,048 bytes: registered, found, held to, ended."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from world import DESK, OWNER, World

from delegation import Access, Grant, HolderKey
from delegation.authority.agent_name import MAX_NAME, claim_of
from delegation.errors import ConflictError, MalformedError
from delegation.identity.keyring import KeyRing
from delegation.identity.principal import fingerprint

SPIFFE = "spiffe://prod.acme.example/region/eu-west-1/" + "cell/0123456789/" * 100
LONGEST = (SPIFFE + "x" * MAX_NAME)[: MAX_NAME - 9] + "/sa/agent"
ARN = "arn:aws:iam::123456789012:role/teams/" + "payments/" * 50 + "Refunds+eu=1,b.c@d-e_f"
TWINS = [
    SPIFFE + f"{middle}/ns/agents/sa/refunds-agent-of-the-desk" for middle in ("left", "right")
]


def acts(world: World, name: str, key: HolderKey | None = None) -> str:
    """Return how a call is answered whose chain's second link is held under a name."""
    holder = key or world.key(name)
    token = world.root().delegate(by=world.key("boss"), to=holder.public, grant=Grant())
    access = Access("files.read", {"path": "/a"}, DESK, purpose="desk")
    decision = world.tracker.check(token, holder.prove(token, access, at=world.at), access)
    return "allowed" if decision.denial is None else decision.denial.code


@pytest.mark.parametrize("name", [LONGEST, ARN, *TWINS, "a" * 81, "a" * 80])
def test_a_registered_name_stands_for_its_key_and_for_no_other(world: World, name: str) -> None:
    """The holder is recognised by its whole name; another key under the same claim is denied."""
    owner = "team@acme.example"
    made = world.tracker.add_agent(name, owner=owner, keys=[world.key(name).public])
    assert made.name == name
    assert [a for a in world.tracker.agents() if a.name == name] == [made]
    assert acts(world, name) == "allowed"
    [_, entry] = world.tracker.lineage(world.task).entry.links
    assert (entry.registered, entry.holder_name, entry.owner) == (True, name, owner)
    assert entry.claimed_name == claim_of(name)
    assert acts(world, name, HolderKey.generate(name)) == "holder_contradicts_registry"
    assert acts(world, name, HolderKey.generate(claim_of(name))) == "holder_contradicts_registry"
    foreign = HolderKey("short", world.key(name).secret_seed())
    assert acts(world, name, foreign) == "holder_contradicts_registry"


def test_two_names_that_differ_between_their_ends_are_two(world: World) -> None:
    """In links, in lineage, and when one of them is ended."""
    assert claim_of(TWINS[0]) != claim_of(TWINS[1])
    for name in TWINS:
        world.tracker.add_agent(name, owner=OWNER, keys=[world.key(name).public])
        assert acts(world, name) == "allowed"
    world.tracker.revoke("agent", TWINS[0], by="ops", reason="left")
    assert acts(world, TWINS[0]) == "agent_revoked"
    assert acts(world, TWINS[1]) == "allowed"
    standing = {
        e.holder_name: e.standing for e in world.tracker.lineage(world.task).entry.links if e.depth
    }
    assert standing == {TWINS[0]: "revoked", TWINS[1]: "active"}
    # A name gives way to what tells holders apart, and to whether they may still act.
    tree = world.tracker.lineage(world.task).as_text().splitlines()
    ended = [line for line in tree if "[REVOKED]" in line]
    assert all(fingerprint(world.key(TWINS[0]).public.key) in line for line in ended)
    assert ended


def test_long_names_are_found_rotated_and_asked_about(world: World) -> None:
    """Search, abilities, filters and rotation take the whole name."""
    name = TWINS[0]
    world.tracker.add_agent(name, owner=OWNER, keys=[world.key(name).public])
    assert acts(world, name) == "allowed"
    assert [hit.id for hit in world.tracker.find("/left/ns/") if hit.kind == "agent"] == [name]
    assert world.tracker.could_do(name).name == name
    assert world.tracker.blast(name).active
    new = HolderKey.generate(name)
    world.tracker.rotate_key(name, old=world.key(name).public, new=new.public, by="ops")
    assert acts(world, name) == "key_revoked"
    assert acts(world, name, new) == "allowed"


@pytest.mark.parametrize(
    "name",
    ["a" * (MAX_NAME + 1), "é" * 81, "spiffe://a/" + "b c" * 40, "x" * 80 + "\x00", "arn:" + "*" * 90, "x" * 90 + "<b>", claim_of(ARN)],
)  # fmt: skip
def test_other_names_are_malformed(world: World, name: str) -> None:
    """Beyond 80 characters only the alphabet of SPIFFE ids and ARNs; no name in the form of a claim."""
    key = HolderKey.generate("k").public
    with pytest.raises(MalformedError, match="name"):
        world.tracker.add_agent(name, owner=OWNER, keys=[key])


def test_a_claim_is_one_agents(world: World) -> None:
    """The store itself holds that no two names are carried alike."""
    world.tracker.add_agent(ARN, owner=OWNER, keys=[world.key(ARN).public])
    with pytest.raises(ConflictError):
        world.tracker.add_agent(
            ARN, owner="other@acme.example", keys=[HolderKey.generate("k").public]
        )
    assert len(claim_of(ARN)) <= 80


def test_names_recorded_before_are_their_own_claims(tmp_path: Path) -> None:
    """An upgraded store knows the agents that it knew."""
    from delegation.records.engine.database import Database
    from delegation.records.schema import migrate
    from delegation.tracker import Tracker

    url = f"sqlite:///{tmp_path / 's.db'}"
    database = Database(url)
    migrate._run(database, "upgrade", "0013")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO agent (name, owner, at) VALUES ('old', 'ana@acme.example', 1)")
        )
    engine.dispose()
    migrate.upgrade(database)
    database.close()
    with Tracker.open(url, ring=KeyRing.generate("http://localhost")) as tracker:
        assert [agent.name for agent in tracker.agents()] == ["old"]
