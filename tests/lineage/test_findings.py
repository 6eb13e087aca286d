"""Each rule of docs/reference/findings.md at its boundary: it speaks at the number and is silent just below it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from cases import every
from trees import NOW, TOOLS, Tree, grant, task

from delegation import Tool
from delegation.lineage.analysis.findings import RULES, Dismissal, find, sort_out
from delegation.lineage.analysis.names import hides, scripts, skeleton
from delegation.lineage.survey import Use

DOC = Path(__file__).parents[2] / "docs" / "reference" / "findings.md"


def rules(survey, *, but=("orphaned",)) -> list[str]:
    """Return the rules that spoke, those left out that every unregistered holder meets."""
    return sorted(one.rule for one in find(survey) if one.rule not in but)


@pytest.mark.parametrize(
    ("lasts", "severity"),
    [(24 * 3600, None), (24 * 3600 + 1, "medium"), (7 * 86400, "medium"), (7 * 86400 + 1, "high")],
)
def test_long_lived(lasts, severity) -> None:
    """A day is not long, a second more is; a week more is worse."""
    tree = Tree()
    tree.add("a", None, grant("a.read", expires_at=NOW - 50 + lasts))
    found = [one for one in find(tree.survey()) if one.rule == "long_lived"]
    assert [one.severity for one in found] == ([severity] if severity else [])


def test_a_window_is_cut_by_its_tasks_deadline() -> None:
    """A grant for a year in a task for an hour holds for an hour."""
    tree = Tree(task(deadline=NOW + 3600))
    tree.add("a", None, grant("a.read", expires_at=NOW + 10**7))
    assert rules(tree.survey()) == []


@pytest.mark.parametrize(("depth", "said"), [(3, []), (4, ["deep"])])
def test_deep(depth, said) -> None:
    """Three delegations are not deep, four are."""
    tree = Tree()
    above = None
    for n in range(depth + 1):
        above = tree.add(f"holder-{chr(97 + n) * 3}", above)
    assert rules(tree.survey()) == said


@pytest.mark.parametrize(("count", "said"), [(9, []), (10, ["broad"])])
def test_broad_by_tools(count, said) -> None:
    """Nine tools are not broad, ten are."""
    tools = [Tool(f"t.n{n}", effect="read", arguments={"x": "opaque"}) for n in range(12)]
    tree = Tree()
    tree.add("a", None, grant(*[f"t.n{n}" for n in range(count)]))
    assert rules(tree.survey(tools=tools)) == said


@pytest.mark.parametrize(
    ("names", "said"),
    [(["b.write", "c.delete"], []), (["b.write", "c.delete", "d.actuate"], ["broad"])],
)
def test_broad_by_effects(names, said) -> None:
    """Two effects beyond read are not broad, three are."""
    tree = Tree()
    tree.add("a", None, grant(*names))
    assert rules(tree.survey()) == said


def test_orphaned_is_who_nobody_vouches_for() -> None:
    """An unregistered holder below a registered one has somebody; below another one it has not."""
    tree = Tree(agents=("boss",))
    boss = tree.add("boss")
    first = tree.add("x", boss)
    second = tree.add("y", first)
    root = tree.add("z")
    assert [one.subject for one in find(tree.survey()) if one.rule == "orphaned"] == [
        second.id,
        root.id,
    ]


@every(
    ("name", "other", "alike"),
    [
        ("planner", "pIanner", True), ("mailer", "maiIer", True), ("modern", "modem", True), ("pаypal", "paypal", True), ("bot-1", "bot-l", True),
        ("bot_1", "bot-1", True), ("Planner", "planner", True), ("planner", "planners", False), ("a", "b", False), ("e\u0301va", "eva", True), ("a\u200bb", "ab", True),
    ],
)  # fmt: skip
def test_look_alike(name, other, alike) -> None:
    """Names that pass for another are told; names that do not are not."""
    tree = Tree(agents=(name,))
    boss = tree.add(name)
    tree.add(other, boss)
    assert ("look_alike" in rules(tree.survey())) == alike
    assert (skeleton(name) == skeleton(other)) == alike


def test_a_registered_agent_is_no_look_alike_of_itself() -> None:
    """One agent with two links is one name."""
    tree = Tree(agents=("boss",))
    boss = tree.add("boss")
    tree.add("boss", boss)
    assert rules(tree.survey()) == []


@every(
    ("name", "said"),
    [
        ("pаypal", True),
        ("paypal", False),
        ("Анна", False),
        ("東京タワー", False),
        ("a\u202eb", True),
        ("\u3164", True),
        ("bot αβ", True),
        ("bot 7!", False),
    ],
)
def test_mixed_script(name, said) -> None:
    """Mixed scripts and hidden marks are told; one script of any kind is not."""
    tree = Tree()
    tree.add(name)
    assert ("mixed_script" in rules(tree.survey())) == said
    assert (len(scripts(name)) > 1 or hides(name)) == said


def test_shared_key() -> None:
    """One key under two names; an ended link does not count."""
    tree = Tree()
    root = tree.add("root")
    tree.add("one", root, key="k")
    tree.add("two", root, key="k", standing="expired")
    assert rules(tree.survey()) == []
    tree.add("zwei", root, key="k")
    (found,) = [one for one in find(tree.survey()) if one.rule == "shared_key"]
    assert (found.kind, found.severity) == ("key", "high")


@pytest.mark.parametrize(
    ("deadline", "state", "said"),
    [(NOW, "expired", True), (NOW + 1, "open", False), (NOW, "completed", False)],
)
def test_overdue(deadline, state, said) -> None:
    """A deadline that has come is overdue only while nobody closed the task."""
    tree = Tree(task(deadline=deadline, state=state))
    assert rules(tree.survey()) == (["overdue"] if said else [])


@pytest.mark.parametrize(
    ("count", "at", "said"), [(19, NOW, False), (20, NOW, True), (20, NOW - 3600, False)]
)
def test_fast_growing(count, at, said) -> None:
    """Twenty within the hour, ended ones too; nineteen, or earlier ones, are not."""
    tree = Tree()
    root = tree.add("root", at=NOW - 50)
    for n in range(count):
        tree.add(f"w{chr(97 + n)}", root, at=at, standing="expired")
    assert ("fast_growing" in rules(tree.survey())) == said


@pytest.mark.parametrize(
    ("age", "uses", "said"), [(3599, 0, []), (3600, 0, ["unused"]), (3600, 1, [])]
)
def test_unused(age, uses, said) -> None:
    """Idle for an hour; a call below is a use of what is above."""
    tree = Tree()
    root = tree.add("root", None, grant("a.read", not_before=NOW - 10_000), at=NOW - age)
    low = tree.add("low", root, standing="expired")
    survey = tree.survey(uses={low.id: (Use("a.read", uses, 1, NOW),)})
    assert rules(survey) == said


def test_what_ended_is_no_finding() -> None:
    """A revoked link is nobody's worry."""
    tree = Tree()
    tree.add("a", None, grant(*[t.name for t in TOOLS], expires_at=NOW + 10**6), standing="revoked")
    assert find(tree.survey()) == ()


