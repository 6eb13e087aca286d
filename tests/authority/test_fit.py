"""Mistakes in grants are found before any call: each with a sentence, and a remedy that works."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from cases import every
from hypothesis import given, settings
from hypothesis import strategies as st

import delegation
from delegation import (
    Grant,
    Tool,
    absent,
    all_of,
    any_of,
    anything,
    argv,
    between,
    contains,
    each,
    email,
    exact,
    links,
    may,
    members,
    one_of,
    path,
    text,
)
from delegation.authority.approval import ApprovalRule
from delegation.authority.arguments import parse_type
from delegation.authority.audience import respelled
from delegation.authority.catalogue import Catalogue
from delegation.authority.fit import fitting, refuse_unfit_grant
from delegation.authority.pattern import tool_pattern
from delegation.errors import MalformedError, UnfitError, WiderThanParentError
from delegation.judge.capability import refuse_unfit
from delegation.lineage.guardrails import parse_guardrails, refuse_unfit_rules

_SPEC = importlib.util.spec_from_file_location(
    "kinds", Path(__file__).parent / "test_constraints.py"
)
assert _SPEC is not None
assert _SPEC.loader is not None
kinds = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(kinds)

FACE = {name: getattr(delegation, name) for name in delegation.__all__}
FILE = {"type": "object", "fields": {"name": "text", "media_type": "text", "size?": "integer"}}
TYPES = {
    "to": "email", "body": "text", "n": "integer", "when": "datetime", "day": "date", "host": "host", "link": "url", "place": "path",
    "where": "relative_path", "words": "argv", "free": "json", "is": "boolean", "id": "opaque", "data": "bytes", "part": "segment",
    "cost": {"type": "money", "currency": "EUR"}, "prio": {"type": "enum", "values": ["high", "low"]}, "ratio": "number",
    "file": FILE, "files": {"type": "list", "of": FILE}, "tags": {"type": "list", "of": "text"}, "note": {"type": "text", "nullable": True},
}  # fmt: skip
SEND = Tool(
    "mail.send", effect="write", arguments={f"{name}?": of for name, of in TYPES.items()}, aliases=["getUser", "sendmail"], cost={"eur_cents": 3}
)  # fmt: skip
READ = Tool("mail.read", effect="read", arguments={"id": "opaque", "to?": "text"})
FREE = Tool("crm.pages.list", effect="read")
CATALOGUE = Catalogue().with_tool(SEND).with_tool(READ).with_tool(FREE)


def refused(*capabilities, **fields):
    """Return why a grant is refused, as code, field and remedy; None if it is not."""
    found = refuse_unfit_grant(Grant(capabilities, **fields), CATALOGUE)
    return found and (found.code, found.field, found.remedy)


MISTAKES = {
    "a tool that is not there": (may("mail.sned"), "tool_unknown", "tool", "no tool mail.sned (did you mean mail.send", "Write mail.send."),
    "a pattern for nothing": (may("cmr.*"), "tool_unknown", "tool", "no tool that cmr.* stands for", "Register the tool"),
    "an alias": (may("sendmail"), "tool_unknown", "tool", "alias of the tool mail.send", "Write mail.send."),
    "an argument misspelt": (may("mail.send", tpo=anything()), "argument_unknown", "arguments.tpo", 'mail.send has no argument "tpo" (did you mean to?)', "Write to."),
    "an argument of none": (may("mail.*", cc=anything()), "argument_unknown", "arguments.cc", "none of mail.read, mail.send has", "Use one of body, cost"),
    "an argument of a tool without": (may("crm.pages.list", x=absent()), "argument_unknown", "arguments.x", "has no argument", 'Leave "x" out'),
    "a number's bound on a text": (may("mail.send", body=between(1, 5)), "constraint_unfit", "arguments.body", '(1 … 5) on "body" of mail.send does not go with its type text', "text(max=2000)"),
    "a path's on a number": (may("mail.send", n=path("/x")), "constraint_unfit", "arguments.n", '(under /x) on "n"', "Use between(1, 5)"),
    "links on a mailbox": (may("mail.send", to=links()), "constraint_unfit", "arguments.to", "type email", "Use email("),
    "a value that the enum lacks": (may("mail.send", prio=one_of("x", "low")), "constraint_unfit", "arguments.prio", 'no call can offer "x"', "Use one_of('high', 'low')"),
    "a literal in another form": (may("mail.send", to=exact("Ana@ACME.example")), "constraint_unfit", "arguments.to", '"Ana@ACME.example" is written "Ana@acme.example" there', "Use email("),
    "a part of a combination": (may("mail.send", n=all_of(between(1), any_of(exact("x"), exact(1)))), "constraint_unfit", "arguments.n", '("x") on "n"', "Use between(1, 5)"),
    "an item": (may("mail.send", tags=each(email("acme.example"))), "constraint_unfit", "arguments.tags", "type text", "Use text("),
    "a literal item": (may("mail.send", tags=contains(1)), "constraint_unfit", "arguments.tags", "no call can offer 1", "each(text("),
    "a word": (may("mail.send", words=argv("git", between(1))), "constraint_unfit", "arguments.words", "type text", "Use text("),
    "a member misspelt": (may("mail.send", file=members(media_typ=exact("x"))), "constraint_unfit", "arguments.file", 'no member "media_typ" (did you mean media_type?)', "Write media_type."),
    "a member's bound": (may("mail.send", files=each(members(size=any_of(absent(), exact("x"))))), "constraint_unfit", "arguments.files", '("x") on "files.size"', "Use between(1, 5)"),
    "members of no object": (may("mail.send", free=members(a=exact(1))), "constraint_unfit", "arguments.free", "members is no bound of a json", "Use count("),
}  # fmt: skip


@every("what", MISTAKES)
def test_a_mistake_has_a_sentence_and_a_remedy(what: str) -> None:
    """Capability, argument, constraint and type are named, and what was probably meant."""
    capability, code, field, said, remedy = MISTAKES[what]
    found = refuse_unfit_grant(Grant([may("mail.read", id=anything()), capability]), CATALOGUE)
    assert found is not None
    assert (found.code, found.field) == (code, f"capabilities[1].{field}")
    assert said in found.message
    assert remedy in found.remedy


EMPTY = {
    "an argument that the tool needs": (may("mail.read"), 'it needs the argument "id", which this capability does not name', "arguments.id", may("mail.read", id=anything())),
    "one that it forbids": (may("mail.read", id=absent()), 'needs the argument "id", which this capability forbids', "arguments.id", may("mail.read", id=anything())),
    "of one tool of a pattern": (may("mail.*", resources=["x/*"]), None, "", None),
    "no resource": (may("crm.put", name=anything()), "touches the resource crm/people/{name}, and this capability names none", "resources", may("crm.put", name=anything(), resources=["crm/people/*"])),
    "another's resource": (may("crm.put", name=anything(), resources=["crm/person/*", "crm/people"]), "names crm/person/*, crm/people", "resources", may("crm.put", name=anything(), resources=["crm/person/*", "crm/people/*"])),
    "a resource that its bound cannot make": (may("crm.put", name=one_of("a", "b"), resources=["crm/people/c"]), "names crm/people/c", "resources", may("crm.put", name=one_of("a", "b"), resources=["crm/people/b"])),
}  # fmt: skip


@pytest.mark.parametrize("what", EMPTY)
def test_a_capability_that_admits_no_call_is_refused(what: str) -> None:
    """Its author meant to grant something; what the remedy says admits a call."""
    put = Tool("crm.put", effect="write", arguments={"name": "opaque"}, resource="crm/people/{name}")  # fmt: skip
    catalogue = CATALOGUE.with_tool(put)
    idle, said, place, mended = EMPTY[what]
    found = refuse_unfit_grant(Grant([idle]), catalogue)
    if said is None:  # one tool of a pattern is enough
        assert found is None
        return
    assert found is not None
    assert (found.code, found.field) == ("capability_empty", f"capabilities[0].{place}")
    assert said in found.message
    assert found.remedy
    assert refuse_unfit_grant(Grant([mended]), catalogue) is None


def test_a_ceiling_has_the_effects_of_its_tools_and_a_link_may_have_fewer() -> None:
    """Handing on only what reads is narrowing; a task for a tool that it forbids is a mistake."""
    reads = Grant([may("mail.send"), may("mail.read", id=anything())], effects=["read"])
    assert refuse_unfit_grant(reads, CATALOGUE) is None
    found = refuse_unfit_grant(reads, CATALOGUE, is_ceiling=True)
    assert found is not None
    assert (found.code, found.field) == ("capability_empty", "effects")
    assert "mail.send can be allowed: its effect is write" in found.message
    assert "Add write" in found.remedy
    assert refuse_unfit_grant(Grant([may("mail.*", id=anything())], effects=["read"]), CATALOGUE, is_ceiling=True) is None  # fmt: skip


def test_what_a_grant_above_holds_is_no_mistake_of_its_holder() -> None:
    """Roots of before this rule, and tools that were redefined: the others that it holds still serve."""
    idle, good = may("mail.read"), may("mail.read", id=exact("7"))
    held = Grant([idle, may("mail.read", id=anything())])
    assert refuse_unfit_grant(held, CATALOGUE, above=held) is None
    assert refuse_unfit_grant(Grant([idle, good]), CATALOGUE, above=held) is None
    assert (
        refuse_unfit_grant(Grant([may("mail.read", id=absent())]), CATALOGUE, above=held)
        is not None
    )


@pytest.mark.parametrize(
    ("of", "bound", "resource", "granted"),
    [
        ({"type": "list", "of": "segment"}, each(one_of("a", "b")), "m/{x}", ["m/a"]),
        ({"type": "list", "of": "segment"}, exact(["a", "b"]), "m/{x}", ["m/a", "m/b"]),
        ("email", exact("kim@acme.example"), "m/{x}", ["m/kim%40acme.example"]),
        ("path", exact("/srv/a"), "m/{x}", ["m/**"]), ("integer", one_of(2, 3), "m/{x}", ["m/3"]),
        ("opaque", anything(), f"{'l' * 220}/{{x}}", ["*/*"]), ("opaque", anything(), f"m:{{x}}/{'l' * 201}", ["**"]),
        ({"type": "text", "nullable": True}, exact(None), None, []),
    ],
)  # fmt: skip
def test_what_can_be_called_is_not_empty(of, bound, resource, granted) -> None:
    """Lists, values that are escaped, segments that are longer than a pattern's, null that is needed."""
    tool = Tool("a.b", effect="read", arguments={"x": of}, resource=resource)
    capability = may("a.b", x=bound, resources=granted)
    assert refuse_unfit_grant(Grant([capability]), Catalogue().with_tool(tool)) is None
    idle = may("a.b", x=bound, resources=["other"]) if resource else may("a.b")
    found = refuse_unfit_grant(Grant([idle]), Catalogue().with_tool(tool))
    assert found is not None
    if resource:
        named = found.remedy.split('"')[1]
        mended = may("a.b", x=anything(), resources=[named])
        assert refuse_unfit_grant(Grant([mended]), Catalogue().with_tool(tool)) is None


