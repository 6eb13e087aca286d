"""`delegation catalogue`: what is imported, what it would change, and what is refused with its place."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner
from world import World, verdict

from delegation import Access, Grant, Tool, anything, may
from delegation.authority.catalogue import Catalogue
from delegation.authority.reimport import redefinitions
from delegation.authority.tool_list import read_tools
from delegation.cli.main import app
from delegation.errors import MalformedError

RUN = CliRunner()


@pytest.fixture
def store(tmp_path: Path, monkeypatch) -> World:
    """Return a world in the working folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("DELEGATION_STORE", "DELEGATION_URL", "DELEGATION_RING"):
        monkeypatch.delenv(name, raising=False)
    world = World(path=tmp_path / "delegation.db", at=int(time.time()))
    world.tracker._desk.ring.save(tmp_path / "delegation.ring.json")
    return world


TWO = """
[[tools]]
name = "a.new"
effect = "read"
arguments = {id = "opaque", "page?" = {type = "integer", min = 1}}

[[tools]]
name = "files.read"
effect = "read"
sensitivity = 2
arguments = {path = "text"}
"""


def test_a_list_is_shown_then_recorded_then_the_same(store: World) -> None:
    """--dry-run records nothing; what changed is named field by field; a second import adds no revision."""
    Path("t.toml").write_text(TWO)
    before = store.tracker.catalogue().revision
    shown = RUN.invoke(app, ["catalogue", "import", "t.toml", "--dry-run"])
    assert shown.exit_code == 0
    assert "+ a.new" in shown.stdout
    assert "sensitivity: 1 -> 2" in shown.stdout
    assert "arguments.path: path -> text" in shown.stdout
    assert "tokens issued before this revision are refused" in shown.stdout
    assert store.tracker.catalogue().revision == before
    done = json.loads(RUN.invoke(app, ["catalogue", "import", "t.toml", "--json"]).stdout)
    assert [(t["tool"], t["kind"]) for t in done["tools"]] == [
        ("a.new", "added"),
        ("files.read", "changed"),
    ]
    assert done["revision"] == store.tracker.catalogue().revision == before + 2
    again = json.loads(RUN.invoke(app, ["catalogue", "import", "t.toml", "--json"]).stdout)
    assert {t["kind"] for t in again["tools"]} == {"same"}
    assert again["revision"] == before + 2
    history = json.loads(RUN.invoke(app, ["catalogue", "show", "files.read", "--json"]).stdout)
    assert [h["tool"]["sensitivity"] for h in history] == [1, 2]
    listed = json.loads(RUN.invoke(app, ["catalogue", "list", "--json"]).stdout)
    assert "a.new" in {t["name"] for t in listed["tools"]}


def test_an_alias_shows_its_tool(store: World) -> None:
    """`catalogue show` finds a tool by the name that it has elsewhere, and says its own."""
    store.tracker.add_tool(Tool("a.read", effect="read", aliases=["getUser"]))
    shown = RUN.invoke(app, ["catalogue", "show", "getUser", "--json"])
    assert json.loads(shown.stdout)[0]["tool"]["name"] == "a.read"
    assert "getUser is an alias of a.read" in shown.stderr
    assert RUN.invoke(app, ["catalogue", "show", "getUsr"]).exit_code != 0


def test_what_is_listed_can_be_imported(store: World) -> None:
    """A listed catalogue is a list: what people add to it by hand is all that an import of it changes."""
    listed = json.loads(RUN.invoke(app, ["catalogue", "list", "--json"]).stdout)
    next(tool for tool in listed["tools"] if tool["name"] == "files.read")["labels"] = ["pii"]
    Path("l.json").write_text(json.dumps(listed))
    for form in ([], ["--format", "json"]):
        shown = RUN.invoke(app, ["catalogue", "import", "l.json", "--dry-run", *form])
        assert shown.exit_code == 0, shown.output
        assert shown.stdout.count("~ ") == 1
        assert "labels" in shown.stdout


