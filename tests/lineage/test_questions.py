"""The pure questions of reviewers, each against an oracle that is too naive to be wrong."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trees import NOW, TASK, TOOLS, Tree, grant, key_of, task

from delegation import Tool, anything, may
from delegation.canonical import b64u
from delegation.judge.subject import Subject
from delegation.lineage.analysis.ability import abilities, ability, unused
from delegation.lineage.analysis.blast import blast, spendable, survival
from delegation.lineage.analysis.compare import compare
from delegation.lineage.analysis.owners import handovers
from delegation.lineage.analysis.pathway import ways
from delegation.lineage.analysis.risk import WEIGHTS, ranked, risk
from delegation.lineage.survey import Use

NAMES = [tool.name for tool in TOOLS]
SHAPES = st.lists(st.integers(-1, 5), min_size=1, max_size=7)


def tree_of(shape, **fields) -> Tree:
    """Return a tree whose n-th link hangs below the link that the n-th number says."""
    tree = Tree(**fields)
    for place, parent in enumerate(shape):
        above = None if parent < 0 or parent >= place else tree.links[parent]
        tree.add(f"h{place}", above)
    return tree


def ancestors(tree, link):
    """Return a link's ancestors, itself included."""
    by = {one.id: one for one in tree.links}
    found = [link]
    while found[-1].parent:
        found.append(by[found[-1].parent])
    return found


@given(SHAPES, st.integers(0, 6))
def test_what_ends_is_what_hangs_below(shape, place) -> None:
    """Survival: exactly the links with the named one among their ancestors end."""
    tree = tree_of(shape)
    link = tree.links[place % len(tree.links)]
    found = survival(tree.survey(), Subject("link", link.id))
    below = [one for one in tree.links if link in ancestors(tree, one)]
    assert {one.id for one in found.ends} == {one.id for one in below}
    assert {one.id for one in found.survives} == {one.id for one in tree.links} - {
        one.id for one in below
    }


@pytest.mark.parametrize(
    ("kind", "id"), [("key", b64u(key_of("a"))), ("agent", "a"), ("task", TASK)]
)
def test_a_subject_takes_all_its_links(kind, id) -> None:
    """A key and an agent end each of their links with all below; a task everything."""
    tree = Tree(agents=("a",))
    root, other = tree.add("r"), tree.add("o")
    mine = tree.add("a", root)
    low = tree.add("x", mine)
    again = tree.add("a", other)
    found = survival(tree.survey(), Subject(kind, id))
    ends = {one.id for one in found.ends}
    assert ends == (
        {one.id for one in tree.links} if kind == "task" else {mine.id, low.id, again.id}
    )


def test_what_is_gone_already_is_told_apart() -> None:
    """Links that the subject ended count as gone, others that ended before do not."""
    tree = Tree()
    root = tree.add("r")
    tree.add("a", root, standing="revoked", ended_by=root.id)
    tree.add("b", root, standing="revoked", ended_by="lnk_other")
    tree.add("c", root, grant("a.read", expires_at=NOW - 1), standing="revoked", ended_by=root.id)
    found = survival(tree.survey(), Subject("link", root.id))
    assert [one.claimed_name for one in found.gone] == ["a"]
    assert [one.claimed_name for one in found.ends] == ["r"]