@settings(max_examples=200)
@given(st.data())
def test_what_is_refused_as_empty_admits_nothing_and_what_is_not_admits_something(
    data: st.DataObject,
) -> None:
    """Against every call of a small world."""
    tool = Tool("a.b", effect="read", arguments={"x": "opaque", "y?": "opaque", "z": "opaque"}, resource=data.draw(st.sampled_from([None, "r/{x}", "r/{x}/{z}", "{x}/r", "r/{x}@{z}"])))  # fmt: skip
    bounds = st.sampled_from([anything(), absent(), exact("1"), one_of("1", "2")])
    arguments = data.draw(st.dictionaries(st.sampled_from(["x", "y", "z"]), bounds))
    resources = data.draw(st.lists(st.sampled_from(["r/*", "r/1", "r/2", "*/r", "**", "r/**", "r/1/2", "r/*/2", "s/1", "r"]), max_size=2))  # fmt: skip
    capability = may("a.b", resources=resources, arguments=arguments)
    values = ["1", "2", "r", "3"]
    calls = [
        {"x": x, "z": z} | ({} if y is None else {"y": y})
        for x in values
        for y in [None, *values]
        for z in values
    ]
    admitted = any(
        capability.prohibits("a.b", call, tool.resources_of(call)) is None for call in calls
    )
    found = refuse_unfit_grant(Grant([capability]), Catalogue().with_tool(tool))
    assert found is None or not admitted
    # Any text is taken to be possible in a segment that is filled in part, such as {x}@{z}, and where
    # the values of one placeholder can be listed and those of another cannot.
    listed = {arguments[name].finite() is None for name in tool.placeholders if name in arguments}
    if tool.resource != "r/{x}@{z}" and len(listed) < 2 and found is None:
        assert admitted


