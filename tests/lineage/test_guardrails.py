"""Guardrails: what they refuse, whom they blame, what they propose, and how they are written."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from cases import every
from hypothesis import given
from hypothesis import strategies as st
from tiny import CATALOGUE as TINY
from tiny import NOW, grants

from delegation import Catalogue, Grant, Tool, absent, anything, between, email, may, path
from delegation.authority.approval import ApprovalRule
from delegation.authority.constraints import any_of
from delegation.authority.flow import AfterNever
from delegation.authority.ids import LinkId, TaskId
from delegation.authority.narrowing import refuse_replacement
from delegation.authority.pattern import tool_pattern
from delegation.errors import MalformedError
from delegation.lineage.analysis.spelling import python_grant
from delegation.lineage.entry import Counts, LinkEntry
from delegation.lineage.guardrails import (
    KINDS,
    Broken,
    Condition,
    Guardrail,
    RecordedLinks,
    assess,
    parse_guardrails,
)
from delegation.lineage.guardrails.assessment import changed

CATALOGUE = Catalogue()
for _tool in (
    Tool("files.read", effect="read", arguments={"path": "path"}, system="files"),
    Tool("crm.read", effect="read", labels=["pii"], sensitivity=2, domain="sales",
         arguments={"id": "opaque"}, resource="crm:acme/{id}"),
    Tool("mail.send", effect="write", labels=["external"], arguments={"to": "email", "cc?": "email"}),
    Tool("payments.refund", effect="actuate", arguments={"amount": "integer"}, cost={"usd_cents": "amount"}),
    Tool("payments.list", effect="read", arguments={}),
):  # fmt: skip
    CATALOGUE = CATALOGUE.with_tool(_tool)
READ = may("files.read", path=path("/"))
CRM = may("crm.read", resources=["crm:acme/*"], id=anything())
MAIL = may("mail.send", to=anything(), cc=anything())
REFUND = may("payments.refund", amount=between(1, 500))
BASE = {
    "effects": ["read", "write", "actuate"], "max_sensitivity": 3, "audience": ["desk", "bank"], "purpose": "",
    "not_before": NOW, "expires_at": NOW + 3600, "delegations_left": 2, "budget": {"calls": 9, "usd_cents": 100},
    "needs_approval": [], "flow": [],
}  # fmt: skip


def entry(name: str, above: LinkEntry | None = None, *held, **fields) -> LinkEntry:
    """Return a recorded link of this holder."""
    depth = 0 if above is None else above.depth + 1
    given = {"delegations_left": 3 - depth, **fields}
    return LinkEntry(
        id=LinkId("lnk_" + name), task=TaskId("tsk_1"), parent=None if above is None else above.id, under=None, depth=depth,
        holder_name=name, claimed_name=name, holder_fingerprint="f", owner="ana", registered=True, inferred=False,
        grant=Grant(held or [READ, CRM, MAIL, REFUND], **{**BASE, **given}), changes=(), recorded_at=NOW,
        standing="active", ended_by="", decisions=Counts(), formats=(),
    )  # fmt: skip


def asserted(rule: str, *links: LinkEntry, ended: bool = False):
    """Return the verdict of one rule over these links."""
    text = f'version = 1\n[[guardrail]]\nname = "it"\n{rule}\n'
    forest = RecordedLinks(links, {}, CATALOGUE, ended=ended)
    return assess(parse_guardrails(text), [forest]).verdicts[0]


BROKEN = {
    "tools": ('never_reach = { tools = ["payments.**"] }', {}),
    "effect": ('never_reach = { effects = ["actuate"] }', {}),
    "label": ('never_reach = { labels = ["pii"] }', {}),
    "system": ('never_reach = { systems = ["files"] }', {}),
    "domain": ('never_reach = { domains = ["sales"] }', {}),
    "sensitivity": ("never_reach = { sensitivity_above = 1 }", {}),
    "resource": ('never_reach = { resources = ["crm:acme/vip"] }', {}),
    "all criteria at one tool": ('never_reach = { tools = ["crm.*"], labels = ["pii"] }', {}),
    "flow": ('never_after = { after = ["pii"], never = ["external"] }', {}),
    "a flow rule for other labels": ('never_after = { after = ["pii"], never = ["external"] }', {"flow": [AfterNever(("x",), ("external",))]}),
    "argument": ('arguments_within = { tools = ["mail.*"], arguments = { to = { email = { domains = ["acme.example"] } } } }', {}),
    "approval": ('needs_approval = { tools = ["payments.*"], approvers = ["chief"] }', {}),
    "too small a quorum": ('needs_approval = { tools = ["payments.*"], approvers = ["chief", "cfo"], quorum = 2 }',
                           {"needs_approval": [ApprovalRule((tool_pattern("payments.*"),), ("chief",))]}),
    "another approver": ('needs_approval = { tools = ["payments.*"], approvers = ["chief"] }',
                         {"needs_approval": [ApprovalRule((tool_pattern("payments.*"),), ("intern",))]}),
    "audience": ('audience_within = ["desk"]', {}),
    "calls": ("budget_at_most = { calls = 8 }", {}),
    "calls without bound": ("budget_at_most = { calls = 8 }", {"budget": {}}),
    "money": ("budget_at_most = { usd_cents = 99 }", {}),
    "time": ('lasts_at_most = "59m"', {}),
    "time from the root's record": ("lasts_at_most = 3599", {"not_before": 0}),
    "depth": ("max_links = 3", {}),
}  # fmt: skip
HOLDS = {
    "other tools": ('never_reach = { tools = ["ops.**"] }', {}),
    "criteria at two tools": ('never_reach = { tools = ["crm.*"], labels = ["external"] }', {}),
    "another resource": ('never_reach = { resources = ["crm:other/*"] }', {}),
    "out of reach by effect": ('never_reach = { tools = ["payments.refund"] }', {"effects": ["read", "write"]}),
    "the rule is carried": ('never_after = { after = ["pii"], never = ["external"] }', {"flow": [AfterNever(("pii", "x"), ("external",))]}),
    "the second cannot be reached": ('never_after = { after = ["pii"], never = ["external"] }', {"effects": ["read"]}),
    "the first cannot be reached": ('never_after = { after = ["pii"], never = ["external"] }', {"max_sensitivity": 1}),
    "consent is asked": ('needs_approval = { tools = ["payments.*"], approvers = ["chief", "cfo"] }',
                         {"needs_approval": [ApprovalRule((tool_pattern("**"),), ("chief",))]}),
    "audience": ('audience_within = ["desk", "bank"]', {}),
    "money of no reached tool": ("budget_at_most = { usd_cents = 1 }", {"effects": ["read"]}),
    "time": ('lasts_at_most = "1h"', {}),
    "depth": ("max_links = 4", {}),
    "breadth": ("max_children = 0", {}),
}  # fmt: skip


@every(("rule", "fields"), BROKEN.values(), ids=BROKEN)
def test_a_broken_guardrail_names_the_link_and_a_narrower_grant(rule: str, fields) -> None:
    """The proposal is no wider and keeps the rule; its code is the grant."""
    link = entry("root", None, **fields)
    verdict = asserted(rule, link)
    assert not verdict.holds
    (violation,) = verdict.violations
    assert violation.link == link
    narrower = violation.broken.narrower
    assert narrower is not None
    assert narrower != link.grant
    assert refuse_replacement(narrower, link.grant) is None
    assert asserted(rule, replace(link, grant=narrower)).holds
    names: dict[str, object] = {}
    exec(python_grant(narrower), names)
    assert names["grant"] == narrower


@every(("rule", "fields"), HOLDS.values(), ids=HOLDS)
def test_a_guardrail_that_holds_blames_nobody(rule: str, fields) -> None:
    """What cannot be reached, or is guarded, is no violation."""
    verdict = asserted(rule, entry("root", None, **fields))
    assert verdict.holds
    assert verdict.looked_at == 1


def test_the_proposal_keeps_what_was_not_asked_about() -> None:
    """Only the payments go; a wildcard is written out as what is left of it."""
    either = may("payments.*", amount=any_of(absent(), between(1, 5)))
    link = entry("root", None, READ, either, may("payments.list"))
    (violation,) = asserted('never_reach = { effects = ["actuate"] }', link).violations
    kept = [c.tool.text for c in violation.broken.narrower.capabilities]
    assert kept == ["files.read", "payments.list", "payments.list"]


def test_only_the_resource_goes_where_others_are_left() -> None:
    """A capability for two places keeps the other one."""
    two = may("crm.read", resources=["crm:acme/vip", "crm:acme/std"], id=anything())
    (violation,) = asserted(
        'never_reach = { resources = ["crm:acme/vip"] }', entry("root", None, two)
    ).violations
    (kept,) = violation.broken.narrower.capabilities
    assert [p.text for p in kept.resources] == ["crm:acme/std"]


def test_the_shortest_witness_ends_at_the_link_to_narrow() -> None:
    """Who is below a broken link is counted and not blamed; the planner is not asked about."""
    root = entry("planner")
    far = entry("writer", root)
    deep = entry("retrieval-2", far)
    near = entry("retrieval-1", root)
    below = entry("reader", near)
    innocent = entry("retrieval-3", root, READ)
    links = (root, far, near, innocent, deep, below)
    rule = 'holders = ["retrieval-*"]\nnever_reach = { tools = ["payments.**"] }'
    verdict = asserted(rule, *links)
    assert (verdict.looked_at, verdict.broken) == (3, 2)
    assert [one.chain for one in verdict.violations] == [(root, near), (root, far, deep)]
    everyone = asserted('never_reach = { tools = ["payments.**"] }', *links)
    assert (everyone.looked_at, everyone.broken) == (6, 5)
    assert [one.chain for one in everyone.violations] == [(root,)]


def test_a_claimed_name_is_looked_at_like_a_registered_one() -> None:
    """An unregistered key that is called a retrieval agent does not slip through."""
    link = replace(entry("x"), holder_name="", claimed_name="retrieval", registered=False)
    rule = 'holders = ["retrieval"]\nnever_reach = { tools = ["payments.**"] }'
    assert not asserted(rule, link).holds
    assert asserted(rule, replace(link, claimed_name="retrieval2")).looked_at == 0


def test_two_links_of_one_task_make_the_forbidden_sequence() -> None:
    """One reads personal data, another sends outside: both are shown, the sender is to be narrowed."""
    reader, sender = entry("reader", None, CRM), entry("sender", None, MAIL)
    rule = 'never_after = { after = ["pii"], never = ["external"] }'
    (violation,) = asserted(rule, reader, sender).violations
    assert (violation.chain, violation.other) == ((sender,), (reader,))
    assert violation.broken.narrower.flow == (AfterNever(("pii",), ("external",)),)
    assert asserted(rule, sender).holds
    assert asserted(rule, reader).holds


def test_breadth_counts_children_and_offers_no_grant() -> None:
    """A grant cannot say how often it is handed on."""
    root = entry("planner")
    links = (root, *(entry(f"w{n}", root) for n in range(3)))
    (violation,) = asserted("max_children = 2", *links).violations
    assert violation.link == root
    assert violation.broken.narrower is None
    assert asserted("max_children = 3", *links).holds


def test_a_budget_above_bounds_the_link_below() -> None:
    """A unit that the child leaves out is bounded by its parent."""
    root = entry("planner", None, budget={"calls": 5})
    child = entry("worker", root, budget={})
    assert asserted('holders = ["worker"]\nbudget_at_most = { calls = 5 }', root, child).holds
    assert not asserted('holders = ["worker"]\nbudget_at_most = { calls = 4 }', root, child).holds


def test_links_that_ended_are_looked_at_when_asked() -> None:
    """What no longer holds breaks nothing now."""
    link = replace(entry("root"), standing="revoked")
    rule = 'never_reach = { tools = ["payments.**"] }'
    assert asserted(rule, link).looked_at == 0
    assert not asserted(rule, link, ended=True).holds


def test_absence_is_not_wider() -> None:
    """An optional argument may be left out under every constraint."""
    rule = 'arguments_within = { tools = ["mail.*"], arguments = { cc = { email = { domains = ["acme.example"] } } } }'
    inside = any_of(absent(), email("acme.example"))
    assert asserted(rule, entry("r", None, may("mail.send", to=anything(), cc=inside))).holds
    assert asserted(rule, entry("r", None, may("mail.send", to=anything()))).holds
    outside = any_of(absent(), email("evil.example"))
    assert not asserted(rule, entry("r", None, may("mail.send", to=anything(), cc=outside))).holds


def test_a_constraint_that_does_not_go_with_the_type_offers_nothing() -> None:
    """To narrow to it would end the tool's use, and the rule is what is wrong."""
    rule = 'arguments_within = { tools = ["mail.*"], arguments = { to = { path = { under = ["/"] } } } }'
    (violation,) = asserted(rule, entry("r")).violations
    assert violation.broken.narrower is None
    assert "type" in violation.broken.message