@given(
    SHAPES,
    st.lists(st.none() | st.integers(0, 3), min_size=7, max_size=7),
    st.lists(st.integers(0, 2), min_size=7, max_size=7),
    st.sets(st.integers(0, 6), min_size=1, max_size=3),
    st.none() | st.integers(0, 4),
)
def test_what_can_be_spent_is_the_most_that_can_be_spent(shape, caps, used, seeds, ledger) -> None:
    """Spendable: equal to the best of all ways to spend, tried one by one."""
    whole = task(ceiling=grant("a.read", budget={} if ledger is None else {"u": ledger}))
    tree = Tree(whole)
    for place, parent in enumerate(shape):
        above = None if parent < 0 or parent >= place else tree.links[parent]
        budget = {} if caps[place] is None else {"u": caps[place]}
        tree.add(f"h{place}", above, grant("a.read", budget=budget))
    spent = {one.id: {"u": used[n]} for n, one in enumerate(tree.links)}
    stolen = [one for n, one in enumerate(tree.links) if n in seeds]
    if not stolen:
        return
    amounts, unbounded = spendable(tree.survey(spent=spent), stolen)
    left = {
        one.id: None if caps[n] is None else max(0, caps[n] - used[n])
        for n, one in enumerate(tree.links)
    }
    most = 0
    for tried in itertools.product(range(5), repeat=len(stolen)):
        sums: dict = {}
        for amount, one in zip(tried, stolen, strict=True):
            for above in ancestors(tree, one):
                sums[above.id] = sums.get(above.id, 0) + amount
        fits = all(left[name] is None or total <= left[name] for name, total in sums.items())
        if fits and (ledger is None or sum(tried) <= ledger):
            most = max(most, sum(tried))
    free = ledger is None and any(
        all(left[a.id] is None for a in ancestors(tree, one)) for one in stolen
    )
    if ledger is None and all(
        "u" not in one.grant.budget for above in stolen for one in ancestors(tree, above)
    ):
        assert "u" not in amounts  # a unit that nothing names
    elif free:
        assert "u" in unbounded
    else:
        assert amounts["u"] == most  # at most 3 units a link, so 0 to 4 tries every bound
    assert "calls" in unbounded


@given(
    st.lists(st.sets(st.sampled_from(NAMES), max_size=3), min_size=1, max_size=4),
    st.sampled_from(NAMES),
)
def test_a_way_is_there_when_every_link_holds_the_tool(held, tool) -> None:
    """Paths: a chain reaches a tool exactly when each of its grants names it; else the first that does not is named."""
    tree = Tree()
    above, kept = None, set(NAMES)
    for n, tools in enumerate(held):
        kept = kept & tools if n else tools
        above = tree.add(f"h{n}", above, grant(*sorted(kept)))
    found = ways(tree.survey(), [above], tool)
    if tool in above.grant.to_json()["capabilities"].__str__():
        (way,) = found.ways
        assert [hop.link.id for hop in way.hops] == [one.id for one in tree.links]
        assert not found.obstacles
    else:
        (why,) = found.obstacles
        assert (why.code, why.leaf) == ("not_granted", above)
        first = next(
            one
            for one in tree.links
            if not any(c.tool.matches(tool) for c in one.grant.capabilities)
        )
        assert why.stops.id == first.id


@pytest.mark.parametrize(
    ("fields", "tool", "code"),
    [
        ({"effects": ["read"]}, "b.write", "effect_not_granted"),
        ({"max_sensitivity": 0}, "b.write", "too_sensitive"),
        ({"audience": []}, "b.write", "no_audience"),
        ({"not_before": NOW + 10}, "b.write", "not_yet"),
        ({}, "c.delete", "not_granted"),
    ],
)
def test_why_not_has_a_reason_of_its_own(fields, tool, code) -> None:
    """Each field that can stop a tool is told apart."""
    tree = Tree()
    link = tree.add("a", None, grant("a.read", "b.write", **fields))
    found = ways(tree.survey(), [link], tool)
    assert [one.code for one in found.obstacles] == [code]
    assert not found.ways


def test_no_link_and_no_tool_are_reasons_too() -> None:
    """Nothing held, a tool that is none, and a link that ended."""
    tree = Tree()
    link = tree.add("a", standing="revoked", ended_by="x")
    survey = tree.survey()
    assert "no link" in ways(survey, [], "a.read").note
    assert "no tool" in ways(survey, [link], "z.none").note
    assert [one.code for one in ways(survey, [link], "a.read").obstacles] == ["revoked"]
    assert ability(survey, link).abilities == ()


