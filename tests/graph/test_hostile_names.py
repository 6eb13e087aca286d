"""Names that agents choose are attacks: every drawing shows them literally and loses no node."""

from __future__ import annotations

import json
import re
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from world import World

from delegation import Grant
from delegation.graph import dot_source, edges, graph_json, mermaid, render, svg, text_tree
from delegation.graph.layout import tidy
from delegation.graph.model import children_of
from delegation.graph.names import clean, width
from delegation.lineage.entry import Lineage

HOSTILE = [
    "<b>hi</b>", "<img src=x onerror=alert(1)>", "<script>alert(1)</script>", "a\\", "\\N \\G \\L \\E", "a:b", "a:b:c", "x -> y",
    'a"; b [URL="javascript:alert(1)"]; "', "&lt;b&gt;", "&#60;", "javascript:alert(1)", "data:text/html,x", "]]>", "-->", "<!--",
    "\u202eevil", "a\u200bb", "\ufeff", "\u3164", "e" + "\u0301" * 40, "\U0001f468\u200d\U0001f469", "%%{init: {}}%%", 'n0["x"]', "end",
    "click n0 href", "`code`", "#quot;", "{{x}}", "x" * 500, "[red]rich[/red]", "=1+1", "'; DROP TABLE link;--", "漢字" * 50, "\ud800", "a\nb\x00c",
]  # fmt: skip


@pytest.fixture(scope="module")
def plain() -> Lineage:
    """Return a small lineage with a denial and a revoked branch."""
    world = World()
    left = world.chain("boss", "a", "b")
    right = world.chain("boss", "c")
    world.check(left, "b")
    world.check(left, "b", world.access("ops.restart", host="h.acme.example"))
    world.check(right, "c")
    world.tracker.revoke("link", left.chain.links[1].id, by="t")
    return world.tracker.lineage(world.task).entry


def named(lineage: Lineage, name: str) -> Lineage:
    """Put a hostile text wherever somebody else chooses text."""
    links = tuple(
        replace(link, claimed_name=name, holder_name=name if n % 2 else "", registered=bool(n % 2), owner=name,
                changes=tuple(replace(c, field=name, after=name) for c in link.changes))
        for n, link in enumerate(lineage.links)
    )  # fmt: skip
    decisions = tuple(
        replace(d, tool=name, message=name, code=name if d.code else None)
        for d in lineage.decisions
    )
    return replace(
        lineage,
        task=replace(lineage.task, title=name, owner=name),
        links=links,
        decisions=decisions,
    )


def svg_graph(drawing: str) -> tuple[set[str], set[tuple[str, str]]]:
    """Read nodes and edges back from an SVG."""
    root = ET.fromstring(drawing.encode())
    nodes = {e.attrib["data-node"] for e in root.iter() if "data-node" in e.attrib}
    lines = {
        (e.attrib["data-parent"], e.attrib["data-child"])
        for e in root.iter()
        if "data-child" in e.attrib
    }
    return nodes, lines


ALLOWED = {"svg", "title", "desc", "style", "rect", "text", "path", "g"}


@pytest.mark.parametrize("name", HOSTILE)
def test_the_svg_is_well_formed_inert_and_complete(plain: Lineage, name: str) -> None:
    """No element, link, script or reference comes from a name; every link is drawn once."""
    drawing = svg(named(plain, name))
    root = ET.fromstring(drawing.encode())
    assert {e.tag.partition("}")[2] for e in root.iter()} <= ALLOWED
    assert not any("href" in key or key.startswith("on") for e in root.iter() for key in e.attrib)
    nodes, lines = svg_graph(drawing)
    assert nodes == {"owner", *(link.id for link in plain.links)}
    roots = {("owner", link.id) for link in plain.links if link.parent is None}
    assert lines == roots | set(edges(plain))
    shown = clean(name, 20).rstrip("…")
    if shown.strip():
        assert any(shown[:8] in (e.text or "") for e in root.iter())


@pytest.mark.parametrize("name", HOSTILE)
def test_mermaid_and_text_keep_their_shape(plain: Lineage, name: str) -> None:
    """A name adds no line, no node, no arrow and no markup."""
    drawing = mermaid(named(plain, name))
    assert len(re.findall(r"^  n\d+\[", drawing, re.MULTILINE)) == len(plain.links)
    assert len(re.findall(r"^  (?:n\d+|owner) -", drawing, re.MULTILINE)) == len(plain.links)
    assert "<" not in drawing.replace("<br/>", "")
    tree = text_tree(named(plain, name))
    assert sum(line.lstrip("│ ").startswith(("└─", "├─")) for line in tree.splitlines()) == len(
        plain.links
    )
    assert all(c.isprintable() for c in tree.replace("\n", ""))
    assert max(map(width, tree.splitlines()[2:])) <= 100