def test_what_refuses_issued_tokens_is_what_the_law_says(store: World) -> None:
    """The note agrees with the judge: a changed argument type denies a token of before, a label does not."""
    token = store.chain("boss", "clerk")
    for tool, is_denied in (
        (
            Tool(
                "files.read",
                effect="read",
                arguments={"path": "path"},
                labels=["pii"],
                sensitivity=1,
            ),
            False,
        ),
        (Tool("files.read", effect="read", arguments={"path": "text"}, sensitivity=1), True),
    ):
        (one,) = redefinitions(store.tracker.catalogue(), [tool])
        assert one.refuses_issued is is_denied
        store.tracker.add_tool(tool)
        assert store.check(token, "clerk").allowed is not is_denied


REFUSED = {
    "[]": "tools", "{}": "The document", '{"tools": [], "x": 1}': "The document", '"x"': "tools", "[1]": "tools[0]",
    '[{"name": "a.b"}]': "tools[0] (a.b).effect", '[{"effect": "read"}]': "tools[0].name",
    '[{"name": "a.b", "effect": "read", "efect": 1}]': "tools[0] (a.b).efect",
    '[{"name": "a.b", "effect": "read", "\\u001b[31m": 1}]': "tools[0] (a.b).a field",
    '[{"name": "a.b", "effect": "fly"}]': "tools[0] (a.b): effect",
    '[{"name": "A", "effect": "read"}]': "tools[0]: name",
    '[{"name": "a.b", "effect": "read"}, {"name": "a.b", "effect": "read"}]': "tools[1].name",
    '[{"name": "delegation.announce", "effect": "read"}]': "tools[0] (delegation.announce)",
    '[{"name": "a.b", "effect": "read", "sensitivity": 1.5}]': "The list of tools",
    '[{"name": "a.b", "name": "a.c", "effect": "read"}]': "The list of tools",
    '[{"name": "a.b", "effect": "read", "arguments": {"x": "nothing"}}]': "tools[0] (a.b): ",
    '[{"name": "a.b", "effect": "read", "cost": {"usd": "x"}}]': "tools[0] (a.b): cost.usd",
    "[" * 100000: "The list of tools",
}  # fmt: skip


@pytest.mark.parametrize(("text", "place"), REFUSED.items(), ids=range(len(REFUSED)))
def test_a_list_that_is_not_understood_is_refused_with_its_place(
    store: World, text: str, place: str
) -> None:
    """Nothing of it is recorded."""
    with pytest.raises(MalformedError) as caught:
        read_tools(text, "json")
    assert str(caught.value).startswith(place)
    Path("x.json").write_text(text)
    before = store.tracker.catalogue().revision
    done = RUN.invoke(app, ["catalogue", "import", "x.json", "--format", "json", "--json"])
    assert done.exit_code == 1
    assert json.loads(done.stderr)["code"] == "malformed"
    assert store.tracker.catalogue().revision == before


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[[tools]]",
        "tools = 1",
        "x = 2020-01-01",
        "[[tools]]\nname='a.b'\neffect='read'\nsensitivity=2020-01-01",
        "[[tools]]\nname='a.b'\neffect='read'\ncost={usd=1.5}",
    ],
)
def test_toml_of_other_forms_is_refused(text: str) -> None:
    """Dates and floats, too."""
    with pytest.raises(MalformedError):
        read_tools(text, "toml")


API = {
    "openapi": "3.1.0",
    "paths": {
        "/a/{id}": {
            "get": {
                "operationId": "getA",
                "parameters": [{"name": "id", "in": "path", "schema": {"type": "string"}}],
            }
        },
        "/b": {"post": {"operationId": "postB", "parameters": [{"name": "s", "in": "moon"}]}},
    },
}


