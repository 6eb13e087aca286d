"""Whatever a child admits its parent admits, special hosts included: they only pass where they are named."""

from __future__ import annotations

import pytest
from cases import every
from hypothesis import given, settings
from hypothesis import strategies as st

from delegation import (
    all_of,
    any_of,
    anything,
    cidr,
    count,
    each,
    exact,
    host,
    not_one_of,
    one_of,
    text,
    url,
)
from delegation.authority.arguments.url import is_special_target
from delegation.authority.capability import may
from delegation.authority.catalogue import Tool

WORLD = [
    "localhost", "db.internal", "x.db.internal", "db", "127.0.0.1", "127.0.0.2", "1.1.1.1", "a.acme.example", "metadata.goog", "http://localhost/v1", "http://localhost/v1/x",
    "http://localhost/v2", "http://localhost:8080/v1", "http://localhost/v1?q", "https://a.example/v1", [], ["localhost"], ["localhost", "127.0.0.1"],
    ["localhost", "a.acme.example"], ["db.internal"], ["http://localhost/v1"], ["a.acme.example"],
    [[]], [["localhost"]], [["a.acme.example"], ["localhost"]], [["a.acme.example"], []], ["a.acme.example", ["http://localhost/v1"]], [[["db.internal"]]],
]  # fmt: skip
leaves = st.sampled_from(
    [
        anything(), host("localhost"), host("localhost", "127.0.0.1"), host("*.internal"), host("db.internal"), host("*.internal", "db.internal", "*.acme.example"),
        host("127.0.0.1"), cidr("127.0.0.0/8"), cidr("127.0.0.1/32"), not_one_of("x"), text(40), exact("localhost"), one_of("127.0.0.1", "localhost"), url("http://localhost/v1"),
        url("http://localhost/v1", query=True), url("http://localhost/"), url("http://localhost/v1/x", "https://a.example/v1"), host("*.acme.example", "localhost"),
    ]
)  # fmt: skip
constraints = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(each, inner),
        st.builds(lambda p: all_of(*p), st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda p: any_of(*p), st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=4,
)
# What asks nothing of the items, and so names none of them.
SILENT = [anything(), each(anything()), each(each(anything())), each(count(0, 9)), all_of(each(anything())), any_of(count(0, 9), each(each(text(99)))), each(each(host("*.internal")))]  # fmt: skip


def is_special(value):
    """Return whether a value is a special host or URL, or a list that holds one."""
    return any(map(is_special, value)) if isinstance(value, list) else is_special_target(value)


def admits(one, value):
    """Return whether a call with this host, URL or list of them is admitted by a grant."""
    return one.names_special(value) if is_special(value) else one.admits(value)


@settings(max_examples=400, deadline=None)
@given(child=constraints, parent=constraints)
def test_a_child_reaches_no_special_host_that_its_parent_does_not_name(child, parent):
    """Inclusion is sound for every pair, and a witness is one."""
    outside = [v for v in WORLD if admits(child, v) and not admits(parent, v)]
    if child.is_within(parent):
        assert not outside
    found = child.witness(parent)
    if found is not None and child.special_parts():
        assert not child.is_within(parent)


@given(one=constraints)
def test_what_is_named_is_admitted(one):
    """Naming is never wider than admitting, and handing on unchanged is always within."""
    assert all(one.admits(v) for v in WORLD if one.names_special(v))
    assert one.is_within(one)
    assert one.special_parts() or one.is_within(anything())


@pytest.mark.parametrize("silent", SILENT)
def test_no_depth_of_lists_hides_a_special_host(silent):
    """A bound that says nothing of the items lets none of them pass, however deep it stands."""
    assert not [value for value in WORLD if is_special(value) and admits(silent, value)]
    assert not each(each(host("localhost"))).is_within(silent)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_call_with_a_special_host_in_nested_lists_is_refused_unless_it_is_named(depth):
    """As a tool with lists of lists of hosts reads it: the way of a judged call."""
    type_, value, named = "host", "localhost", host("localhost")
    for _ in range(depth):
        type_, value, named = {"type": "list", "of": type_}, [value], each(named)
    tool, special = Tool("net.get", effect="read", arguments={"to": type_}), {}
    arguments = tool.canonicalise({"to": value}, special)
    for bound, why in ((named, None), *((one, "special") for one in SILENT)):
        found = may("net.get", to=bound).prohibits("net.get", arguments, (), special)
        assert (found and found.why) == why


def test_text_beside_lists_of_urls_is_judged_as_text():
    """What no URL is, though it holds one, is no fault of the judge: the call is admitted or refused."""
    kinds = {"type": "either", "of": ["text", {"type": "list", "of": "host"}]}
    tool = Tool("net.get", effect="read", arguments={"to": {"type": "list", "of": kinds}})
    special: dict[str, str] = {}
    arguments = tool.canonicalise({"to": ["see https://a.example now", ["localhost"]]}, special)
    grants = [may("net.get", to=each(any_of(text(50), each(one)))) for one in (host("localhost"), anything())]  # fmt: skip
    assert [grant.prohibits("net.get", arguments, (), special) for grant in grants] == [
        None, ("special", "to"),
    ]  # fmt: skip


WIDER = [
    (host("db.internal"), host("*.internal"), "db.internal"), (host("127.0.0.1"), cidr("127.0.0.0/8"), "127.0.0.1"), (host("localhost"), anything(), "localhost"),
    (url("http://localhost/v1"), anything(), "http://localhost/v1"), (each(host("localhost")), each(anything()), ["localhost"]),
    (host("localhost", "db.internal"), host("localhost", "*.internal"), "db.internal"), (any_of(host("localhost"), host("a.example")), any_of(host("*.example"), anything()), "localhost"),
    (all_of(host("localhost"), text(40)), all_of(anything()), "localhost"), (url("http://localhost/v1"), any_of(url("http://localhost/v2"), anything()), "http://localhost/v1"),
]  # fmt: skip


@every(("child", "parent", "witness"), WIDER)
def test_naming_what_the_parent_only_covers_is_widening(child, parent, witness):
    """The child is refused, and shown what it would reach."""
    assert not child.is_within(parent)
    assert child.witness(parent) == witness


WITHIN = [
    (host("localhost"), host("localhost", "db.internal")), (url("http://localhost/v1/x"), url("http://localhost/v1")), (host("*.internal"), anything()),
    (host("*.a.internal"), host("*.internal")), (cidr("127.0.0.1/32"), cidr("127.0.0.0/8")), (cidr("127.0.0.0/8"), anything()), (exact("localhost"), anything()),
    (host("a.acme.example"), host("*.acme.example")), (host("1.1.1.1"), cidr("1.0.0.0/8")), (host("localhost"), all_of(host("localhost"), anything())),
    (host("localhost"), any_of(anything(), host("localhost"))), (each(host("localhost")), each(host("localhost", "a.example"))),
    (all_of(host("localhost"), text(40)), host("localhost")), (any_of(host("localhost"), host("a.example")), host("localhost", "*.example")),
]  # fmt: skip


@every(("child", "parent"), WITHIN)
def test_what_is_named_above_may_be_named_below(child, parent):
    """Narrowing stays possible wherever nothing new is reached."""
    assert child.is_within(parent)