class Foolish(Condition):
    """A kind whose proposals are not to be trusted."""

    kind = "foolish"

    def __init__(self, proposed: Grant, *, satisfied: bool) -> None:
        self.proposed, self.satisfied = proposed, satisfied

    def broken_by(self, link: LinkEntry, grant: Grant, forest: RecordedLinks) -> Broken | None:
        if self.satisfied and grant is self.proposed:
            return None
        return Broken("It is foolish.", "budget", self.proposed)


HELD = entry("root").grant
PROPOSED = {
    "narrower, and it keeps the rule": (changed(HELD, audience=["desk"]), True, True),
    "narrower, and it does not": (changed(HELD, audience=["desk"]), False, False),
    "wider": (changed(HELD, audience=["desk", "bank", "more"]), True, False),
    "handed on once more": (changed(HELD, delegations_left=HELD.delegations_left + 1), True, False),
}


@pytest.mark.parametrize(("proposed", "keeps", "shown"), PROPOSED.values(), ids=PROPOSED)
def test_a_proposal_is_tried_before_it_is_shown(proposed, keeps, shown) -> None:
    """Code to paste that widens, or changes nothing, is worse than none."""
    rule = Guardrail("it", Foolish(proposed, satisfied=keeps))
    (violation,) = (
        assess([rule], [RecordedLinks((entry("root"),), {}, CATALOGUE)]).verdicts[0].violations
    )
    assert (violation.broken.narrower is not None) is shown