def test_wide_uses_are_not_mistakes() -> None:
    """One tool of a pattern that has the argument is enough, and one whose type the bound goes with."""
    assert refused(may("mail.*", body=text(9), to=anything())) is None
    assert refused(may("mail.*", to=text(9))) is None
    assert refused(may("mail.*", to=email("acme.example"))) is None
    assert refused(may("**"), may("crm.**")) is None
    assert refused(may("mail.*", to=between(1)))[0] == "constraint_unfit"


def test_rules_of_consent_and_budgets_speak_of_what_there_is() -> None:
    """A rule that asks nobody and a budget that bounds nothing are mistakes; a template's spare unit is none."""

    def rule(name: str) -> ApprovalRule:
        return ApprovalRule((tool_pattern("crm.**"), tool_pattern(name)), ("ana",), 1)

    assert refused(needs_approval=[rule("mail.send")]) is None
    assert refused(needs_approval=[rule("mail.snd")]) == (
        "tool_unknown", "needs_approval[0].tools", "Write mail.send.",
    )  # fmt: skip
    assert refused(may("mail.send"), budget={"calls": 1, "eur_cents": 9}) is None
    assert refused(may("mail.read", id=anything()), budget={"eur_cents": 9}) is None
    assert refused(may("mail.send"), budget={"usd_cents": 9}) == (
        "unit_unknown", "budget.usd_cents", "Bound eur_cents instead.",
    )  # fmt: skip
    assert refused(may("mail.read", id=anything()), budget={"usd_cents": 9})[2].startswith(
        "Leave usd_cents out"
    )
    both = Grant([may("mail.send")], budget={"usd_cents": 9, "eur_cents": 9})
    assert (
        refuse_unfit_grant(both, CATALOGUE, above=Grant([may("**")], budget={"usd_cents": 10}))
        is None
    )


