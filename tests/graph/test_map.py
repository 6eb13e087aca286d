"""Maps: for any forest nothing is lost, moved, overlapped or miscounted, and folds hide nothing urgent."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

from delegation import Grant
from delegation.graph.layout import tidy
from delegation.graph.map_json import map_json
from delegation.graph.map_places import placed
from delegation.graph.map_svg import MARKS, map_svg
from delegation.lineage.analysis.focus import MAX_NODES, Focus, Wanted, focus
from delegation.lineage.entry import TaskEntry
from delegation.lineage.outline import STRENGTH, LinkOutline, TaskOutline

TASK = TaskEntry("tsk_1", "T", "ana", "open", 0, 9, False, Grant(), None, ())
STANDINGS = ("active", "suspended", "revoked", "expired", "task_closed")


def link(number: int, parent: int | None = None, **fields) -> LinkOutline:
    """Return a link by numbers."""
    given = {
        "depth": 0, "holder_name": f"a{number}", "claimed_name": f"a{number}", "holder_key": number.to_bytes(32, "big"),
        "registered": True, "effect": "read", "expires_at": 9, "recorded_at": number, "standing": "active", "ended_by": "", **fields,
    }  # fmt: skip
    return LinkOutline(
        id=f"lnk_{number:043d}",
        task="tsk_1",
        parent=None if parent is None else f"lnk_{parent:043d}",
        **given,
    )


def name(number: int) -> str:
    """Return the id of a link by its number."""
    return f"lnk_{number:043d}"


@st.composite
def forests(draw, most: int = 60) -> TaskOutline:
    """Draw a task with any forest: parents before children, depth at most 15."""
    count = draw(st.integers(0, most))
    depths: list[int] = []
    links = []
    for number in range(count):
        shallow = [n for n in range(number) if depths[n] < 15]
        parent = draw(st.sampled_from([None, *shallow])) if shallow else None
        depths.append(0 if parent is None else depths[parent] + 1)
        links.append(
            link(
                number,
                parent,
                depth=depths[-1],
                standing=draw(st.sampled_from(STANDINGS)),
                effect=draw(st.sampled_from(STRENGTH)),
                denied=draw(st.sampled_from([0, 0, 0, 2])),
                allowed=draw(st.integers(0, 2)),
                waiting=draw(st.sampled_from([0, 0, 0, 0, 1])),
            )
        )
    return TaskOutline(TASK, tuple(links))


@st.composite
def wants(draw, forest: TaskOutline) -> Wanted:
    """Draw anything that may be asked of a forest."""
    ids = [one.id for one in forest.links] or ["lnk_none"]
    return Wanted(
        draw(st.sampled_from(["", "lnk_unknown", *ids])),
        tuple(draw(st.lists(st.sampled_from([*ids, "tsk_1"]), max_size=4, unique=True))),
        frozenset(draw(st.lists(st.sampled_from(STANDINGS), max_size=2))),
        frozenset(draw(st.lists(st.sampled_from(["allowed", "denied", "waiting"]), max_size=2))),
    )


def subtree(forest: TaskOutline, top: str) -> set[str]:
    """Return the ids below and at a link."""
    found = {top}
    for one in forest.links:
        if one.parent in found:
            found.add(one.id)
    return found


def bundles(shown: Focus) -> list[tuple[str, object]]:
    """Return each bundle with the id of what it hangs under."""
    out = []
    for node in shown.nodes:
        if node.bundle is not None:
            above = shown.nodes[node.parent]
            out.append((above.link.id if above.link else above.task.id, node.bundle))
    return out


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_counts_add_up_and_bundles_count_the_hidden_subtrees(data) -> None:
    """Shown, folded and filtered are all links; each bundle's numbers are over what it hides."""
    forest = data.draw(forests())
    wanted = data.draw(wants(forest))
    shown = focus([forest], wanted, most=data.draw(st.sampled_from([8, 20, MAX_NODES])))
    assert len(shown.nodes) <= MAX_NODES
    assert shown.total == len(forest.links) == shown.shown + shown.folded + shown.filtered
    drawn = {node.link.id for node in shown.nodes if node.link}
    by_id = {one.id: one for one in forest.links}
    path = ancestors(by_id, wanted.focus)
    kept = {
        top.id
        for top in forest.links
        if any(wanted.admits(by_id[i]) for i in subtree(forest, top.id))
    } | path
    assert shown.filtered == len(by_id.keys() - kept)
    assert sum(bundle.links for _, bundle in bundles(shown)) == shown.folded
    for above, bundle in bundles(shown):
        parent = None if above == "tsk_1" else above
        tops = [one.id for one in forest.links if one.parent == parent and one.id in kept - drawn]
        hidden = [by_id[i] for top in tops for i in subtree(forest, top) & kept]
        assert bundle.siblings == len(tops)
        assert bundle.links == len(hidden)
        assert bundle.denied == sum(one.denied > 0 for one in hidden)
        assert bundle.can_write == sum(one.can_write for one in hidden)
        assert bundle.waiting == sum(one.waiting > 0 for one in hidden)