def test_a_link_that_was_seen_late_is_not_shorter_for_it() -> None:
    """A child is recorded when it is first seen, perhaps an hour after it was made."""
    root = entry("root", None, not_before=0)
    child = replace(entry("worker", root, not_before=0), recorded_at=NOW + 3000)
    assert not asserted('holders = ["worker"]\nlasts_at_most = 3599', root, child).holds


_RULES = st.sampled_from([
    'never_reach = { tools = ["pay.*"] }', 'never_reach = { effects = ["write"] }', 'never_reach = { resources = ["mail:acme/**"] }',
    'arguments_within = { tools = ["files.*"], arguments = { path = { path = { under = ["/a"] } } } }',
    'audience_within = ["one"]', "budget_at_most = { calls = 3 }", "lasts_at_most = 5", "max_links = 2",
    'needs_approval = { tools = ["pay.*"], approvers = ["chief"] }',
])  # fmt: skip


@given(grant=grants, rule=_RULES)
def test_whatever_is_proposed_keeps_the_rule_and_widens_nothing(grant: Grant, rule: str) -> None:
    """Over random grants, the proposal is shown only if both hold."""
    link = replace(entry("root"), grant=grant)
    text = f'version = 1\n[[guardrail]]\nname = "it"\n{rule}\n'
    (verdict,) = assess(parse_guardrails(text), [RecordedLinks((link,), {}, TINY)]).verdicts
    for violation in verdict.violations:
        narrower = violation.broken.narrower
        if narrower is not None:
            assert refuse_replacement(narrower, grant) is None
            again = RecordedLinks((replace(link, grant=narrower),), {}, TINY)
            assert assess(parse_guardrails(text), [again]).holds