def test_the_pinned_definitions_count() -> None:
    """A tool that came, or an argument that changed, after the root was issued is none of it."""
    later = CATALOGUE.with_tool(Tool("mail.read", effect="read", arguments={"number": "integer"}))
    for capability, at, code in (
        (may("mail.read", number=between(1)), None, None),
        (may("mail.read", number=between(1)), CATALOGUE.revision, "argument_unknown"),
        (may("mail.read", id=anything()), CATALOGUE.revision, None),
        (may("mail.read"), 1, "tool_unknown"),
        (may("sendmail"), 1, "tool_unknown"),
    ):
        found = refuse_unfit_grant(Grant([capability]), later, at)
        assert (found and found.code) == code


@settings(max_examples=200)
@given(
    name=st.sampled_from([*TYPES, "tpo", "file.size"]),
    constraint=kinds.constraints
    | st.sampled_from([members(size=between(1)), members(name=text(3))]),
)
def test_what_is_found_is_what_calls_would_meet(name: str, constraint) -> None:
    """Of one tool, a grant is refused exactly where its calls would be denied for the same cause."""
    capability = may("mail.send", arguments={name: constraint})
    found = refuse_unfit_grant(Grant([capability]), CATALOGUE)
    judged = refuse_unfit(capability, SEND)
    expected = "argument_unknown" if name not in TYPES else judged and judged.code
    assert (found and found.code) == expected
    assert found is None or (found.message.endswith(".") and found.remedy.endswith("."))