def test_an_operation_that_cannot_be_mapped_stops_the_import(store: World) -> None:
    """It is listed with its reason; --partial leaves it out by the operator's own word."""
    Path("api.json").write_text(json.dumps(API))
    before = store.tracker.catalogue().revision
    words = ["catalogue", "import", "api.json", "--prefix", "crm"]
    done = RUN.invoke(app, words)
    assert done.exit_code == 1
    assert "POST /b: the parameter s is in moon" in done.stderr
    assert store.tracker.catalogue().revision == before
    part = json.loads(RUN.invoke(app, [*words, "--partial", "--json"]).stdout)
    assert [t["tool"] for t in part["tools"]] == ["crm.get_a"]
    assert part["skipped"] == [
        {"operation": "POST /b", "why": "the parameter s is in moon, which is not read"}
    ]
    assert store.tracker.catalogue().tool("crm.post_b") is None
    assert RUN.invoke(app, ["catalogue", "import", "api.json"]).exit_code == 1  # no prefix
    piped = RUN.invoke(
        app,
        ["catalogue", "import", "-", "--prefix", "crm", "--partial", "--json"],
        input=json.dumps(API),
    )
    assert {t["kind"] for t in json.loads(piped.stdout)["tools"]} == {"same"}


def test_a_tool_that_is_there_is_held_against_its_newest_definition() -> None:
    """Not against one that it had once."""
    old, new = Tool("a.b", effect="read"), Tool("a.b", effect="write")
    both = Catalogue().with_tool(old).with_tool(new)
    assert [r.kind for r in redefinitions(both, [old, new])] == ["changed", "same"]


CONTACTS = {
    "openapi": "3.0.3",
    "paths": {
        "/contacts/{id}": {
            "get": {
                "operationId": "read_contact",
                "parameters": [
                    {"name": "id", "in": "path", "required": True,
                     "schema": {"type": "string", "format": "uuid"}},
                ],
            }
        }
    },
}  # fmt: skip


@pytest.mark.parametrize("act", ["revoke", "suspend"])
def test_an_import_names_what_is_ended_and_brings_nothing_back(store: World, act: str) -> None:
    """Imported without its system, a tool of an ended system stays refused; the import says so."""
    Path("c.json").write_text(json.dumps(CONTACTS))
    imported = ("catalogue", "import", "c.json", "--prefix", "crm")
    assert RUN.invoke(app, [*imported, "--system", "crm"]).exit_code == 0
    call = Access("crm.read_contact", {"id": "0b0a9c0e-5a3c-4b1e-9d53-0123456789ab"}, "crm")
    task = store.tracker.open_task(
        "Look", owner="ana@acme.example", ceiling=Grant([may(call.tool, id=anything())], audience=["crm"])
    )  # fmt: skip
    token = store.tracker.issue(task, to=store.key("boss").public)
    assert store.check(token, "boss", call)
    assert RUN.invoke(app, [act, "system", "crm"]).exit_code == 0
    ended = (10, "system_revoked" if act == "revoke" else "system_suspended")
    assert verdict(store.check(token, "boss", call)) == ended
    for dry in (["--dry-run"], []):
        shown = RUN.invoke(app, [*imported, *dry])
        assert f"system crm is {'revoked' if act == 'revoke' else 'suspended'}" in shown.stdout
        assert verdict(store.check(token, "boss", call)) == ended
    told = json.loads(RUN.invoke(app, [*imported, "--system", "else", "--json"]).stdout)
    ((one,),) = ([tool["ended"] for tool in told["tools"]],)
    assert [(end["kind"], end["id"], end["act"]) for end in one] == [("system", "crm", act)]
    assert verdict(store.check(token, "boss", call)) == ended
    # A new grant under the present definition is new authority, and names what it follows.
    fresh = store.tracker.issue(task, to=store.key("boss").public)
    assert store.check(fresh, "boss", call)
    before = store.tracker.ended_before(fresh.id)
    assert [(end.act, *end.subject) for end in before] == [(act, "system", "crm")]
    assert store.tracker.ended_before(token.id) == []
    if act == "suspend":
        assert RUN.invoke(app, ["resume", "system", "crm"]).exit_code == 0
        assert store.check(token, "boss", call)