RULE = 'never_reach = { tools = ["a"] }'
WRONG = {
    "no version": (f'[[guardrail]]\nname = "a"\n{RULE}', "version"),
    "another version": (f'version = 2\n[[guardrail]]\nname = "a"\n{RULE}', "version"),
    "version true": (f'version = true\n[[guardrail]]\nname = "a"\n{RULE}', "version"),
    "no guardrail": ("version = 1", "guardrail must be"),
    "an unknown table": (f'version = 1\n[[guardrails]]\nname = "a"\n{RULE}', "'guardrails'"),
    "an unknown key": (f'version = 1\n[[guardrail]]\nname = "a"\nholder = ["x"]\n{RULE}', "guardrail 1 (line 2)"),
    "an unknown key below": ('version = 1\n\n[[guardrail]]\nname = "a"\nnever_reach = { tool = ["a"] }', "guardrail 1 (line 3): never_reach"),
    "two kinds": (f'version = 1\n[[guardrail]]\nname = "a"\n{RULE}\nmax_links = 2', "exactly one"),
    "no kind": ('version = 1\n[[guardrail]]\nname = "a"', "exactly one"),
    "no name": (f"version = 1\n[[guardrail]]\n{RULE}", "name"),
    "one name twice": (f'version = 1\n[[guardrail]]\nname = "a"\n{RULE}\n[[guardrail]]\nname = "a"\n{RULE}', "guardrail 2 (line 5): name"),
    "no TOML": ("version = = 1", "line 1"),
    "nothing to reach": ('version = 1\n[[guardrail]]\nname = "a"\nnever_reach = {}', "at least one"),
    "an empty list": ('version = 1\n[[guardrail]]\nname = "a"\nnever_reach = { tools = [] }', "at least one"),
    "a partial wildcard": ('version = 1\n[[guardrail]]\nname = "a"\nnever_reach = { tools = ["pay*"] }', "never_reach.tools"),
    "an unknown effect": ('version = 1\n[[guardrail]]\nname = "a"\nnever_reach = { effects = ["destroy"] }', "effects"),
    "an unknown constraint": ('version = 1\n[[guardrail]]\nname = "a"\narguments_within = { tools = ["a"], arguments = { x = { regex = "a" } } }', "arguments.x"),
    "a float": ('version = 1\n[[guardrail]]\nname = "a"\narguments_within = { tools = ["a"], arguments = { x = { exact = 1.5 } } }', "arguments.x"),
    "a date": ('version = 1\n[[guardrail]]\nname = "a"\narguments_within = { tools = ["a"], arguments = { x = { exact = 2020-01-01 } } }', "arguments.x"),
    "a quorum without people": ('version = 1\n[[guardrail]]\nname = "a"\nneeds_approval = { tools = ["a"], approvers = ["x"], quorum = 0 }', "needs_approval"),
    "no approvers": ('version = 1\n[[guardrail]]\nname = "a"\nneeds_approval = { tools = ["a"] }', "approvers"),
    "an hour without a number": ('version = 1\n[[guardrail]]\nname = "a"\nlasts_at_most = "h"', "lasts_at_most"),
    "no time at all": ('version = 1\n[[guardrail]]\nname = "a"\nlasts_at_most = 0', "lasts_at_most"),
    "a budget of a float": ('version = 1\n[[guardrail]]\nname = "a"\nbudget_at_most = { calls = 1.0 }', "budget_at_most"),
    "a budget of nothing": ('version = 1\n[[guardrail]]\nname = "a"\nbudget_at_most = {}', "budget_at_most"),
    "depth true": ('version = 1\n[[guardrail]]\nname = "a"\nmax_links = true', "max_links"),
    "a number without end": (f"version = {'1' * 5000}", "TOML"),
    "nested without end": (f"version = {'[' * 5000}", "TOML"),
    "too long": ("#" * 300_000, "characters"),
}  # fmt: skip


@every(("text", "place"), WRONG.values(), ids=WRONG)
def test_what_is_not_understood_is_refused_with_its_place(text: str, place: str) -> None:
    """A key that was skipped would be a rule that nobody checks."""
    with pytest.raises(MalformedError) as caught:
        parse_guardrails(text)
    assert place in str(caught.value)


def test_the_page_documents_every_kind_and_its_file_is_understood() -> None:
    """A kind cannot be added in silence, and nobody copies an example that is refused."""
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "guardrails.md").read_text()
    for kind in KINDS:
        assert f"| `{kind}` |" in page
    (example,) = re.findall(r"^```toml\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert [one.name for one in parse_guardrails(example)][2] == "no link outlives one hour"