def ancestors(by_id: dict[str, LinkOutline], chosen: str) -> set[str]:
    """Return a link's id and those above it."""
    found: set[str] = set()
    while chosen in by_id:
        found.add(chosen)
        chosen = by_id[chosen].parent or ""
    return found


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_fold_hides_nothing_selected_denied_or_waiting(data) -> None:
    """However many siblings are folded: what is urgent is drawn, as far as the filters admit it."""
    forest = data.draw(forests())
    wanted = data.draw(wants(forest))
    shown = focus([forest], wanted)
    drawn = {node.link.id for node in shown.nodes if node.link}
    for one in forest.links:
        if (one.denied or one.waiting) and wanted.admits(one):
            assert one.id in drawn
    assert shown.unfit == 0
    assert ancestors({one.id: one for one in forest.links}, wanted.focus) <= drawn


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_drawn_edges_are_stored_parents_in_order_with_ancestors(data) -> None:
    """Each drawn link hangs under its stored parent, siblings in recorded order, bundles last."""
    forest = data.draw(forests())
    wanted = data.draw(wants(forest))
    shown = focus([forest], wanted)
    ways = Straight()
    root = ET.fromstring(map_svg(shown, ways))
    drawn = {e.get("data-child"): e.get("data-parent") for e in root.iter() if e.get("data-child")}
    stored = {one.id: one.parent or "tsk_1" for one in forest.links}
    links = {child: parent for child, parent in drawn.items() if not child.startswith("more-")}
    assert links == {n.link.id: stored[n.link.id] for n in shown.nodes if n.link}
    order = [one.id for one in forest.links]
    spots = placed(shown).spots
    for number in range(len(shown.nodes)):
        children = [n for n, node in enumerate(shown.nodes) if node.parent == number]
        numbers = [order.index(shown.nodes[n].link.id) for n in children if shown.nodes[n].link]
        assert numbers == sorted(numbers)
        assert [spots[n].y for n in children] == sorted(spots[n].y for n in children)
        assert all(shown.nodes[n].link for n in children[:-1])
    path = [spots[n].middle for n, node in enumerate(shown.nodes) if node.on_path]
    assert max(path, default=0) - min(path, default=0) < 0.01


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_selected_path_is_straight_and_boxes_never_touch(data) -> None:
    """In any forest with boxes of any height: one straight path, no overlap, order kept."""
    count = data.draw(st.integers(1, 60))
    parents = [data.draw(st.integers(-1, n - 1)) for n in range(count)]
    heights = [float(data.draw(st.integers(40, 200))) for _ in range(count)]
    children = [[c for c in range(count) if parents[c] == n] for n in range(count)]
    roots = [n for n in range(count) if parents[n] == -1]
    chosen, path = data.draw(st.integers(0, count - 1)), set()
    while chosen >= 0:
        path.add(chosen)
        chosen = parents[chosen]
    places = tidy(roots, children, heights, 10.0, path)
    middles = [places[n].top + heights[n] / 2 for n in path]
    assert max(middles) - min(middles) < 0.001
    for n, place in enumerate(places):
        for m in range(n):
            if places[m].column == place.column:
                assert (
                    place.top >= places[m].top + heights[m] + 9.99
                    or places[m].top >= place.top + heights[n] + 9.99
                )
    for siblings in [roots, *children]:
        tops = [places[n].top for n in siblings]
        assert tops == sorted(tops)
    assert tidy(roots, children, heights, 10.0, path) == places


def test_a_leaf_slides_up_beside_its_siblings_subtree() -> None:
    """Contours are packed: a leaf does not wait below its sibling's whole subtree."""
    children: list[list[int]] = [[1, 2], [3, 4, 5, 6], [], [], [], [], []]
    places = tidy([0], children, [40.0] * 7, 10.0)
    assert places[2].top == places[1].top + 50


class Straight:
    """Ways that lead somewhere harmless."""

    def select(self, link: str) -> str:
        return f"/m?focus={link}"

    def unfold(self, name: str) -> str:
        return f"/m?open={name}"

    def fold(self, name: str) -> str:
        return "/m"

    def task(self, task: str) -> str:
        return f"/tasks/{task}/map"


def crowd(count: int, **fields) -> TaskOutline:
    """Return a task with a root and so many children, all alike."""
    children = [link(n, 0, depth=1, **fields) for n in range(1, count)]
    return TaskOutline(TASK, (link(0), *children))


