"""Long names are folded where they are drawn, told apart, and whole where one looks closer."""

from __future__ import annotations

import html
import re
from urllib.parse import quote

import pytest
from browsing import Browser
from service import Service
from world import OWNER, World

from delegation import Grant, HolderKey
from delegation.errors import MalformedError
from delegation.graph.names import folded
from delegation.identity.principal import PublicKey

NAMES = [
    "spiffe://prod.acme.example/region/eu-west-1/" + "cell/0123456789/" * 100 + f"{side}/ns/a/sa/refunds-agent-of-the-desk"
    for side in ("left", "right")
]  # fmt: skip


@pytest.fixture(scope="module")
def world() -> World:
    """Return a world in which two agents have long names that differ in the middle."""
    made = World()
    for name in NAMES:
        made.tracker.add_agent(name, owner=OWNER, keys=[made.key(name).public])
        token = made.root().delegate(by=made.key("boss"), to=made.key(name).public, grant=Grant())
        access = made.access()
        made.tracker.check(token, made.key(name).prove(token, access, at=made.at), access)
    return made


def test_folded_names_tell_apart() -> None:
    """At any length, both ends stay and the digest differs."""
    for limit in (24, 40, 48, 80):
        left, right = (folded(name, limit) for name in NAMES)
        assert left != right
        assert len(left) == len(right) == limit
        assert left[:3] == right[:3] == "spi"
    assert folded("short") == "short"


@pytest.mark.parametrize("form", ["svg", "txt", "mmd", "dot"])
def test_drawings_fold(world: World, form: str) -> None:
    """No line of a picture holds a name of two kilobytes; both are told apart."""
    drawn = world.tracker.lineage(world.task)
    text = {
        "svg": drawn.as_svg, "txt": drawn.as_text, "mmd": drawn.as_mermaid, "dot": drawn.as_dot,
    }[form]()  # fmt: skip
    picture = html.unescape(text.decode() if isinstance(text, bytes) else text)
    picture = re.sub(r"#(\d+);", lambda found: chr(int(found[1])), picture)  # Mermaid's own
    if form == "svg":
        assert all(name in picture for name in NAMES)  # on the titles, for whoever asks
    elif form == "txt":  # as much as the line has room for beside fingerprint and standing
        marks = [folded(name).split("…")[1] for name in NAMES]
        assert all(mark in picture for mark in marks)
    else:
        assert all(folded(name) in picture for name in NAMES)


def test_pages_fold_and_have_the_whole(world: World) -> None:
    """Registry, holder, map, links, endings, search: short on sight, whole on a title or in a list."""
    browser = Browser(world, "operator")
    links = [e.id for e in world.tracker.lineage(world.task).entry.links if e.depth]
    task = world.task.id
    for page in (
        "/agents",
        f"/tasks/{task}/map",
        f"/links/{links[0]}",
        "/endings",
        "/find?q=refunds-agent",
        f"/tasks/{task}",
    ):
        answer = browser.get(page)
        assert answer.status_code in {200, 404}, page
        if answer.status_code == 404:
            continue
        for name in NAMES:
            if folded(name) in answer.text:
                assert f'title="{name}"' in answer.text or f'value="{name}"' in answer.text, page
    listed = browser.get("/agents").text
    assert all(folded(name) in listed for name in NAMES)
    for name in NAMES:
        answer = browser.get("/holders", params={"holder": name})
        assert answer.status_code == 200
        assert f'<dd class="mono">{name}</dd>' in answer.text
        assert browser.get("/blast", params={"holder": name}).status_code == 200
        assert browser.get("/revoke", params={"holder": name}).status_code == 200
        assert browser.get(f"/decisions?link={links[0]}").status_code == 200


def test_the_service_takes_long_names_in_bodies_queries_and_paths(world: World) -> None:
    """Registering, asking, rotating and ending over HTTP."""
    service = Service(world)
    name, old, new = (
        NAMES[0] + "-two",
        HolderKey.generate("o").public,
        HolderKey.generate("n").public,
    )
    body = {"name": name, "owner": OWNER, "keys": [old.text]}
    assert service.ask("POST", "/v1/agents", json=body).status_code == 201
    rotated = service.ask(
        "POST", f"/v1/agents/{quote(name, safe='')}/rotate", json={"old": old.text, "new": new.text}
    )
    assert rotated.status_code == 201, rotated.text
    assert service.ask("GET", "/v1/holders", params={"holder": name}).status_code in {200, 404}
    sent = {"kind": "agent", "id": name, "reason": "over"}
    assert service.ask("POST", "/v1/revocations", json=sent).status_code in {200, 201}
    assert service.ask("POST", "/v1/agents", json={**body, "name": "a" * 2049}).status_code == 422
    assert PublicKey.from_text(name, new.text).name == name


@pytest.mark.parametrize(
    "name",
    ["ops  agent", " ops", "ops ", "ops\u2000agent", "ops\u00a0agent", "o\u0301ps", "ops\u200b", "o…s", "o...s", "ops\u3164", "ops\U000e0041"],
)  # fmt: skip
def test_a_new_name_shows_itself(name: str) -> None:
    """No two that look the same, and none that looks like a longer one folded."""
    world = World()
    with pytest.raises(MalformedError, match="name must be"):
        world.tracker.add_agent(name, owner=OWNER, keys=[world.key("x").public])
    for long in NAMES:
        with pytest.raises(MalformedError, match="name must be"):
            world.tracker.add_agent(folded(long), owner=OWNER, keys=[world.key("x").public])
        assert folded(folded(long)) != folded(long)
    fine = "DOMAIN\\ops agent é"
    assert world.tracker.add_agent(fine, owner=OWNER, keys=[world.key("x").public]).name == fine
