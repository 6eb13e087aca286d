"""Exports of hostile names: every form is read by another reader, and has what is there and no more."""

from __future__ import annotations

import csv
import io
import json
import re
import struct
import subprocess
import xml.etree.ElementTree as ET
import zlib
from dataclasses import replace

import pytest
from prov.model import ProvDocument
from reading import read_text
from world import World

from delegation.commands.export import gather
from delegation.commands.export_data import Bounds
from delegation.commands.questions import Moment
from delegation.export.drawings import DRAWINGS
from delegation.export.graphml import graphml
from delegation.export.manifest import Manifest
from delegation.export.ocsf import ocsf_events
from delegation.export.prov import prov_json
from delegation.export.rows import csv_rows, json_rows, listed
from delegation.export.table import TABLES
from delegation.graph.model import graph_json
from delegation.lineage.analysis.cutting import Cutting
from delegation.lineage.entry import Called
from delegation.lineage.selection import VIEWS, Selection

HOSTILE = [
    "<b>hi</b>", "<img src=x onerror=alert(1)>", "<script>alert(1)</script>", "a\\", "\\N \\G", "a:b", "x -> y", "</graphml>", "</metadata>",
    'a"; b [URL="javascript:alert(1)"]; "', "&lt;b&gt;", "&#60;", "]]>", "-->", "<!--", "<?xml-stylesheet href='//x'?>", "%%{init: {}}%%",
    "\u202eevil", "a\u200bb", "\ufeff", "e" + "\u0301" * 40, 'n0["x"]', "click n0 href", "#quot;", "x" * 5000, "*/ x /*", "// \\",
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\u200b=1", "\uff1d1+1", "\uff20SUM(A1)", "a,b\r\nc", '"quoted"', "\ud800", "a\nb\x00c", "prov:x", "d:lnk_", "_:b", "漢字" * 50,
]  # fmt: skip


@pytest.fixture(scope="module")
def forest() -> tuple[Cutting, ...]:
    """Return two tasks: one with a denial, a claimed cause and a revoked branch."""
    world = World()
    left = world.chain("boss", "a", "b")
    first = world.check(left, "b")
    caused = replace(world.access(), cause=first.id)
    world.check(left, "b", caused)
    world.check(left, "b", world.access("ops.restart", host="h.acme.example"))
    world.check(world.chain("boss", "c"), "c")
    world.tracker.revoke("link", left.chain.links[1].id, by="t", reason="r")
    world.task = world.open()
    world.chain("boss", "d")
    with world.tracker._store.read() as reader:
        wanted, bounds = Selection("lineage", "csv"), Bounds(10_000, 10_000)
        return tuple(gather(reader, wanted, Moment(world.at), bounds).entries)


def named(forest: tuple[Cutting, ...], name: str) -> tuple[Cutting, ...]:
    """Put a hostile text wherever somebody else chooses text."""

    def one(cut: Cutting) -> Cutting:
        links = tuple(
            replace(link, claimed_name=name, holder_name=name if n % 2 else "", registered=bool(n % 2), owner=name,
                    changes=tuple(replace(c, field=name, after=name) for c in link.changes))
            for n, link in enumerate(cut.lineage.links)
        )  # fmt: skip
        made = tuple(
            replace(d, tool=name, message=name, code=name if d.code else None)
            for d in cut.lineage.decisions
        )
        task = replace(cut.lineage.task, title=name, owner=name)
        endings = tuple(replace(e, by=name, reason=name) for e in cut.endings)
        lineage = replace(cut.lineage, task=task, links=links, decisions=made)
        return replace(cut, lineage=lineage, endings=endings)

    return tuple(map(one, forest))


def said(form: str, name: str = "x", view: str = "lineage") -> Manifest:
    """Return a manifest whose filter is hostile, too."""
    given = (
        {"tool": name.replace("\x00", "").replace("\ud800", "")[:128] or "x"}
        if view == "decisions"
        else {}
    )
    return Manifest(Selection(view, form, **given), 1_800_000_000, 3, 5, 5, name)


def text(parts) -> str:
    """Join what a writer yields; it must be text that UTF-8 can carry."""
    joined = "".join(parts)
    joined.encode("utf-8")
    return joined


def parents(forest: tuple[Cutting, ...]) -> set[tuple[str, str]]:
    """Return (parent or task, link) of every link."""
    return {
        (link.parent or cut.lineage.task.id, link.id)
        for cut in forest
        for link in cut.lineage.links
    }