PETS = """
openapi: 3.0.3
paths:
  /pets/{petId}:
    get:
      operationId: getPet
      parameters:
        - {name: petId, in: path, required: true, schema: {type: integer, minimum: 1}}
        - {name: note, in: query, schema: {type: string, pattern: "(?=a)"}}
"""


def test_documents_are_recognised_by_what_is_in_them(store: World) -> None:
    """YAML and MCP too; --format says it; notes and bounds are printed, all of them as JSON."""
    Path("pets.yaml").write_text(PETS)
    shown = RUN.invoke(app, ["catalogue", "import", "pets.yaml", "--prefix", "pets"])
    assert shown.exit_code == 0, shown.output
    assert "+ pets.get_pet read" in shown.stdout
    assert (
        "not kept: GET /pets/{petId} query.note: pattern: (?=a) is no plain shape" in shown.stderr
    )
    assert "1 of the document's 2 bounds are kept" in shown.stdout
    told = json.loads(
        RUN.invoke(app, ["catalogue", "import", "pets.yaml", "--format", "openapi", "--prefix", "pets", "--json"]).stdout
    )  # fmt: skip
    assert told["bounds"] == {"kept": 1, "lost": 1}
    assert [note["place"] for note in told["notes"]] == ["GET /pets/{petId} query.note"]
    assert told["tools"][0]["kind"] == "same"
    wrong = RUN.invoke(
        app, ["catalogue", "import", "pets.yaml", "--format", "swagger", "--prefix", "p"]
    )
    assert wrong.exit_code == 1
    assert RUN.invoke(app, ["catalogue", "import", "pets.yaml", "--format", "word"]).exit_code == 2
    listed = {
        "tools": [
            {
                "name": "deleteFile",
                "inputSchema": {"type": "object"},
                "annotations": {"destructiveHint": True},
            }
        ]
    }
    Path("mcp.json").write_text(json.dumps(listed))
    assert (
        "+ hub.delete_file delete"
        in RUN.invoke(app, ["catalogue", "import", "mcp.json", "--prefix", "hub"]).stdout
    )
    assert store.tracker.catalogue().tool("hub.delete_file").aliases == ("deleteFile",)


def test_an_import_that_cannot_be_recorded_whole_records_nothing(store: World) -> None:
    """A name that is another tool's already is found before the first tool is recorded."""
    tools = [
        {"name": "deleteFile", "inputSchema": {"type": "object"}},
        {"name": "addFile", "inputSchema": {"type": "object"}},
    ]
    Path("mcp.json").write_text(json.dumps({"tools": tools}))
    store.tracker.add_tool(Tool("old.tool", effect="delete", aliases=["deleteFile"]))
    before = store.tracker.catalogue().revision
    done = RUN.invoke(app, ["catalogue", "import", "mcp.json", "--prefix", "hub"])
    assert done.exit_code == 1
    assert "deleteFile is a name of the tool old.tool already" in done.stderr
    assert store.tracker.catalogue().revision == before


def test_many_notes_are_cut_on_a_terminal(store: World) -> None:
    """Twenty of them, and how many more there are."""
    paths = {
        f"/{n}": {
            "get": {
                "parameters": [
                    {"name": "q", "in": "query", "schema": {"type": "string", "format": f"f{n}"}}
                ]
            }
        }
        for n in range(30)
    }
    Path("many.json").write_text(json.dumps({"openapi": "3.1.0", "paths": paths}))
    shown = RUN.invoke(app, ["catalogue", "import", "many.json", "--prefix", "many"])
    assert shown.stderr.count("note: GET") == 20
    assert "note: 10 more" in shown.stderr
