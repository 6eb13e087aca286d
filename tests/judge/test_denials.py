"""What a denial at steps 7 and 8 says: the tightest limit, the link that set it, the part that is refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cases import every
from tiny import NOW, chain_of, full

from delegation import (
    Access,
    Catalogue,
    Tool,
    absent,
    all_of,
    any_of,
    anything,
    argv,
    between,
    cidr,
    contains,
    count,
    during,
    each,
    email,
    exact,
    glob,
    host,
    links,
    may,
    members,
    not_below,
    not_one_of,
    one_of,
    path,
    subset,
    text,
    url,
)
from delegation.authority.arguments import parse_type
from delegation.authority.asked import refused_part
from delegation.authority.constraints import Constraint
from delegation.authority.constraints.table import TABLES
from delegation.judge.capability import judge_capability
from delegation.judge.decision import Denial
from delegation.judge.window import deny_outside_window

CATALOGUE = Catalogue().with_tool(
    Tool(
        "mail.send",
        effect="write",
        arguments={"to": {"type": "list", "of": "email"}, "body": "text", "box": "opaque", "cc?": "email", "cents": "integer"},
        resource="mail:acme/{box}",
    )
)  # fmt: skip
AT = {"cc": anything(), "cents": between(0, 500), "box": anything()}
ROOT = may("mail.send", resources=["mail:acme/*"], to=each(email("acme.example", "partner.example")), body=links("acme.example"), **AT)  # fmt: skip
GOOD = {"to": ["ana@acme.example"], "body": "hi", "cents": 20, "box": "ana", "cc": "bo@acme.example"}  # fmt: skip
FIELDS = {"capabilities": [ROOT], "audience": ["mail"], "purpose": "desk", "effects": ["write"]}


def denied(*changed: dict, purpose: str = "desk/a", audience: str = "mail", at: int = NOW, tool: str = "mail.send", **arguments: object) -> Denial:  # fmt: skip
    """Return the denial of a call at the end of a chain; each link keeps what it does not change."""
    fields, held = dict(FIELDS), []
    for one in ({}, *changed):
        fields |= one
        held.append(full(**fields))
    given = {k: v for k, v in {**GOOD, **arguments}.items() if v is not ...}
    access, chain = Access(tool, given, audience=audience, purpose=purpose), chain_of(*held, catalogue=1)  # fmt: skip
    found = deny_outside_window(chain, access, at) or judge_capability(chain, access, CATALOGUE)
    assert isinstance(found, Denial)
    return found


FIFTY = {"capabilities": [ROOT.narrow(cents=between(0, 50))]}
# The root's limit is left behind too, and is not what the call must keep.
TIGHTEST = {
    "an amount over all limits": ((FIFTY, {}), {"cents": 9000}, 1, "from 0 to 50"),
    "an amount over one limit": ((FIFTY, {}), {"cents": 100}, 1, "from 0 to 50"),
    "the limit of the root": (({}, {}), {"cents": 900}, 0, "from 0 to 500"),
    "the last link's own": ((FIFTY, {"capabilities": [ROOT.narrow(cents=exact(7))]}), {"cents": 9000}, 2, "exactly 7"),
    "an argument that a link left out": (({}, {"capabilities": [may("mail.send", resources=["mail:acme/*"], to=ROOT.arguments["to"], body=ROOT.arguments["body"], cents=between(0, 9), box=anything())]}), {}, 2, "left out"),
    "an argument that only the grant demands": (({"capabilities": [ROOT.narrow(cc=exact("log@acme.example"))]}, {}), {"cc": ...}, 1, 'exactly "log@acme.example"'),
    "a resource": (({"capabilities": [ROOT.narrow(resources=["mail:acme/bo"])]}, {}), {}, 1, "mail:acme/bo"),
    "a purpose": (({"purpose": "desk/b"}, {}), {}, 1, "desk/b, or below it"),
    "a purpose of nobody": (({"purpose": "desk/b"}, {}), {"purpose": "sales"}, 1, "desk/b, or below it"),
    "an audience": (({}, {"audience": []}), {}, 2, "no service"),
    "an effect, sought from the top": (({"effects": []}, {}), {"cents": 9000}, 1, "no effect"),
    "a tool, sought from the top": (({"capabilities": [may("pay.*")]}, {}), {"cents": "x"}, 1, "pay.*"),
    "a link that is over": (({"expires_at": NOW + 5}, {"expires_at": NOW + 3}), {"at": NOW + 6}, 1, "before 2027-01-15 08:00:05Z"),
    "a link that has not begun": (({"not_before": NOW + 3}, {"not_before": NOW + 5}), {}, 2, "from 2027-01-15 08:00:05Z on"),
}  # fmt: skip


@every("case", TIGHTEST)
def test_the_tightest_limit_is_named_with_the_link_that_set_it(case):
    """Whatever the limits above it are, and wherever below it was kept."""
    changed, call, depth, allowed = TIGHTEST[case]
    found = denied(*changed, **call)
    assert (found.depth, found.allowed_in_words) == (depth, allowed)
    who = "whoever opened the task" if depth == 0 else f'"h{depth - 1}"'
    assert who in found.remedy or "Wait" in found.remedy
    assert found.link


# What a list, command line or text is refused for: the caveat leads to the part, and only it is offered.
PARTS = {
    "an item": ({"to": ["ana@acme.example", "x@evil.example"]}, "to[1]", "x@evil.example"),
    "a link": ({"body": "read https://evil.example/x now"}, "body", "https://evil.example/x"),
    "a link with hidden characters": ({"body": "see \u202ehttps://evil.example/\u202e"}, "body", "\\u202ehttps://evil.example/\\u202e"),
    "a long link": ({"body": "see https://evil.example/" + "a" * 900}, "body", ("https://evil.example/" + "a" * 900)[:199] + "…"),
    "a bare name": ({"body": "at evil.com"}, "body", "evil.com"),
}  # fmt: skip


@pytest.mark.parametrize("case", PARTS)
def test_the_part_that_is_refused_is_named(case):
    """By its place, and alone: of a text the link that was found, escaped and cut."""
    call, place, offered = PARTS[case]
    found = denied(**call)
    assert found.caveat == f"capabilities[0].arguments.{place}"
    assert found.offered == offered
    assert "acme.example" in found.remedy
    assert "evil" not in found.message + found.remedy


def test_a_bound_beside_absence_speaks_for_itself():
    """`any_of(absent(), ...)` is how a grant bounds what may be left out: the value that is there is told of."""
    mine = ROOT.narrow(cc=any_of(absent(), email("acme.example")))
    found = denied({"capabilities": [mine]}, cc="x@evil.example")
    assert found.message == 'The argument "cc" must be an e-mail address at acme.example.'
    assert found.remedy.startswith(
        'Make "cc" an e-mail address at acme.example, leave it out, or ask'
    )
    assert found.allowed_in_words == "left out or an e-mail address at acme.example"
    both = ROOT.narrow(cents=all_of(between(0, 50), not_one_of(7)))
    found = denied({"capabilities": [both]}, cents=7)
    assert found.message == 'The argument "cents" must be anything but 7.'
    said = "from 0 to 50", "anything but 7"
    assert all(one in found.remedy for one in said), (
        "what is beside the broken bound counts as well"
    )


# The finest bound that refuses, in the words of the type where it stands.
FINEST = {
    "a text in an object in a list": (
        each(members(body=text(max=3))), {"type": "list", "of": {"type": "object", "fields": {"body": "text"}}},
        [{"body": "abcd"}], "[0].body", "at most 3 characters long",
    ),
    "a list in a list, beside absence": (
        any_of(absent(), all_of(count(max=9), each(text(max=1)))), {"type": "list", "of": {"type": "list", "of": "text"}},
        [["a"], ["a", "b"]], "[1]", "at most 1 item long",
    ),
    "the list of an either": (
        text(max=1), {"type": "either", "of": ["text", {"type": "list", "of": "text"}]}, ["a", "b"], "", "at most 1 item long",
    ),
    "the text of an either": (
        text(max=1), {"type": "either", "of": ["text", {"type": "list", "of": "text"}]}, "ab", "", "at most 1 character long",
    ),
    "one of several that all count": (
        all_of(count(max=1), each(links())), {"type": "list", "of": "text"}, ["a", "b"], "", "a list of at most 1 item",
    ),
    "money in a member": (
        members(price=between(0, 50)), {"type": "object", "fields": {"price": {"type": "money", "currency": "USD"}}},
        {"price": 99}, ".price", "from 0.00 USD to 0.50 USD",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FINEST)
def test_the_finest_bound_is_said_in_the_words_of_its_own_type(case):
    """Wherever it stands: characters of a text, items of a list, amounts with their currency."""
    constraint, kind, value, place, words = FINEST[case]
    found = refused_part(constraint, value, parse_type(kind))
    assert (found.place, found.by.wording(found.of).must) == (place, words)


def test_an_argument_that_the_tool_needs_is_never_to_be_left_out():
    """Leaving it out would be denied by the tool: then only another grant helps."""
    bare = may("mail.send", resources=["mail:acme/*"], to=anything(), body=anything(), box=anything(), cc=anything())  # fmt: skip
    none = may("mail.send", resources=["mail:acme/*"], to=anything(), body=anything(), box=anything(), cc=anything(), cents=absent())  # fmt: skip
    for capability, code in ((bare, "argument_not_granted"), (none, "argument_refused")):
        found = denied({"capabilities": [capability]})
        assert found.code == code
        assert found.remedy.startswith("Ask ")


def test_of_several_capabilities_the_one_that_is_nearest_speaks():
    """Following its remedy leads on, whichever stands first."""
    far = ROOT.narrow(to=exact([]), cents=exact(1), body=exact("x"))
    near = ROOT.narrow(cents=between(0, 50))
    for held in ([far, near], [near, far]):
        found = denied({"capabilities": held}, cents=60)
        assert (found.code, found.allowed_in_words) == ("argument_refused", "from 0 to 50")


def every() -> Iterator[Constraint]:
    """Return a constraint of each kind."""
    yield from (
        anything(),
        absent(),
        exact(5),
        one_of("a", "b"),
        not_one_of("a"),
        between(1, None),
        between(1, 5),
    )
    yield from (
        text(max=5),
        count(max=3),
        during("2026-01-01", None),
        argv(exact("git"), rest=glob("*")),
    )
    yield from (
        links("a.example"),
        links(),
        not_below("/a"),
        contains("a"),
        subset("a"),
        each(exact("a")),
        members(size=between(1, 5), kind=one_of("a", "b")),
    )
    yield from (
        all_of(text(max=5), text(min=2)),
        any_of(exact("a"), absent()),
        path("/a"),
        url("https://a.example"),
    )
    yield from (
        host("a.example"),
        cidr("198.51.100.0/24"),
        email("a.example", "b@c.example"),
        glob("a/*"),
    )
    yield exact({"a": "e\u0301"})  # spelled: a text that no payload may hold as it is
    yield one_of(*(f"{n:03}" * 60 for n in range(99)))


def test_every_kind_of_constraint_is_said_in_words():
    """A kind that is added has words of its own, or this fails; none is long, none hides anything."""
    said = {constraint: constraint.wording().must for constraint in every()}
    kinds = {kind for constraint in said for kind in constraint.to_json()}
    assert kinds == set(TABLES[max(TABLES)])
    for words in said.values():
        assert 0 < len(words) < 2_000
        assert words.isprintable()
        assert "{" not in words or '"a"' in words
    assert len(set(said.values())) == len(said)
    money = parse_type({"type": "money", "currency": "USD"})
    assert between(0, 5000).wording(money).must == "from 0.00 USD to 50.00 USD"


@pytest.mark.parametrize(
    "held",
    [
        exact("{who} owes {0}"),
        one_of("{who}", "\0who"),
        all_of(links("acme.example"), glob("{who}/*")),
    ],
)
def test_a_remedy_shows_a_granted_value_as_it_is(held: Constraint) -> None:
    """Braces of a value are no place for the name of whoever may grant more."""
    found = denied({"capabilities": [ROOT.narrow(body=held)]}, body="other")
    assert "{who}" in found.remedy
    assert found.allowed_in_words in found.remedy
    assert "\0" not in found.remedy