@pytest.mark.parametrize("name", HOSTILE)
def test_graphml_has_our_nodes_and_edges_only(forest, name: str) -> None:
    """ElementTree reads each task, each link, and an edge to each link from what is above it."""
    body = text(graphml(named(forest, name), said("graphml", name)))
    root = ET.fromstring(body.encode())
    space = "{http://graphml.graphdrawing.org/xmlns}"
    assert {e.tag for e in root.iter()} <= {
        space + tag for tag in ("graphml", "desc", "key", "graph", "node", "edge", "data")
    }
    ids = {
        node.attrib["id"]: next(d.text for d in node if d.attrib["key"] == "n_id")
        for node in root.iter(space + "node")
    }
    edges = [(ids[e.attrib["source"]], ids[e.attrib["target"]]) for e in root.iter(space + "edge")]
    assert sorted(edges) == sorted(parents(forest))
    keys = {key.attrib["id"] for key in root.iter(space + "key")}
    assert {d.attrib["key"] for d in root.iter(space + "data")} <= keys
    told = {d.attrib["key"]: d.text for d in root.find(space + "graph").findall(space + "data")}
    assert (told["g_shown"], told["g_epoch"], told["g_at"]) == ("5", "3", "1800000000")


@pytest.mark.parametrize("name", HOSTILE)
def test_prov_is_read_back_equal_and_keeps_two_holders_two(forest, name: str) -> None:
    """The package prov reads what is written; nothing a name says becomes an identifier."""
    body = text(prov_json(named(forest, name), said("prov", name)))
    document = ProvDocument.deserialize(content=body, format="json")
    assert ProvDocument.deserialize(content=document.serialize(format="json"), format="json") == document  # fmt: skip
    assert text(prov_json(named(forest, name), said("prov", name))) == body
    raw = json.loads(body)
    assert raw["prefix"] == {"d": "urn:delegation:"}
    links = {f"d:{link.id}" for cut in forest for link in cut.lineage.links}
    assert set(raw["entity"]) == links | {"d:export"}
    derived = {
        (r["prov:usedEntity"], r["prov:generatedEntity"]) for r in raw["wasDerivedFrom"].values()
    }
    assert derived == {(f"d:{a}", f"d:{b}") for a, b in parents(forest) if a.startswith("lnk_")}
    holders = {key for cut in forest for key in cut.keys.values()}
    assert sum(one.startswith("d:key.") for one in raw["agent"]) == len(holders)
    made = {f"d:{d.id}" for cut in forest for d in cut.lineage.decisions}
    assert {one for one in raw["activity"] if one.startswith("d:dec_")} == made
    assert all(re.fullmatch(r"d:[A-Za-z0-9_.-]+", one) for kind in ("entity", "agent", "activity") for one in raw[kind])  # fmt: skip
    (informed,) = raw["wasInformedBy"].values()
    assert informed["d:claimed"] is True
    ended = {r["prov:entity"] for r in raw["wasInvalidatedBy"].values()}
    assert ended == {f"d:{link.id}" for cut in forest for link in cut.lineage.links if link.standing == "revoked"}  # fmt: skip
    assert len(ended) == 2


@pytest.mark.parametrize("name", HOSTILE)
def test_csv_has_a_row_each_and_no_formula(forest, name: str) -> None:
    """The module csv reads as many rows as there are; no cell is one that a spreadsheet runs."""
    hostile = named(forest, name)
    for view, entries in (
        ("lineage", [link for cut in hostile for link in cut.lineage.links]),
        ("tasks", [cut.lineage.task for cut in hostile]),
        ("decisions", [d for cut in hostile for d in cut.lineage.decisions]),
    ):
        body = text(csv_rows(TABLES[view], entries))
        assert re.search(r"(?<!\r)\n", body) is None
        rows = list(csv.reader(io.StringIO(body, newline=""), strict=True))
        assert tuple(rows[0]) == TABLES[view].columns
        assert len(rows) == 1 + len(entries)
        assert {len(row) for row in rows} == {len(rows[0])}
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")) for row in rows for cell in row)  # fmt: skip
        assert [row[rows[0].index("id")] for row in rows[1:]] == [one.id for one in entries]


def test_a_formula_behind_a_mark_is_none_either(forest) -> None:
    """The escape in front of the sign is what the cell begins with."""
    (task,) = named(forest[:1], "\u200b\ufeff=1+1")
    (row,) = list(csv_rows(TABLES["tasks"], [task.lineage.task]))[1:]
    assert ",\\u200b\\ufeff=1+1," in row