def test_ten_thousand_links_stay_within_the_budget() -> None:
    """At most 300 nodes and 100 kB, whatever is denied and whatever letters names have."""
    wide = "\U0001f600" * 80
    for fields in (
        {},
        {"denied": 1},
        {"denied": 999_999, "allowed": 999_999, "waiting": 99_999, "holder_name": wide, "standing": "task_closed", "effect": "actuate"},
        {"registered": False, "claimed_name": wide, "denied": 999_999, "allowed": 999_999, "expires_at": 2**53},
    ):  # fmt: skip
        for wanted in (Wanted(), Wanted(name(9_000)), Wanted(name(9_000), (name(0), "tsk_1"))):
            shown = focus([crowd(10_000, **fields)], wanted)
            assert len(shown.nodes) <= MAX_NODES
            body = json.dumps(map_json(shown), separators=(",", ":"), ensure_ascii=False).encode()
            assert len(body) <= 100_000
            assert shown.shown + shown.folded == 10_000
            assert (shown.unfit > 0) == bool(fields.get("denied"))


def test_the_first_view_of_many_links_is_small() -> None:
    """Ten thousand harmless links are first drawn as one screen, not as three hundred nodes."""
    assert len(focus([crowd(10_000)], Wanted()).nodes) <= 40


def test_opening_a_bundle_shows_one_level() -> None:
    """What is unfolded are children, not their whole subtrees."""
    links = [link(0)] + [link(n, 0, depth=1) for n in range(1, 31)]
    links += [link(100 + n, n, depth=2) for n in range(1, 31)]
    forest = TaskOutline(TASK, tuple(links))
    shown = focus([forest], Wanted(name(1), (name(0),)))
    drawn = {node.link.id for node in shown.nodes if node.link}
    assert {name(n) for n in range(1, 31)} <= drawn
    assert name(130) not in drawn


def test_filters_keep_ancestors_and_say_so() -> None:
    """A revoked leaf is seen with what is above it, marked as context; the rest is counted."""
    links = (
        link(0),
        link(1, 0, depth=1),
        link(2, 1, depth=2, standing="revoked"),
        link(3, 0, depth=1),
    )
    shown = focus([TaskOutline(TASK, links)], Wanted(standing=frozenset({"revoked"})))
    assert [(n.link.id, n.is_context) for n in shown.nodes if n.link] == [
        (name(0), True),
        (name(1), True),
        (name(2), False),
    ]
    assert shown.filtered == 1


def test_a_link_whose_parent_is_not_recorded_is_not_lost() -> None:
    """It hangs under its task."""
    shown = focus([TaskOutline(TASK, (link(5, 4),))], Wanted())
    assert shown.shown == 1


def test_every_state_has_a_form_and_a_word() -> None:
    """Without colour: read from write, denied, revoked, expired, closed and waiting are told apart."""
    kinds = [
        {"effect": "read"}, {"effect": "admin"}, {"denied": 3}, {"standing": "revoked"}, {"standing": "expired"},
        {"standing": "task_closed"}, {"waiting": 1}, {"standing": "suspended"},
    ]  # fmt: skip
    seen = set()
    for fields in kinds:
        drawing = map_svg(focus([TaskOutline(TASK, (link(0, **fields),))], Wanted()), Straight())
        body = re.search(r'<a id="n-lnk.*?</a>', drawing, re.DOTALL).group()
        edge = re.search(r'class="(edge [a-z_ ]+)"', drawing).group(1)
        shapes = tuple(re.findall(r'class="(?:mark|pen)[^"]*"[^>]* d="([^"]+)"', body))
        seen.add((edge, shapes))
        word = str(fields.get("standing", fields.get("effect", ""))).replace("_", " ")
        assert word in re.sub(r"<[^>]+>", " ", body)
    assert len(seen) == len(kinds)
    assert set(MARKS) >= {"suspended", "waiting"}


def test_hostile_names_are_text_in_a_map() -> None:
    """Whatever a holder is called: one link more, no element, no script, no unknown href."""
    for text in (
        '"><script>alert(1)</script>',
        "javascript:alert(1)",
        "\u202eevil",
        "a\x00b",
        "\ud800",
        "]]>",
        "x" * 500,
    ):
        for registered in (True, False):
            one = link(0, holder_name=text, claimed_name=text, registered=registered)
            root = ET.fromstring(
                map_svg(focus([TaskOutline(TASK, (one,))], Wanted()), Straight()).encode()
            )
            names = {e.tag.rpartition("}")[2] for e in root.iter()}
            assert names <= {"svg", "g", "a", "rect", "path", "text", "tspan", "title", "circle"}
            assert {e.get("href") for e in root.iter() if e.get("href")} == {
                "/tasks/tsk_1/map",
                f"/m?focus={one.id}",
            }
