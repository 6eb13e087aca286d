"""`delegation catalogue import` of a document: again, beforehand, without a store, beside another server's."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner
from world import World

from delegation import Tool
from delegation.authority.documents.reading import MAX_DOCUMENT
from delegation.cli.main import app

RUN = CliRunner()
PARAMETERS = [
    {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "maxLength": 9}},
    {"name": "cents", "in": "query", "required": True, "schema": {"type": "integer", "minimum": 1}},
]
SHOP: dict[str, Any] = {
    "openapi": "3.1.0",
    "paths": {
        "/pay/{id}": {"post": {"operationId": "payOrder", "parameters": PARAMETERS}},
        "/orders/{id}": {"get": {"operationId": "readOrder", "parameters": PARAMETERS[:1]}},
    },
}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a world in the working folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("DELEGATION_STORE", "DELEGATION_URL", "DELEGATION_RING"):
        monkeypatch.delenv(name, raising=False)
    world = World(path=tmp_path / "delegation.db", at=int(time.time()))
    world.tracker._desk.ring.save(tmp_path / "delegation.ring.json")
    return world


def run(document: Any, *words: str) -> Any:
    """Import a document under the prefix `shop`."""
    Path("d.json").write_text(json.dumps(document))
    return RUN.invoke(app, ["catalogue", "import", "d.json", "--prefix", "shop", *words])


def by_hand(store: World, name: str, **fields: Any) -> Tool:
    """Set fields of a definition that stands, as people do with a list."""
    body = store.tracker.catalogue().tool(name).to_json()
    store.tracker.add_tool(Tool.from_json({**body, **fields}))
    return store.tracker.catalogue().tool(name)


SET: dict[str, Any] = {"labels": ["pii"], "sensitivity": 2, "resource": "shop:{id}", "cost": {"cents": "cents"}, "domain": "sales", "system": "till", "effect": "delete"}  # fmt: skip


def test_what_was_set_by_hand_stays(store: World) -> None:
    """Nothing of it is in the document: the same import changes nothing, another one only what it states."""
    assert run(SHOP, "--system", "till").exit_code == 0
    stands = by_hand(store, "shop.pay_order", **SET)
    before = store.tracker.catalogue().revision
    shown = run(SHOP, "--dry-run")
    assert "= shop.pay_order delete" in shown.stdout
    kept = "kept as set by hand: domain, resource, cost, labels, sensitivity, effect, system"
    assert kept in shown.stdout
    assert run(SHOP).exit_code == 0
    assert store.tracker.catalogue().tool("shop.pay_order") == stands
    assert store.tracker.catalogue().revision == before
    other = json.loads(json.dumps(SHOP))
    other["paths"]["/pay/{id}"]["post"]["parameters"][1]["schema"]["minimum"] = 5
    told = json.loads(run(other, "--json").stdout)
    (pay,) = [tool for tool in told["tools"] if tool["tool"] == "shop.pay_order"]
    assert [change["field"] for change in pay["changes"]] == ["arguments.cents"]
    assert set(pay["kept"]) == set(SET)
    assert pay["arguments"]["cents"] == {"type": "integer", "min": 5, "max": 9007199254740991}
    assert run(SHOP, "--reset").exit_code == 0
    assert store.tracker.catalogue().tool("shop.pay_order") == Tool(
        "shop.pay_order", effect="write", aliases=["payOrder"],
        arguments={"id": {"type": "segment", "max": 9}, "cents": {"type": "integer", "min": 1}},
    )  # fmt: skip


def test_importing_again_makes_no_tool_tamer(store: World) -> None:
    """Of effect and sensitivity the graver one stays; what the document raises is raised."""
    run(SHOP)
    by_hand(store, "shop.read_order", effect="admin", sensitivity=3)
    by_hand(store, "shop.pay_order", effect="read", sensitivity=1)
    run(SHOP)
    tools = store.tracker.catalogue()
    assert [(tools.tool(f"shop.{n}").effect, tools.tool(f"shop.{n}").sensitivity) for n in ("read_order", "pay_order")] == [("admin", 3), ("write", 1)]  # fmt: skip


def test_what_cannot_stay_stops_the_import(store: World) -> None:
    """A resource named after an argument that the document takes away is not dropped in silence."""
    run(SHOP)
    by_hand(store, "shop.pay_order", cost={"cents": "cents"})
    other = json.loads(json.dumps(SHOP))
    del other["paths"]["/pay/{id}"]["post"]["parameters"][1]
    before = store.tracker.catalogue().revision
    for dry in ("--dry-run", "--json"):
        done = run(other, dry)
        assert done.exit_code == 1
        assert "it cannot keep what was set by hand (cost)" in done.stderr or dry == "--json"
    assert store.tracker.catalogue().revision == before
    assert run(other, "--reset").exit_code == 0


def test_a_dry_run_needs_no_store_and_makes_none(tmp_path: Path, monkeypatch) -> None:
    """It compares with the store that is there; without one it says so. It shows the arguments' types."""
    monkeypatch.chdir(tmp_path)
    for words in ([], ["--store", "elsewhere.db"]):
        shown = run(SHOP, "--dry-run", *words)
        assert shown.exit_code == 0, shown.output
        assert "there is no store to compare with" in shown.stdout
        assert "+ shop.pay_order write" in shown.stdout
        assert 'cents: {"max":9007199254740991,"min":1,"type":"integer"}' in shown.stdout
        assert 'id: {"max":9,"min":1,"type":"segment"}' in shown.stdout
    assert run(SHOP).exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["d.json"]


