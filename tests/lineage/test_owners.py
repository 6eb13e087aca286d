"""Owners: every link, task and agent is somebody's, once."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from trees import Tree

from delegation.lineage.analysis.owners import owners
from delegation.lineage.entry import Counts


@given(st.lists(st.tuples(st.sampled_from(["ana", "bo", "Ana"]), st.sampled_from(["active", "revoked", "expired"])), max_size=8))  # fmt: skip
def test_every_link_has_one_owner(rows) -> None:
    """Links, standing ones and calls add up over the owners; two spellings are two owners."""
    tree = Tree(agents=("x",))
    for number, (owner, standing) in enumerate(rows):
        made = tree.add(f"h{number}", standing=standing)
        tree.links[-1] = replace(made, owner=owner, decisions=Counts(1, number))
    survey = tree.survey()
    found = owners(survey)
    assert [one.name for one in found] == sorted({"ana", *(owner for owner, _ in rows)})
    assert sorted(link for one in found for link in one.links) == sorted(
        link.id for link in survey.links
    )
    for one in found:
        mine = [link for link in survey.links if link.owner == one.name]
        assert one.active == sum(link.standing == "active" for link in mine)
        assert (one.until > 0) == (one.active > 0)
        assert (one.allowed, one.denied) == (len(mine), sum(o.decisions.denied for o in mine))
        assert bool(one.effects) == (one.active > 0)
    assert [name for one in found for name in one.agents] == ["x"]
    assert [task for one in found for task in one.tasks] == list(survey.known.tasks)
    assert found.extent == survey.extent


def test_an_owner_without_links_is_there() -> None:
    """Who has a task and an agent is listed, and answers for nothing that stands."""
    (one,) = owners(Tree(agents=("x",)).survey())
    assert (one.name, one.agents, len(one.tasks)) == ("ana", ("x",), 1)
    assert (one.active, one.until, one.links) == (0, 0, ())