@every("name", TYPES)
def test_every_remedy_fits(name: str) -> None:
    """What is offered in the place of a bound that does not fit is one that does."""
    of = parse_type(TYPES[name])
    offered = [eval(said, FACE) for said in fitting(of)]  # our own words
    assert offered
    assert all(one.fits(of) for one in offered)
    assert refuse_unfit_grant(Grant([may("mail.send", **{name: offered[0]})]), CATALOGUE) is None


@every(
    ("entry", "held", "meant"),
    [
        ("https://Desk.example", "https://desk.example", True), ("https://desk.example/", "https://desk.example", True),
        ("https://desk.example:443", "https://desk.example", True), ("http://desk.example:80/a", "http://desk.example/a/", True),
        ("https://desk.example.", "https://desk.example", True), ("DESK", "desk", True), ("https://desk.example", "http://desk.example", False),
        ("https://desk.example:8443", "https://desk.example", False), ("https://desk.example/a", "https://desk.example", False),
        ("https://desk.example:80", "https://desk.example", False), ("desk", "desk", False),
    ],
)  # fmt: skip
def test_another_spelling_of_an_audience_is_told(entry: str, held: str, meant: bool) -> None:
    """Case, default port, final dot and slash: told as spelling, and still refused."""
    assert respelled(entry, ["https://other.example", held]) == (held if meant else "")
    if entry != held:
        mine = Grant((), audience=[held], delegations_left=2, expires_at=9)
        with pytest.raises(WiderThanParentError) as caught:
            mine.narrow(audience=[entry])
        assert caught.value.reason == "audience_widened"
        assert (caught.value.remedy == f"Write {held}.") is meant


def test_an_alias_in_a_capability_is_told() -> None:
    """What cannot be a tool's own name says so, and where its name is to be had."""
    with pytest.raises(MalformedError, match=r"not by an alias \(`delegation catalogue show"):
        may("getUser")


RULE = """version = 1
[[guardrail]]
name = "rule"
{condition}"""
RULES = {
    'never_reach = { tools = ["mail.sned"] }': "mail.send",
    'never_reach = { tools = ["cmr.**", "mail.send"] }': None,
    'needs_approval = { tools = ["sendmail"], approvers = ["ana"] }': "alias of the tool mail.send",
    'arguments_within = { tools = ["mail.*"], arguments = { tpo = { absent = true } } }': "did you mean to",
    'arguments_within = { tools = ["mail.*"], arguments = { n = { length = { min = 0, max = 5 } } } }': "type integer",
    'arguments_within = { tools = ["mail.*"], arguments = { to = { length = { min = 0, max = 5 } } } }': None,
    'arguments_within = { tools = ["later.*"], arguments = { x = { any = true } } }': None,
}


@pytest.mark.parametrize("condition", RULES)
def test_a_guardrail_that_speaks_of_nothing_is_refused(condition: str) -> None:
    """It would hold in silence; a pattern may wait for its tools."""
    rules = parse_guardrails(RULE.format(condition=condition))
    if RULES[condition] is None:
        refuse_unfit_rules(rules, CATALOGUE)
        return
    with pytest.raises(UnfitError, match=RULES[condition]) as caught:
        refuse_unfit_rules(rules, CATALOGUE)
    assert "'rule'" in str(caught.value)
    assert caught.value.remedy