@pytest.mark.parametrize("name", HOSTILE)
def test_dot_draws_what_is_there(plain: Lineage, name: str, needs_dot: str) -> None:
    """Graphviz reads exactly our nodes and edges, and no attribute of a name's making."""
    source = dot_source(named(plain, name))
    done = subprocess.run(
        [needs_dot, "-Tjson"], input=source.encode(), capture_output=True, check=True, timeout=90
    )
    body = json.loads(done.stdout)
    names = [node["name"] for node in body["objects"]]
    assert sorted(names) == sorted(["owner", *(f"n{i}" for i in range(len(plain.links)))])
    found = {(names[e["tail"]], names[e["head"]]) for e in body["edges"]}
    index = {link.id: f"n{i}" for i, link in enumerate(plain.links)}
    assert found == {(index.get(link.parent, "owner"), index[link.id]) for link in plain.links}
    assert not any("URL" in o or "href" in o for o in [*body["objects"], *body["edges"]])
    ET.fromstring(render(named(plain, name), "svg"))


def test_pictures_come_in_three_formats(plain: Lineage, needs_dot: str) -> None:
    """PNG, PDF and SVG begin as their formats do."""
    assert needs_dot
    assert render(plain, "png")[:8] == b"\x89PNG\r\n\x1a\n"
    assert render(plain, "pdf")[:5] == b"%PDF-"
    assert b"<svg" in render(plain, "svg")


def test_state_reads_without_colour(plain: Lineage) -> None:
    """Revoked, denied and active differ in word and form in every drawing."""
    drawing, tree = svg(plain), text_tree(plain)
    assert "REVOKED" in tree
    assert "✕ step 8" in tree
    assert 'class="revoked"' in drawing
    assert "stroke-dasharray" in drawing
    assert ">revoked" in drawing
    assert "REVOKED" in mermaid(plain)
    assert "REVOKED" in dot_source(plain)
    closed = replace(plain, links=tuple(replace(link, standing="expired") for link in plain.links))
    assert svg(closed).count('<g class="expired"') == len(plain.links)


def test_edges_say_what_was_narrowed(plain: Lineage) -> None:
    """Each edge carries the difference between two grants, and delegator and holder as its ends."""
    assert "delegations_left: 6" in text_tree(plain) or "delegations_left" in text_tree(plain)
    root = ET.fromstring(svg(plain).encode())
    titles = [e[0].text for e in root.iter() if "data-child" in e.attrib]
    assert all(titles)
    assert any("delegations_left" in (t or "") for t in titles)


@settings(max_examples=40)
@given(data=st.data())
def test_drawn_edges_equal_parents_and_boxes_never_touch(data) -> None:
    """For any forest the drawing has its edges, and no two cards overlap."""
    count = data.draw(st.integers(1, 60))
    parents = [data.draw(st.integers(-1, n - 1)) for n in range(count)]
    heights = [float(data.draw(st.integers(40, 200))) for _ in range(count)]
    children = [[c for c in range(count) if parents[c] == n] for n in range(count)]
    roots = [n for n in range(count) if parents[n] == -1]
    places = tidy(roots, children, heights, 10.0)
    for n, place in enumerate(places):
        assert place.column == (0 if parents[n] == -1 else places[parents[n]].column + 1)
        for m in range(n):
            if places[m].column == place.column:
                apart = (
                    place.top >= places[m].top + heights[m] + 9.99
                    or places[m].top >= place.top + heights[n] + 9.99
                )
                assert apart
    assert min(p.top for p in places) == 0


def test_a_deep_and_wide_forest_is_laid_out_without_recursion() -> None:
    """50,000 links are placed; nothing recurses."""
    count = 50_000
    children: list[list[int]] = [[] for _ in range(count)]
    for n in range(1, count):
        children[(n - 1) // 5].append(n)
    assert len(tidy([0], children, [50.0] * count, 8.0)) == count


def test_a_link_without_its_parent_is_not_lost(plain: Lineage) -> None:
    """What cannot be attached is drawn as a root, never dropped."""
    orphaned = replace(plain, links=plain.links[1:])
    roots, children = children_of(orphaned.links)
    assert len(roots) + sum(map(len, children)) == len(orphaned.links)


def test_the_model_has_no_token_bytes(plain: Lineage) -> None:
    """JSON for pages and tests holds ids, standing and counts, and nothing that can be used."""
    body = json.dumps(graph_json(plain))
    assert "dct." not in body
    assert "signature" not in body
    assert graph_json(plain)["counts"] == {"links": len(plain.links), "allowed": 2, "denied": 1}


def test_the_same_lineage_gives_the_same_bytes(plain: Lineage) -> None:
    """Drawings are deterministic."""
    for draw in (svg, mermaid, text_tree, dot_source):
        assert draw(plain) == draw(plain)
    world = World()
    world.chain("boss", "a").delegate(by=world.key("a"), to=world.key("b").public, grant=Grant())
    assert "no calls" in svg(world.tracker.lineage(world.task).entry)