def test_a_dry_run_ends_as_the_run_does(store: World) -> None:
    """Also where an operation needs what stands in another document: 1, and 0 with --partial."""
    other = json.loads(json.dumps(SHOP))
    part = {"name": "q", "in": "query", "required": True, "schema": {"$ref": "other.json#/Q"}}
    other["paths"]["/x"] = {"get": {"operationId": "readX", "parameters": [part]}}
    ends = [run(other, *words).exit_code for words in (["--dry-run"], [], ["--dry-run", "--json"], ["--json"])]  # fmt: skip
    assert ends == [1, 1, 1, 1]
    shown = run(other, "--dry-run")
    assert "+ shop.read_order" in shown.stdout
    assert "left out: GET /x" in shown.stderr
    assert [run(other, *words, "--partial").exit_code for words in (["--dry-run"], [])] == [0, 0]


def test_tools_that_the_document_has_no_more_are_named(store: World) -> None:
    """Those of its prefix; they stay, and once revoked nothing is said of them."""
    run(SHOP)
    store.tracker.add_tool(Tool("shop.orders.cancel", effect="delete"))
    store.tracker.add_tool(Tool("crm.old", effect="read"))
    less = {**SHOP, "paths": {"/pay/{id}": SHOP["paths"]["/pay/{id}"]}}
    for words in (["--dry-run"], []):
        assert "- shop.read_order is not among them" in run(less, *words).stdout
    told = json.loads(run(less, "--json").stdout)
    assert told["gone"] == ["shop.read_order"]
    assert RUN.invoke(app, ["revoke", "tool", "shop.read_order"]).exit_code == 0
    assert json.loads(run(less, "--json").stdout)["gone"] == []


def test_equal_notes_are_one_line_and_losses_stand_apart(store: World) -> None:
    """With their count and first places; all places with --verbose and as JSON."""
    moments = {f"at{n}": {"type": "string", "format": "date-time"} for n in range(9)}
    odd = {"code": {"type": "string", "pattern": "(?=x)"}, "span": {"type": "string", "format": "duration"}}  # fmt: skip
    tools = [{"name": "plan", "inputSchema": {"type": "object", "properties": {**moments, **odd}}}]
    shown = run({"tools": tools}, "--dry-run")
    lines = [line for line in shown.stderr.splitlines() if "moments are in UTC" in line]
    assert len(lines) == 1
    assert lines[0].startswith("note: moments")
    assert lines[0].endswith("9 places: plan.at0, plan.at1, plan.at2 and 6 more")
    assert "not kept: plan.code: pattern: (?=x) is no plain shape" in shown.stderr
    assert "plan.span: format: any text goes; none is held to be a duration" in shown.stderr
    assert "plan.at8" in run({"tools": tools}, "--dry-run", "--verbose").stderr
    told = json.loads(run({"tools": tools}, "--dry-run", "--json").stdout)
    assert len(told["notes"]) == 11
    assert {note["place"] for note in told["notes"] if note["lost"]} == {"plan.code", "plan.span"}