def test_an_impossible_argument_is_out_of_reach() -> None:
    """A capability that no call can satisfy reaches nothing, and the path says so."""
    tree = Tree()
    link = tree.add("a", None, grant())
    from dataclasses import replace

    from delegation import Grant
    from delegation.authority.grant import FIELDS

    given = {name: getattr(link.grant, name) for name in FIELDS} | {"capabilities": [may("a.read")]}
    tree.links[0] = link = replace(link, grant=Grant(**given))
    found = ways(tree.survey(), [link], "a.read")
    assert [one.code for one in found.obstacles] == ["unreachable"]


def test_a_thief_has_what_is_held_and_not_what_hangs_below() -> None:
    """Blast: tools of the stolen link beside what was used; links below end, but add nothing."""
    tree = Tree()
    root = tree.add("r", None, grant("a.read", "b.write"))
    low = tree.add("x", root, grant("a.read", expires_at=NOW + 10))
    uses = {root.id: (Use("b.write", 2, 1, NOW - 5), Use("old.tool", 1, 0, NOW - 9))}
    found = blast(tree.survey(uses=uses), [root])
    assert [(one.tool, one.used) for one in found.tools] == [("b.write", 2), ("a.read", 0)]
    assert found.below == (low.id,)
    assert found.outside == ("old.tool",)
    assert found.until == NOW + 7000
    assert blast(tree.survey(), [low]).until == NOW + 10
    tree.links[0] = tree.add("dead", standing="expired")
    assert blast(tree.survey(), [tree.links[0]]).tools == ()


@given(
    st.sets(st.sampled_from(NAMES)),
    st.sets(st.sampled_from(NAMES)),
    st.sets(st.sampled_from(NAMES)),
)
def test_unused_is_what_was_granted_less_what_was_used(held, used, denied) -> None:
    """Unused: plain sets say the same; a denied call uses nothing; the code is the narrower grant."""
    tree = Tree()
    link = tree.add("a", None, grant(*sorted(held)))
    low = tree.add("b", link)
    uses = {
        low.id: tuple(Use(t, 1, 0, NOW) for t in sorted(used)),
        link.id: tuple(Use(t, 0, 1, NOW) for t in sorted(denied)),
    }
    found = unused(tree.survey(uses=uses), link)
    assert {one.tool for one in found.never} == held - used
    assert dict(found.used) == dict.fromkeys(used, 1)
    if held - used:
        import delegation

        assert (
            eval(
                found.code.split("\n", 0)[-1] if "\n" not in found.code else _last(found.code),
                {name: getattr(delegation, name) for name in delegation.__all__},
            )
            == found.narrower
        )
        assert {c.tool.text for c in found.narrower.capabilities} == held & used
    else:
        assert found.narrower is None


def _last(code: str) -> str:
    return code[code.index("Grant(") :]


@given(SHAPES)
def test_handovers_count_every_link_once(shape) -> None:
    """Aggregated edges hold every link exactly once, under its own parent's holder."""
    tree = tree_of(shape)
    found = handovers(tree.survey())
    assert sorted(link for one in found for link in one.links) == sorted(
        one.id for one in tree.links
    )
    assert sum(one.is_root for one in found) == sum(one.parent is None for one in tree.links)


def test_two_keys_are_two_holders_whatever_they_are_called() -> None:
    """The same name over two keys makes two pairs."""
    tree = Tree()
    root = tree.add("r")
    tree.add("twin", root, key="k1")
    tree.add("twin", root, key="k2")
    assert len([one for one in handovers(tree.survey()) if not one.is_root]) == 2