def test_a_dismissal_covers_these_facts_and_no_others() -> None:
    """Growing on makes another finding; the dismissed one does not hide it."""
    tree = Tree()
    root = tree.add("root")
    for n in range(20):
        tree.add(f"w{chr(97 + n)}", root, standing="expired")
    (one,) = [one for one in find(tree.survey()) if one.rule == "fast_growing"]
    kept = [Dismissal(one.id, one.rule, one.subject, "rita", "a batch", NOW)]
    sorted_out = sort_out(tree.survey(), kept)
    assert one not in sorted_out.open
    assert [found.id for found, _ in sorted_out.dismissed] == [one.id]
    for n in range(20):
        tree.add(f"v{chr(97 + n)}", root, standing="expired")
    again = sort_out(tree.survey(), kept)
    assert [found.rule for found in again.open if found.rule == "fast_growing"] == ["fast_growing"]


def test_the_order_is_by_severity() -> None:
    """The most severe come first."""
    tree = Tree(task(deadline=NOW))
    tree.links = []
    root = tree.add("root", None, grant("a.read"))
    tree.links[0] = replace(root, standing="active")
    tree.add("one", root, key="k")
    tree.add("two", root, key="k")
    ranks = [("high", "medium", "low").index(one.severity) for one in find(tree.survey())]
    assert ranks == sorted(ranks)


def test_every_rule_is_documented_and_no_other() -> None:
    """docs/reference/findings.md has one heading for each rule."""
    headings = set(re.findall(r"^### `(\w+)`", DOC.read_text(), re.MULTILINE))
    assert headings == set(RULES)
