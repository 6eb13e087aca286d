"""What hangs below an opener: every reading follows child tasks, so that nobody cuts too little knowing."""

from __future__ import annotations

import re

import pytest
from below import open_below
from sqlalchemy import inspect, text
from world import NOW, World

from delegation import Grant
from delegation.commands import questions
from delegation.errors import DelegationError
from delegation.lineage.analysis.focus import Wanted, focus
from delegation.lineage.entry import Lineage
from delegation.lineage.news import Cursor
from delegation.lineage.survey import Ground
from delegation.messages.answers import answer_json, read_answer
from delegation.records.lineage import links


class Nested:
    """boss > a, who opens a task for `sub` > `leaf`, who opens one for `deep`; and a sibling `b`."""

    def __init__(self, world: World) -> None:
        """Make and use them."""
        self.world = world
        self.opener = world.chain("boss", "a")
        self.first, self.sub = open_below(world, self.opener, "a", "sub", lasts=900)
        self.leaf = self.sub.delegate(
            by=world.key("sub"), to=world.key("leaf").public, grant=Grant()
        )
        assert world.check(self.leaf, "leaf")
        self.second, self.deep = open_below(world, self.leaf, "leaf", "deep", lasts=800)
        assert world.check(self.deep, "deep")

    @property
    def below(self) -> list[str]:
        """What hangs below the opener, nearest first."""
        return [self.sub.id, self.leaf.id, self.deep.id]


@pytest.fixture
def nested(world: World) -> Nested:
    """Return it on each engine."""
    return Nested(world)


def test_descendants_go_on_in_child_tasks(nested: Nested) -> None:
    """Parents come before children, tasks above before tasks below, and a limit keeps the nearest."""
    tracker = nested.world.tracker
    found = tracker.descendants(nested.opener.id)
    assert [link.id for link in found] == nested.below
    assert [link.above for link in found] == [nested.opener.id, nested.sub.id, nested.leaf.id]
    assert [link.id for link in tracker.descendants(nested.opener.id, limit=2)] == nested.below[:2]
    assert [link.id for link in tracker.descendants(nested.opener.chain.root.id)] == [
        nested.opener.id,
        *nested.below,
    ]
    assert tracker.descendants(nested.deep.id) == []


def test_a_past_reading_has_only_what_was_there(nested: Nested) -> None:
    """What hangs below now and was not recorded then takes no room of the answer for then."""
    world = nested.world
    world.at = NOW + 5
    open_below(world, nested.opener, "a", "late", lasts=500)
    assert len(world.tracker.descendants(nested.opener.id)) == 4
    then = world.tracker.descendants(nested.opener.id, limit=3, at=NOW)
    assert [link.id for link in then] == nested.below
    below = world.tracker.lineage(world.task, at=NOW).entry.below
    assert [task.id for task in below] == [nested.first.id, nested.second.id]
    assert len(world.tracker.lineage(world.task).entry.below) == 3


@pytest.mark.parametrize("kind", ["link", "key", "agent", "task", "owner"])
def test_a_preview_and_its_survivors_agree_with_what_revoking_ends(
    nested: Nested, kind: str
) -> None:
    """Whatever is revoked: exactly the links that were foretold do not stand afterwards."""
    world, tracker = nested.world, nested.world.tracker
    tracker.add_agent("a", owner="ana@acme.example", keys=[world.key("a").public])
    names = {
        "link": nested.opener.id,
        "key": world.key("a").public.text.removeprefix("ed25519:"),
        "agent": "a",
        "task": world.task.id,
        "owner": "ana@acme.example",
    }
    every = [link for link in tracker.links() if link.standing == "active"]
    foretold = tracker.preview(kind, names[kind])
    assert foretold.is_complete
    assert set(nested.below) <= set(foretold.links)
    if kind != "owner":
        survival = tracker.survivors(kind, names[kind])
        assert {link.id for link in survival.ends} == set(foretold.links)
        assert {link.id for link in survival.survives} == {e.id for e in every} - set(
            foretold.links
        )
        assert survival.is_complete
    tracker.revoke(kind, names[kind], by="op")
    gone = {link.id for link in every if tracker.link(link.id).standing == "revoked"}
    assert gone == set(foretold.links)
    assert foretold.surviving == len(every) - len(gone)


def test_a_thief_of_an_opener_is_told_what_ends_with_it(nested: Nested) -> None:
    """The radius lists the links below in child tasks; what was used there counts as used above."""
    tracker = nested.world.tracker
    assert tracker.blast(nested.opener.id).below == tuple(nested.below)
    assert dict(tracker.unused(nested.opener.id).used) == {"files.read": 2}