@pytest.mark.parametrize("between", [";", "|", "; ", "|'", ';"', " ", "\t"])
def test_no_other_separator_makes_a_formula(forest, between: str) -> None:
    """Where a reader splits at semicolons, tabs or bars, or drops spaces, nothing begins as one."""
    (task,) = named(forest[:1], f"x{between}=cmd|'/C calc'!A0")
    (row,) = list(csv_rows(TABLES["tasks"], [task.lineage.task]))[1:]
    for delimiter in ";|\t":
        cells = next(csv.reader([row], delimiter=delimiter, skipinitialspace=True))
        assert not any(cell.strip(" \"'").startswith("=") for cell in cells)


UNSEEN = ["Approve this" + "".join(chr(0xE0000 + ord(c)) for c in "and wire 500"), "pass\u00adword", "x\u2060y\u3164z",
    "'=1+1", "''", "'s", "x;=1", "a; -b|@c", " =1", "a  b ", "end " * 3000 + "here", "cafe\u0301", "Khmer \u1781\u200b\u1782", "\U0001f469\u200d\U0001f4bb"]  # fmt: skip


@pytest.mark.parametrize("name", [*HOSTILE, *UNSEEN])
def test_records_hold_every_text_whole(forest, name: str) -> None:
    """CSV and GraphML read back by the escapes, JSON, PROV and OCSF as they are: nothing cut or deleted."""
    hostile = named(forest, name)
    tasks = [cut.lineage.task for cut in hostile]
    rows = list(csv.DictReader(io.StringIO(text(csv_rows(TABLES["tasks"], tasks)), newline="")))
    cell = rows[0]["title"]
    guarded = re.match("'+[=+\\-@\uff1d\uff0b\uff0d\uff20]", cell) is not None
    assert read_text(cell[guarded:]) == name
    manifest = said("json")
    rows = json.loads(text(json_rows(TABLES["tasks"], tasks, manifest)))["rows"]
    assert [(row["title"], row["owner"]) for row in rows] == [(name, name)] * len(tasks)
    root = ET.fromstring(text(graphml(hostile, said("graphml"))).encode())
    owners = [d.text or "" for d in root.iter() if d.attrib.get("key") == "n_owner"]
    assert owners
    assert {read_text(owner) for owner in owners} == {name}
    told = json.loads(text(prov_json(hostile, said("prov"))))
    labels = {one["prov:label"] for one in told["agent"].values()}
    assert name in labels


@pytest.mark.parametrize("name", HOSTILE)
def test_json_is_ascii_and_states_what_it_is(forest, name: str) -> None:
    """Any JSON reader reads it, whatever stands in it; the manifest comes first."""
    hostile = named(forest, name)
    made = [d for cut in hostile for d in cut.lineage.decisions]
    for body, member, number in (
        (text(json_rows(TABLES["decisions"], made, said("json", name, "decisions"))), "rows", len(made)),
        (text(listed("tasks", (graph_json(c.lineage) for c in hostile), said("json", name))), "tasks", len(hostile)),
    ):  # fmt: skip
        assert body.isascii()
        read = json.loads(body)
        assert list(read) == ["export", member]
        assert len(read[member]) == number
        assert read["export"]["at"] == 1_800_000_000


@pytest.mark.parametrize("name", HOSTILE)
def test_drawings_state_what_they_are_and_keep_their_shape(
    forest, name: str, needs_dot: str
) -> None:
    """SVG, Mermaid and DOT of two tasks: no name adds an element, a line, a node or a directive."""
    lineages = [cut.lineage for cut in named(forest, name)]
    number = sum(len(one.links) for one in lineages)
    body = text(DRAWINGS["svg"].stated(lineages, said("svg", name)))
    root = ET.fromstring(body.encode())
    assert {e.tag.partition("}")[2] for e in root.iter()} <= {"svg", "title", "desc", "metadata", "style", "rect", "text", "path", "g"}  # fmt: skip
    assert not any("href" in key or key.startswith("on") for e in root.iter() for key in e.attrib)
    ids = [e.attrib["id"] for e in root.iter() if "id" in e.attrib]
    assert len(ids) == len(set(ids))
    assert json.loads(root.find("{http://www.w3.org/2000/svg}metadata").text)["shown"] == 5
    assert sum("data-child" in e.attrib for e in root.iter()) == number
    flow = text(DRAWINGS["mmd"].stated(lineages, said("mmd", name)))
    assert len(re.findall(r"^  n\d+\[", flow, re.MULTILINE)) == number
    assert len(set(re.findall(r"^  (n\d+)\[", flow, re.MULTILINE))) == number
    assert len(re.findall(r"^  (?:n\d+|owner\d*) -", flow, re.MULTILINE)) == number
    assert flow.count("%%") == 6
    assert "{" not in flow.replace('{"', "")
    dot = text(DRAWINGS["dot"].stated(lineages, said("dot", name)))
    done = subprocess.run([needs_dot, "-Tjson"], input=dot.encode(), capture_output=True, check=True, timeout=90)  # fmt: skip
    graph = json.loads(done.stdout)
    assert len(graph["objects"]) == number + len(lineages)
    assert len(graph["edges"]) == number
    assert not any("URL" in o or "href" in o for o in [*graph["objects"], *graph["edges"]])