def test_two_servers_may_have_a_tool_of_one_name(store: World) -> None:
    """The second is refused with a remedy, and the remedy works; both are called by full names."""
    listed = {"tools": [{"name": "readFile", "inputSchema": {"type": "object"}}]}
    Path("a.json").write_text(json.dumps(listed))
    words = ["catalogue", "import", "a.json", "--prefix"]
    assert RUN.invoke(app, [*words, "one"]).exit_code == 0
    for dry in (["--dry-run"], []):
        refused = RUN.invoke(app, [*words, "two", *dry])
        assert refused.exit_code == 1
        assert "readFile is a name of the tool one.read_file already" in refused.stderr
        assert "--no-aliases" in refused.stderr
        assert "another --prefix" not in refused.stderr, "the alias is the same under each prefix"
    assert RUN.invoke(app, [*words, "two", "--no-aliases"]).exit_code == 0
    found = store.tracker.catalogue()
    assert found.tool("one.read_file").aliases == ("readFile",)
    assert found.tool("two.read_file").aliases == ()
    assert RUN.invoke(app, [*words, "two", "--no-aliases", "--dry-run"]).exit_code == 0


def test_each_name_that_is_taken_has_the_remedy_that_helps(store: World) -> None:
    """A tool's own name by another prefix, a list's by hand; an alias by leaving it out."""
    dotted = {"tools": [{"name": "two.read_file", "inputSchema": {"type": "object"}}]}
    Path("dotted.json").write_text(json.dumps(dotted))
    listed = {"tools": [{"name": "read_file", "inputSchema": {"type": "object"}}]}
    Path("plain.json").write_text(json.dumps(listed))
    own = [{"name": "three.read", "effect": "read", "aliases": ["two.read_file"], "arguments": {}}]
    Path("own.json").write_text(json.dumps(own))
    words = ["catalogue", "import"]
    assert RUN.invoke(app, [*words, "dotted.json", "--prefix", "one"]).exit_code == 0
    refused = RUN.invoke(app, [*words, "plain.json", "--prefix", "two"])
    assert refused.exit_code == 1
    assert "Give another --prefix" in refused.stderr
    assert RUN.invoke(app, [*words, "plain.json", "--prefix", "four"]).exit_code == 0
    refused = RUN.invoke(app, [*words, "own.json"])
    assert refused.exit_code == 1
    assert "leave that alias out" in refused.stderr


def test_a_document_may_be_as_large_as_it_says(store: World) -> None:
    """16 MiB, as the page on catalogues has it; a byte more is refused with the number."""
    listed = json.dumps({"tools": [{"name": "a", "inputSchema": {"type": "object"}}]})
    Path("large.json").write_text(listed.replace("{", "{" + " " * (9 * 1024 * 1024), 1))
    words = ["catalogue", "import", "large.json", "--prefix", "big", "--dry-run"]
    assert RUN.invoke(app, words).exit_code == 0
    Path("large.json").write_text(" " * (MAX_DOCUMENT + 1))
    refused = RUN.invoke(app, words)
    assert refused.exit_code == 1
    assert str(MAX_DOCUMENT) in refused.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--prefix must be"), (["--prefix", "Shop"], "--prefix must be"), (["--prefix", "delegation"], "--prefix must be"),
        (["--prefix", "a", "--format", "word"], "--format names no format"), (["--prefix", "a", "--format", "swagger"], "read as --format swagger"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_option_names_it(store: World, words: list[str], said: str) -> None:
    """So does what is no document that is known."""
    Path("d.json").write_text(json.dumps(SHOP))
    assert said in RUN.invoke(app, ["catalogue", "import", "d.json", *words]).stderr
    Path("e.json").write_text('{"a": 1}')
    assert "with --format" in RUN.invoke(app, ["catalogue", "import", "e.json"]).stderr


def test_an_alias_that_was_set_by_hand_moves_to_no_other_tool(store: World) -> None:
    """Agents call it: a later document cannot lead their calls to another operation."""
    run(SHOP)
    by_hand(store, "shop.pay_order", aliases=["payOrder", "sendMoney", "a.tool"])
    more = {"get": {"operationId": "sendMoney", "parameters": PARAMETERS[:1]}}
    again = run({**SHOP, "paths": {**SHOP["paths"], "/money/{id}": more}})
    assert again.exit_code == 0, again.output
    tools = store.tracker.catalogue()
    assert set(tools.tool("shop.pay_order").aliases) == {"payOrder", "sendMoney", "a.tool"}
    assert tools.tool("shop.send_money").aliases == ()
    assert run({**SHOP, "paths": {**SHOP["paths"], "/money/{id}": more}}, "--reset").exit_code == 0
    assert tools.revision < store.tracker.catalogue().revision