def test_a_tool_used_in_a_child_task_is_not_proposed_away(nested: Nested) -> None:
    """Tightening a link or its task keeps what child tasks used, and the delegations down to them."""
    tracker = nested.world.tracker
    (found,) = tracker.tighten("link", nested.opener.id, minimum=1)
    assert (found.proposal.calls, found.proposal.refused) == (2, ())
    assert [c.tool.text for c in found.proposal.grant.capabilities] == ["files.read"]
    assert found.proposal.grant.delegations_left == 3
    (below,) = tracker.tighten("link", nested.sub.id, minimum=1)
    assert (below.proposal.calls, below.proposal.grant.delegations_left) == (2, 2)
    (whole,) = tracker.tighten("task", nested.world.task.id, minimum=1)
    assert (whole.proposal.calls, whole.proposal.refused) == (2, ())
    # boss, a, sub, leaf, deep below a ceiling
    assert whole.proposal.grant.delegations_left == 5
    (inner,) = tracker.tighten("task", nested.first.id, minimum=1)
    assert (inner.proposal.calls, inner.proposal.grant.delegations_left) == (2, 3)


def test_a_tasks_tightened_grant_opens_the_same_tree_again(nested: Nested) -> None:
    """The proposal is enough, and one delegation less is not."""
    world = nested.world
    (whole,) = world.tracker.tighten("task", world.task.id, minimum=1)
    for left, works in ((whole.proposal.grant.delegations_left, True), (4, False)):
        world.task = world.open(delegations_left=left)
        if works:
            Nested(world)
        else:
            with pytest.raises(DelegationError, match="delegated any further"):
                Nested(world)


def test_drawings_hang_child_tasks_beneath_their_openers(nested: Nested) -> None:
    """Each form names the child task at its root; counts are over all that is drawn."""
    world = nested.world
    view = world.tracker.lineage(world.task)
    entry = view.entry
    assert [task.id for task in entry.below] == [nested.first.id, nested.second.id]
    assert {task.parent for task in entry.below} == {world.task.id, nested.first.id}
    assert len(entry.links) == 5
    assert len(entry.calls) == 2
    body = view.as_json()
    assert body["counts"] == {"links": 5, "allowed": 2, "denied": 0}
    assert {"parent": nested.opener.id, "child": nested.sub.id} in body["edges"]
    assert {"parent": nested.leaf.id, "child": nested.deep.id} in body["edges"]
    for drawn in (view.as_text(), view.as_svg(), view.as_dot(), view.as_mermaid()):
        plain = re.sub(r"#(\d+);", lambda found: chr(int(found[1])), drawn)
        for task in (nested.first, nested.second):
            assert f"child task {task.id}" in plain
    assert "2 child tasks · 5 links" in view.as_text()
    for above, child in ((nested.opener, nested.sub), (nested.leaf, nested.deep)):
        assert f'data-parent="{above.id}" data-child="{child.id}"' in view.as_svg()
    places = {link.id: f"n{number}" for number, link in enumerate(entry.links)}
    assert f"{places[nested.opener.id]} -> {places[nested.sub.id]}" in view.as_dot()
    assert read_answer(Lineage, answer_json(entry)) == entry
    # On its own map the child begins with its root.
    own = world.tracker.lineage(nested.first).entry
    assert [link.id for link in own.links] == nested.below
    assert [task.id for task in own.below] == [nested.second.id]


def test_a_map_counts_and_folds_child_tasks_like_links(nested: Nested) -> None:
    """The opener's box says how much hangs below it, in its task and in those below."""
    world = nested.world
    outline = world.tracker.outline(world.task)
    shown = focus([outline], Wanted())
    (opener,) = (n for n in shown.nodes if n.link and n.link.id == nested.opener.id)
    assert (shown.total, shown.shown, opener.below) == (5, 5, 3)
    assert [one.id for one in outline.below] == [nested.first.id, nested.second.id]
    assert [link.standing for link in outline.links] == ["active"] * 5
    world.tracker.revoke("link", nested.opener.id, by="op")
    after = world.tracker.outline(world.task)
    assert [link.standing for link in after.links] == ["active"] + ["revoked"] * 4
    assert {link.ended_by for link in after.links[1:]} == {nested.opener.id}
    entries = world.tracker.lineage(world.task).entry.links
    assert [(e.id, e.standing, e.ended_by) for e in entries] == [
        (link.id, link.standing, link.ended_by) for link in after.links
    ]