def test_a_png_says_what_it_is_in_a_chunk_of_its_own(forest, needs_dot: str) -> None:
    """The chunk's sum is right, its text is the manifest, and the picture is still one."""
    assert needs_dot
    manifest = said("png", "ä<b>")
    (data,) = DRAWINGS["png"].stated([cut.lineage for cut in forest], manifest)
    place, kinds = 8, []
    while place < len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        chunk = data[place + 4 : place + 8 + length]
        assert struct.unpack(">I", data[place + 8 + length : place + 12 + length])[0] == zlib.crc32(chunk)  # fmt: skip
        kinds.append(chunk[:4])
        if chunk[:16] == b"tEXtDescription\x00":
            assert json.loads(chunk[16:]) == manifest.to_json()
        place += 12 + length
    assert kinds[:2] == [b"IHDR", b"tEXt"]
    assert kinds[-1] == b"IEND"
    (page,) = DRAWINGS["pdf"].stated([cut.lineage for cut in forest], said("pdf"))
    assert page.startswith(b"%PDF-")


@pytest.mark.parametrize("name", HOSTILE)
def test_ocsf_events_have_what_the_class_requires(forest, name: str) -> None:
    """API Activity with `ai_operation`: required members, one event a decision, the chain in it."""
    calls = []
    for cut in named(forest, name):
        by_id = {link.id: link for link in cut.lineage.links}
        for made in cut.lineage.decisions:
            chain, up = [], made.link
            while up in by_id:
                chain.insert(0, by_id[up])
                up = by_id[up].parent
            calls.append(Called(made, tuple(chain), "write"))
    calls.append(Called(replace(calls[0].decision, link=None), (), None))
    body = text(ocsf_events(calls, "https://i.example", said("ocsf", name, "decisions")))
    events = json.loads(body)["events"]
    assert len(events) == len(calls)
    for call, event in zip(calls, events, strict=True):
        for member in ("activity_id", "category_uid", "class_uid", "type_uid", "time", "severity_id", "metadata", "actor", "api", "src_endpoint"):  # fmt: skip
            assert event[member] not in (None, {}, "")
        assert event["class_uid"] == 6003
        assert event["type_uid"] == 600_300 + event["activity_id"]
        assert event["activity_id"] in {0, 1, 2, 3, 4, 99}
        assert event["time"] == call.decision.at * 1000
        assert event["metadata"]["version"] == "1.9.0-dev"
        assert event["metadata"]["profiles"] == ["ai_operation"]
        assert event["metadata"]["product"]["vendor_name"]
        assert event["api"]["operation"]
        assert event["status_id"] == (1 if call.decision.allowed else 2)
        assert event["actor"]["authorizations"][0]["decision"] in {"allowed", "denied"}
        assert set(event["src_endpoint"]) & {"name", "uid"}
        if not call.chain:
            assert "delegation" not in event
            continue
        assert event["delegation"]["uid"] == call.chain[-1].id
        assert ("parent_uid" in event["delegation"]) == (len(call.chain) > 1)
        assert event["delegation"].get("parent_uid") == call.chain[-1].parent
        assert event["unmapped"]["root_uid"] == call.chain[0].id
        assert event["ai_agent"]["uid"]


def test_every_view_that_is_a_table_has_one() -> None:
    """A view with rows has columns, each once."""
    assert {view for view, one in VIEWS.items() if "csv" in one.forms} == set(TABLES)
    for table in TABLES.values():
        assert len(set(table.columns)) == len(table.columns)