@given(st.lists(st.sampled_from(["new", "kept", "revoked", "expired", "passed"]), max_size=8))
def test_a_comparison_sorts_every_link_once(kinds) -> None:
    """Added, revoked, ended and passed: each link in its own list, kept ones in none."""
    before, after = Tree(at=NOW - 10), Tree()
    for n, kind in enumerate(kinds):
        if kind not in {"new", "passed"}:
            before.add(f"h{n}")
        after.add(
            f"h{n}",
            standing={"revoked": "revoked", "expired": "expired", "passed": "expired"}.get(
                kind, "active"
            ),
        )
        after.links[-1] = link = after.links[-1]
        if kind not in {"new", "passed"}:
            from dataclasses import replace

            before.links[-1] = replace(before.links[-1], id=link.id)
    found = compare(before.survey(), after.survey())
    assert len(found.added) == kinds.count("new")
    assert len(found.revoked) == kinds.count("revoked")
    assert len(found.ended) == kinds.count("expired")
    assert found.passed == kinds.count("passed")


def test_a_holder_that_lost_a_tool_is_narrowed() -> None:
    """Narrowed speaks of holders: fewer tools by all links together; widened of those that gained."""
    before, after = Tree(at=NOW - 10), Tree()
    before.add("a", None, grant("a.read", "b.write"))
    before.add("b", None, grant("a.read"))
    after.add("a", None, grant("a.read"))
    after.add("b", None, grant("a.read", "c.delete"))
    found = compare(before.survey(), after.survey())
    assert [(one.claimed, one.lost) for one in found.narrowed] == [("a", ("b.write",))]
    assert [(one.claimed, one.gained) for one in found.widened] == [("b", ("c.delete",))]


@given(st.sets(st.sampled_from(NAMES)), st.integers(0, 4), st.integers(1, 200_000))
def test_the_score_is_its_formula(tools, depth, seconds) -> None:
    """Risk: computed again by hand from the tools, the depth and the hours."""
    tree = Tree()
    above = None
    for n in range(depth + 1):
        above = tree.add(f"h{n}", above, grant(*sorted(tools), expires_at=NOW + seconds))
    found = risk(tree.survey(), above)
    reached = [tool for tool in TOOLS if tool.name in tools]
    by_hand = (
        max((WEIGHTS[t.effect] for t in reached), default=0)
        * (1 + max((t.sensitivity for t in reached), default=0))
        * (len(reached) + depth + min(24, (seconds + 3599) // 3600))
    )
    assert found.score == by_hand
    assert eval(found.sum.split("=")[0].replace("x", "*")) == by_hand
    scores = [one.score for one in ranked(tree.survey())]
    assert scores == sorted(scores, reverse=True)
    assert all(scores)


def test_a_unit_that_a_tool_costs_and_nothing_bounds_is_said() -> None:
    """Money without a budget anywhere is unbounded, not forgotten."""
    tree = Tree()
    link = tree.add("a", None, grant("p.pay"))
    pay = Tool("p.pay", effect="write", arguments={"x": "opaque"}, cost={"cents": 3})
    assert spendable(tree.survey(tools=(pay,)), [link]) == ({}, ("calls", "cents"))


def test_what_a_call_decides_is_called_unknown() -> None:
    """A template, a cost rule and an approval are named as unknown; an unrestricted tool has none."""
    tools = (
        Tool(
            "p.pay",
            effect="write",
            arguments={"to": "opaque", "n": "integer"},
            resource="acct:x/{to}",
            cost={"cents": "n"},
        ),
        *TOOLS,
    )
    tree = Tree()
    from dataclasses import replace

    from delegation import Grant
    from delegation.authority.grant import FIELDS

    link = tree.add("a", None, grant("a.read"))
    pay = may("p.pay", resources=["acct:x/*"], to=anything(), n=anything())
    given = {name: getattr(link.grant, name) for name in FIELDS} | {
        "capabilities": [*link.grant.capabilities, pay]
    }
    tree.links[0] = link = replace(link, grant=Grant(**given))
    found = {one.tool: one for one in abilities(tree.survey(tools=tools), link)}
    assert found["a.read"].unknown == ()
    assert [text.split()[0] for text in found["p.pay"].unknown] == ["Which", "What"]
    assert found["p.pay"].resources == ("acct:x/*",)