def test_an_open_page_hears_of_child_tasks(nested: Nested) -> None:
    """News of a task has the links and calls of the tasks below it."""
    world = nested.world
    before = world.tracker.news(world.task.id, after=None).cursor
    assert world.check(nested.deep, "deep")
    _, late = open_below(world, nested.opener, "a", "late", lasts=500)
    news = world.tracker.news(world.task.id, after=before)
    assert news.links == (late.id,)
    assert news.decisions[0].link == nested.deep.id
    assert not world.tracker.news(nested.second.id, after=Cursor.read(str(news.cursor)))


def test_spent_of_a_past_instant_counts_calls_below(nested: Nested) -> None:
    """A child task's calls are charged to the ledgers above it: then as now."""
    world = nested.world
    world.at = NOW + 5
    assert dict(world.tracker.lineage(world.task, at=NOW).entry.task.spent)["calls"] == 2
    assert world.check(nested.deep, "deep")
    assert dict(world.tracker.lineage(world.task, at=NOW).entry.task.spent)["calls"] == 2
    assert dict(world.tracker.lineage(world.task, at=NOW + 5).entry.task.spent)["calls"] == 3


def test_each_link_below_many_seeds_is_looked_for_once(nested: Nested) -> None:
    """Seeds that hang below one another take no room from what is asked for; nothing asks for nothing."""
    world = nested.world
    seeds = [nested.opener.chain.root.id, nested.opener.id, nested.sub.id]
    with world.tracker._store._database.reading() as connection:
        assert links.below(connection, seeds, 2) == [nested.leaf.id, nested.deep.id]
        assert links.below(connection, seeds, 1) == [nested.leaf.id]
        assert links.below(connection, seeds, 0) == []
        assert links.below(connection, [], 5) == []


def test_openers_are_found_by_an_index(world: World) -> None:
    """The question is asked for every link below a link: a scan of all tasks would not do."""
    with world.tracker._store._database.reading() as connection:
        found = inspect(connection).get_indexes("task")
    assert ["under"] in [index["column_names"] for index in found]


def test_a_circle_of_openers_ends(nested: Nested) -> None:
    """A corrupted store whose tasks hang below one another is answered, each link once."""
    world = nested.world
    with world.tracker._store._database.writing() as connection:
        connection.execute(
            text("UPDATE task SET under = :deep WHERE id = :first"),
            {"deep": nested.deep.id, "first": nested.first.id},
        )
    found = [link.id for link in world.tracker.descendants(nested.sub.id)]
    assert sorted(found) == sorted([nested.leaf.id, nested.deep.id])
    assert {link.standing for link in world.tracker.descendants(nested.sub.id)} == {"task_closed"}


def test_late_and_closed_tasks_read_the_same_everywhere(world: World) -> None:
    """A task past its deadline is expired in every reading, also in one of the past."""
    world.tracker.add_agent("boss", owner="ana@acme.example", keys=[world.key("boss").public])
    token = world.chain("boss")
    assert world.check(token, "boss")
    late = world.task.deadline

    def states(at: int | None) -> set[str]:
        seen = {
            world.tracker.lineage(world.task, at=at).entry.task.state,
            world.tracker.outline(world.task, at=at).task.state,
        }
        when = questions.Moment(world.at if at is None else at, at is not None)
        with world.tracker._store.read() as reader:
            survey = questions.survey_of(reader, Ground(task=world.task.id), when)
        return seen | {survey.known.tasks[world.task.id].state}

    assert states(None) == {"active"}
    world.at = late + 10
    assert states(None) == {"expired"}
    assert world.tracker.task(world.task.id).state == "expired"
    assert [one.rule for one in world.tracker.findings().open if one.subject == world.task.id] == [
        "overdue"
    ]
    world.tracker.close_task(world.task)
    assert states(None) == {"completed"}
    assert states(late - 1) == {"active"}
    assert states(late + 5) == {"expired"}


def test_a_past_catalogue_has_the_labels_of_then(world: World) -> None:
    """Labels of resources that were declared by then count, and later ones do not."""
    token = world.chain("boss")
    assert world.check(token, "boss")

    def labels(at: int | None) -> set[str]:
        (held,) = (
            one for one in world.tracker.reach(token.id, at=at).abilities if one.tool == "mail.send"
        )
        return set(held.labels)

    world.at = NOW + 10
    world.tracker.label_resources("mail:acme/*", ["pii"])
    world.at = NOW + 20
    world.tracker.label_resources("mail:acme/*", ["hr"])
    assert labels(NOW) == set()
    assert labels(NOW + 10) == {"pii"}
    assert labels(NOW + 20) == labels(None) == {"hr", "pii"}
