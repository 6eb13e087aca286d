"""A tool's alias at every door: service, client, proxy, verifier elsewhere, tool log, proposals, approvals."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from mounted import ROUTES, Mounted
from service import Service
from sides import Sides
from wire import handler
from world import DESK, World

from delegation import Access, Tool
from delegation.authority.reimport import redefinitions
from delegation.authority.tool_list import read_tools
from delegation.client import AsyncClient
from delegation.commands.reconcile import reconcile
from delegation.errors import ConflictError
from delegation.integrations.tool_log import ToolLog
from delegation.judge.subject import Subject
from delegation.lineage.mediation import write_line

httpx2 = pytest.importorskip("httpx2")
ALIAS = "readFile"


def named(world: World) -> Tool:
    """Give the tool that reads files an alias, and open a task under the catalogue that has it."""
    known = world.tracker.catalogue().tool("files.read")
    tool = Tool.from_json({**known.to_json(), "aliases": [ALIAS]})
    world.tracker.add_tool(tool)
    world.task = world.open(budget={})
    return tool


def call(name: str = ALIAS) -> Access:
    """Return a call by a name."""
    return Access(name, {"path": "/a"}, DESK, purpose="desk")


def test_the_service_takes_an_alias_over_http_once_and_again() -> None:
    """Check, its repetition under one key, inspection and a plan: the decision names the tool."""
    world = World()
    named(world)
    service = Service(world)
    client = AsyncClient("http://testserver", api_key=service.keys["service"], transport=httpx2.MockTransport(handler(service)))  # fmt: skip
    token = world.chain("boss", "a")
    proof = world.key("a").prove(token, call(), at=world.at)

    async def asked():
        first = await client.check(token.text, proof, call(), idempotency_key="one")
        return first, await client.check(token.text, proof, call(), idempotency_key="one")

    first, again = asyncio.run(asked())
    assert first.allowed
    assert first == again
    assert first.tool == "files.read"
    kept = world.tracker.decision(first.id)
    assert (kept.access["tool"], kept.decision.tool) == (ALIAS, "files.read")
    assert world.tracker.survivors("tool", ALIAS).subject == Subject("tool", "files.read")


def test_a_proxys_route_may_name_the_tool_by_its_alias(tmp_path: Path) -> None:
    """The agent proves the call as the route names it; a name that is nobody's declares nothing."""
    world = World
    edge = None
    real = World.__post_init__

    def opened(self) -> None:
        real(self)
        named(self)

    World.__post_init__ = opened
    try:
        edge = Mounted(tmp_path, ROUTES.replace('"files.read"', f'"{ALIAS}"'))
    finally:
        world.__post_init__ = real
    answer = edge.ask("GET", "/files/a", edge.signed(call()))
    assert answer.status_code == 200, answer.text
    assert edge.world.tracker.decision(answer.headers["delegation-decision"]).decision.tool == "files.read"  # fmt: skip
    other = edge.ask("GET", "/files/a", edge.signed(call("files.read")))
    assert other.headers["x-deny-reason"] == "proof_other_access"


def test_a_verifier_elsewhere_settles_and_reports_what_was_sent(tmp_path: Path) -> None:
    """The record has the own name and the access as it was proven."""
    sides = Sides(tmp_path)
    named(sides.world)
    sides.poll()
    decision = sides.check(sides.world.chain("boss", "a"), access=call())
    assert (decision.tool, "/v1/check" in sides.sent) == ("files.read", False)
    assert sides.report() == 1
    detail = sides.tracker.decision(decision.id)
    assert (detail.decision.tool, detail.access["tool"], detail.local.conflict_step) == ("files.read", ALIAS, None)  # fmt: skip


def test_a_services_log_may_name_the_tool_as_it_calls_it(tmp_path: Path) -> None:
    """By its alias at the decision's revision nothing is found; by another's name it is."""
    world = World()
    named(world)
    token = world.chain("boss", "a")
    done = [world.check(token, "a", call(name)) for name in (ALIAS, "files.read", ALIAS)]
    lines = [
        write_line(at=world.at, decision=one.id, tool=name, audience=DESK, arguments=one.arguments)
        for one, name in zip(done, [ALIAS, ALIAS, "sendMail"], strict=True)
    ]
    log = tmp_path / "log"
    log.write_bytes(b"".join(lines))
    world.tracker.add_tool(Tool.from_json({**world.tracker.catalogue().tool("files.read").to_json(), "aliases": []}))  # fmt: skip
    with log.open("rb") as file:
        found = reconcile(world.tracker._store, world.tracker.public_ring(), file)
    assert found.to_counts() == {"other_tool": 1}
    ToolLog(tmp_path / "own", audience=DESK).executed(done[0], at=world.at)
    assert json.loads((tmp_path / "own").read_bytes())["tool"] == "files.read"


def test_a_proposal_counts_calls_by_alias_as_the_tools() -> None:
    """Tightening replays what was recorded under the own name."""
    world = World()
    named(world)
    token = world.chain("boss", "a")
    for number in range(6):
        assert world.check(token, "a", call([ALIAS, "files.read"][number % 2]))
    (found,) = world.tracker.tighten("link", token.id, minimum=1)
    assert (found.proposal.calls, found.proposal.refused) == (6, ())
    assert [one.tool.text for one in found.proposal.grant.capabilities] == ["files.read"]


def test_a_list_of_tools_brings_aliases_and_the_change_is_shown() -> None:
    """JSON and TOML say them; an import shows them as a change that refuses no issued token."""
    world = World()
    before = world.tracker.catalogue()
    plain = before.tool("files.read").to_json()
    (tool,) = read_tools(json.dumps([{**plain, "aliases": ["b", ALIAS]}]), "json").tools
    assert tool.aliases == ("b", ALIAS)
    (change,) = redefinitions(before, [tool])
    assert [(c.field, c.before, c.after) for c in change.changes] == [("aliases", None, ["b", ALIAS])]  # fmt: skip
    assert not change.refuses_issued
    (back,) = redefinitions(before.with_tool(tool), [Tool.from_json(plain)])
    assert [(c.field, c.after) for c in back.changes] == [("aliases", None)]
    toml = '[[tools]]\nname = "a.b"\neffect = "read"\naliases = ["getB"]\n'
    assert read_tools(toml, "toml").tools[0].aliases == ("getB",)
    both = toml + '[[tools]]\nname = "a.c"\neffect = "read"\naliases = ["getB"]\n'
    with pytest.raises(ConflictError, match="getB is a name of the tool"):
        redefinitions(before, read_tools(both, "toml").tools)  # before anything is recorded
