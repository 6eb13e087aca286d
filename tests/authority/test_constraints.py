"""Constraints: sound inclusion for every pair of kinds, and a planted fault that each kind catches."""

from __future__ import annotations

from itertools import product
from types import SimpleNamespace

import pytest
from cases import every
from hypothesis import given, settings
from hypothesis import strategies as st

from delegation import (
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
from delegation.authority.constraints import (
    ABSENT,
    KINDS,
    collection,
    combination,
    constraint,
    equality,
    length,
    literal,
    network,
    objects,
    parse_constraint,
    paths,
    place,
    position,
    presence,
    text_links,
    time_span,
)
from delegation.authority.constraints import range as ranges
from delegation.errors import MalformedError

WORLD = [
    ABSENT, None, True, False, 0, 1, 2, 5, 9, 10, -1, 2**53 - 1, "", "0", "1", "1.5", "a", "ab", "x", "reports/x/2024",
    "reports/2024", "reports/x/y/2024", "reports/x", "/", "/a", "/a/b", "/ab", "/a/b/c", "acme.example", "api.acme.example",
    "evil.example", "xacme.example", "a.b.acme.example", "1.1.1.1", "1.1.1.2", "2606:4700::1", "ana@acme.example", "bo@acme.example",
    "ana@x.acme.example", "ana@evil.example", "https://a.example/", "https://a.example/v1", "https://a.example/v1/x",
    "https://a.example/v1?q", "https://a.example/v10", "https://a.example:8443/v1", [], ["a"], ["a", "b"], ["b"], [1], [True],
    ["ana@acme.example"], ["/a", "/b"], {}, {"a": 1}, 0.5, 1.5, -0.5, 1e300, {"a": 0.5}, [0.5], "e\u0301", "\xe9",
    4.999, 1e21, -1e-7, "a\u202e", [None], ["e\u0301"],
    "a/b", "a/b/c", "ab", "/A/B", "/a/B/c", "/\uff41/b", "/a/\u017f", "/a/S/x", "see https://acme.example/x", "x@evil.com", "evil.com",
    "2026-01-31", "2026-02-01", "2026-01-31T00:00:00Z", "2026-01-31T00:00:00.5Z", "2026-01-31T01:00:00+01:00", "2025-12-31T23:59:59Z",
    {"a": 1, "b": "x"}, {"a": None}, {"b": "a"}, {"a": {"b": 1}}, {"a": {}}, {"a": "a", "c": 5}, [{"a": 1}],
    ["git", "log"], ["git", "push"], ["git"], ["git", "log", "-p"], ["git", "log", "x", "y"], ["a", "b", "a", "b"],
]  # fmt: skip
values = st.sampled_from(
    [
        0,
        1,
        True,
        None,
        "a",
        "x",
        "/a",
        ["a"],
        "1.5",
        "ana@acme.example",
        0.5,
        1e300,
        {"a": 0.5},
        "e\u0301",
        "\xe9",
    ]
)
leaves = st.one_of(
    st.sampled_from(
        [
            anything(), absent(), between(0, 9), between(1, 5), between(None, 5), between("1.5", 9), between(2), text(2), text(9, 2),
            text(0), path("/"), path("/a"), path("/a/b"), path("/a", "/ab"), url("https://a.example/v1"), url("https://a.example/"),
            url("https://a.example/v1", query=True), host("acme.example"), host("*.acme.example"), host("api.acme.example", "1.1.1.1"),
            cidr("1.1.1.0/24"), cidr("1.1.1.1/32"), cidr("1.1.0.0/16", "2606:4700::/32"), email("acme.example"),
            email("*.acme.example"), email("ana@acme.example"), email("acme.example", "evil.example"), glob("reports/*/2024"),
            glob("reports/**"), glob("reports/x/2024"), glob("*"), glob("/a/*"),
            between(above=0, below=9), between(1, below=9), between("0.5", 1), between(above=0.5), between(below=5), between(0, 1e21),
            path("a"), path("a/b", "ab"), not_below("/a/b"), not_below("/a", "/x"), not_below("/A/B/c"), not_below("/a/S"), not_below("a/b"),
            count(0, 1), count(2, 2), count(1), links(), links("acme.example"), links("*.acme.example", "acme.example"),
            during("2026-01-01", "2026-02-01"), during("2026-01-31"), during(None, "2026-01-31T00:00:00.5Z"),
            during("2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z"), during("2026-01-31T00:00:00Z"), during("task+0s", "task+60s"),
            during("task+0d", "task+7d"), during("task+10s"),
        ]
    ),
    st.builds(exact, values),
    st.builds(lambda v: one_of(*v), st.lists(values, min_size=1, max_size=3)),
    st.builds(lambda v: not_one_of(*v), st.lists(values, min_size=1, max_size=3)),
    st.builds(lambda v: contains(*v), st.lists(st.sampled_from(["a", "b", 1, True]), min_size=1, max_size=3)),
    st.builds(lambda v: subset(*v), st.lists(st.sampled_from(["a", "b", 1, True]), min_size=1, max_size=3)),
)  # fmt: skip
constraints = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(each, inner),
        st.builds(
            members,
            st.dictionaries(
                st.sampled_from(["a", "b", "a is (1) and b"]), inner, min_size=1, max_size=2
            ),
        ),
        st.builds(lambda p: all_of(*p), st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda p: any_of(*p), st.lists(inner, min_size=1, max_size=3)),
        st.builds(
            lambda p, rest: argv(*p, rest=rest),
            st.lists(inner | st.sampled_from(["git", "a"]), max_size=2),
            st.none() | inner,
        ),
    ),
    max_leaves=4,
)


def admitted(one):
    """Return the values of the tiny world that a constraint admits, by place."""
    return {n for n, value in enumerate(WORLD) if one.admits(value)}


def counterexample(child, parent):
    """Return a value that breaks soundness of inclusion, or None."""
    probes = [*WORLD, *child.probes(), *parent.probes()]
    if child.is_within(parent):
        for value in probes:
            if child.admits(value) and not parent.admits(value):
                return (value,)
    return None


@settings(max_examples=1500)
@given(child=constraints, parent=constraints)
def test_a_constraint_within_another_admits_nothing_more(child, parent):
    """Inclusion is sound for every pair, combinations included."""
    assert counterexample(child, parent) is None


@settings(max_examples=400)
@given(one=constraints, other=constraints)
def test_no_two_constraints_read_alike(one, other):
    """Different ones have different words: literals are JSON, combinations have brackets."""
    assert (one.wording().short == other.wording().short) == (
        repr(one.to_json()) == repr(other.to_json())
    )


def test_a_literal_is_no_word_of_ours():
    """Each of these would say another without its quotes."""
    told = [
        exact("5"), exact(5), exact("anything"), anything(), exact("not x"), not_one_of("x"), exact("a or b"), one_of("a", "b"), host("anything"),
        any_of(exact("a"), exact("b")), exact("true"), exact(True), exact("at most 20 long"), text(20), path("/a", "/b"), path("/a,/b"),
        path("/a"), all_of(path("/a")), any_of(path("/a")), url("https://a.example/v1"), url("https://a.example/v1", query=True),
        exact({"any": True}), between(1, 5), between("1", "5"), exact("1 … 5"), email("a.example"), host("a.example"),
        all_of(any_of(exact("a"), exact("b")), exact("c")), any_of(exact("a"), all_of(exact("b"), exact("c"))),
    ]  # fmt: skip
    assert len({one.wording().short for one in told}) == len({str(one.to_json()) for one in told})


@settings(max_examples=400)
@given(child=constraints, parent=constraints)
def test_a_witness_is_one(child, parent):
    """What is shown as a witness is admitted by the child and refused by the parent."""
    found = child.witness(parent)
    if found is not None:
        assert child.admits(found)
        assert not parent.admits(found)
        assert not child.is_within(parent)


@given(one=constraints)
def test_a_constraint_is_within_itself_and_under_any(one):
    """Every constraint may be handed on unchanged, and everything is under `any`."""
    assert one.is_within(one)
    assert one.is_within(anything())


@given(one=constraints)
def test_json_is_read_back(one):
    """What is written is read back equal, and only so spelled."""
    if len(str(one.to_json())) < 4000 and depth(one) <= 4:
        assert parse_constraint(one.to_json()) == one


def depth(one):
    """Return how deep a constraint is nested."""
    return 1 + max((depth(m) for m in one.members()), default=0)


# The 19 pairs that the AAT draft's matrix permits, each with a narrower child: ours must accept them.
PERMITTED = [
    (exact(5), exact(5)), (exact(5), between(0, 9)), (exact(5), one_of(4, 5)), (exact(5), anything()),
    (between(1, 5), between(0, 9)), (between(1, 5), anything()), (one_of(1, 2), one_of(1, 2, 3)), (one_of(1), anything()),
    (not_one_of(1, 2), not_one_of(1)), (not_one_of(1), anything()), (contains("a", "b"), contains("a")), (contains("a"), anything()),
    (subset("a"), subset("a", "b")), (subset("a"), anything()), (all_of(between(1, 5), not_one_of(3)), all_of(between(0, 9))),
    (all_of(between(1, 5)), anything()), (any_of(exact(1), exact(2)), any_of(exact(1), exact(2), exact(3))),
    (any_of(exact(1)), anything()), (anything(), anything()),
]  # fmt: skip


@every(("child", "parent"), PERMITTED)
def test_the_matrix_of_the_aat_draft_is_accepted(child, parent):
    """Every pair that the draft permits narrows here too."""
    assert child.is_within(parent)


SAMPLES = {
    "exact": exact(5), "range": between(0, 9), "one_of": one_of(1, 2), "not_one_of": not_one_of(1), "contains": contains("a"),
    "subset": subset("a"), "any": anything(), "all": all_of(text(3)), "any_of": any_of(text(3), between(0, 2)),
    "absent": absent(), "length": text(3), "path": path("/a"), "url": url("https://a.example/v1"), "host": host("acme.example"),
    "email": email("acme.example"), "cidr": cidr("1.1.1.0/24"), "glob": glob("a/*"), "each": each(exact("a")),
    "spelled": one_of(0.5, "a"), "argv": argv("git", one_of("log", "status"), rest=text(9)), "count": count(1, 2),
    "during": during("2026-01-01", "2026-02-01"), "members": members(a=one_of(1, 2)), "links": links("acme.example"), "not_below": not_below("/a/b"),
}  # fmt: skip


def test_every_kind_has_a_sample():
    """No kind is forgotten below."""
    assert set(SAMPLES) == set(KINDS)


@every(("child", "parent"), list(product(SAMPLES, SAMPLES)))
def test_all_pairs_of_kinds_are_sound(child, parent):
    """Whatever is accepted across kinds admits nothing more: unlisted pairs are refused."""
    assert counterexample(SAMPLES[child], SAMPLES[parent]) is None


@every(
    "body",
    [
        {}, {"any": False}, {"exact": 1, "any": True}, {"regex": "a*"}, {"one_of": []}, {"one_of": [2, 1]}, {"one_of": [1, 1]},
        {"range": {"min": 1}}, {"range": {"min": None, "max": None}}, {"range": {"min": 5, "max": 1}}, {"range": {"min": True, "max": 9}},
        {"range": {"min": "1.0", "max": None}}, {"length": {"min": 0, "max": -1}}, {"path": {"under": ["/a/"]}}, {"path": {"under": ["./a"]}},
        {"path": {"under": ["/a", "/a"]}}, {"path": {"under": []}}, {"url": {"under": ["https://A.example/"], "query": False}},
        {"url": {"under": ["https://a.example/?q"], "query": False}}, {"url": {"under": ["https://a.example/"]}},
        {"host": {"names": ["ACME.example"]}}, {"host": {"names": ["*.1.1.1.1"]}}, {"email": {"domains": ["a@b@c"]}},
        {"cidr": {"networks": ["1.1.1.1/24"]}}, {"cidr": {"networks": ["::ffff:0:0/96"]}}, {"cidr": {"networks": ["::ffff:1.1.1.0/120"]}}, {"glob": ["a*/b"]}, {"glob": ["**/a"]}, {"glob": ["a/../b"]}, {"each": []},
        {"all": []}, {"exact": 1.5}, {"spelled": {"exact": "5"}}, {"spelled": {"exact": "0.50"}}, {"spelled": {"one_of": ["1", "0.5"]}}, {"spelled": {"range": "1"}}, {"range": {"above": "0", "below": None}}, {"range": {"min": "0.5", "max": None, "above": None, "below": None}}, {"range": {"min": 1, "max": None, "above": 0, "below": None}}, {"range": {"min": 1, "max": None, "above": None, "below": 1}}, {"range": {"min": "1e+2", "max": None}}, {"range": {"min": "1e-400", "max": None}}, {"path": {"under": ["/a", "b"]}}, {"path": {"under": ["a/../b"]}}, {"path": {"under": [""]}}, {"not_below": {"paths": ["/"]}}, {"not_below": {"paths": ["/a", "a"]}}, {"count": {"min": 2, "max": 1}}, {"links": {"hosts": ["*.1.1.1.1"]}}, {"links": {"hosts": ["ACME.example"]}}, {"during": {"from": None, "to": None}}, {"during": {"from": "2026-01-01T00:00:00+00:00", "to": None}}, {"during": {"from": "2026-01-01T00:00:00.50Z", "to": None}}, {"during": {"from": "2026-01-01", "to": "2026-01-01"}}, {"during": {"from": "2026-01-01", "to": "2026-01-01T00:00:00Z"}}, {"during": {"from": "2026-02-30", "to": None}}, {"during": {"from": "task-0s", "to": None}}, {"during": {"from": "task+01s", "to": None}}, {"argv": {"head": []}}, {"argv": {"head": ["git"], "rest": None}}, {"members": {}}, {"members": {"a": 1}}, {"members": [["a", {"any": True}]]}, {"members": {"\xe9": {"any": True}}}, {"members": {"": {"any": True}}}, {"each": {"each": {"each": {"each": {"each": {"each": {"each": {"each": {"any": True}}}}}}}}}, [], None, "any", 7,
        {"any_of": [{"exact": n} for n in range(65)]},
    ],
)  # fmt: skip
def test_what_is_not_known_is_refused(body):
    """Unknown kinds and fields, other orders, empty lists, deep nesting: malformed, never ignored."""
    with pytest.raises(MalformedError):
        parse_constraint(body)


def test_equality_is_typed():
    """`1` is not `True`, and `"1"` is neither."""
    assert not exact(1).admits(True)
    assert not one_of(True).admits(1)
    assert exact(1) != exact(True)
    assert not exact(True).is_within(one_of(1))
    assert not subset(1).admits([True])
    assert not between(0, 1).admits(True)


def test_absence_is_admitted_only_on_purpose():
    """Of all kinds, only `any`, `absent` and combinations of them admit a missing argument."""
    assert {kind for kind, one in SAMPLES.items() if one.admits(ABSENT)} == {"any", "absent"}
    assert any_of(exact(1), absent()).admits(ABSENT)


def of(name):
    """Return a type that is known by its name alone."""
    return SimpleNamespace(name=name)


TYPES = {"text": "text", "integer": "integer", "path": "path", "url": "url", "host": "host", "email": "email", "number": "number",
         "line": "line", "list": {"type": "list", "of": "text"}}  # fmt: skip
FITS = {
    "exact": {"integer", "number"}, "range": {"integer", "number"}, "one_of": {"integer", "number"}, "not_one_of": {"integer", "number"},
    "contains": {"list"}, "subset": {"list"}, "any": set(TYPES), "all": {"text", "line", "list"}, "any_of": set(), "absent": set(TYPES),
    "length": {"text", "line", "list"}, "path": {"path"}, "url": {"url"}, "host": {"host"}, "email": {"email"}, "cidr": {"host"},
    "glob": {"text", "line", "path"}, "each": {"list"}, "spelled": set(), "argv": set(), "count": {"list"}, "during": set(),
    "members": set(), "links": {"text", "line"}, "not_below": {"path"},
}  # fmt: skip


@every("kind", SAMPLES)
def test_each_kind_fits_its_own_types_only(kind):
    """A kind constrains only arguments whose canonical form it understands."""
    assert {name for name, json in TYPES.items() if SAMPLES[kind].fits(parse_type(json))} == FITS[
        kind
    ]


# One planted fault for each kind: what is replaced, by what, and the pair that must reveal it.
FAULTS = {
    "exact": (equality.Exact, "admits", lambda self, v: v == self.value, exact(True), None, lambda: not exact(1).admits(True)),
    "one_of": (equality.OneOf, "finite", lambda self: self.values[:1], one_of(1, 2), exact(1), None),
    "not_one_of": (equality.NotOneOf, "lies_within", lambda self, p: isinstance(p, equality.NotOneOf), not_one_of(1), not_one_of("x"), None),
    "range": (ranges.Range, "lies_within", lambda self, p: isinstance(p, ranges.Range) and (p.max is None or (self.max or 0) <= p.max), between(0, 5), between(1, 9), None),
    "contains": (collection.Contains, "lies_within", lambda self, p: isinstance(p, collection.Contains) and set(map(str, self.values)) <= set(map(str, p.values)), contains("a"), contains("a", "b"), None),
    "subset": (collection.Subset, "lies_within", lambda self, p: isinstance(p, collection.Subset), subset("a", "b"), subset("a"), None),
    "each": (collection.Each, "lies_within", lambda self, p: isinstance(p, collection.Each), each(text(9)), each(text(2)), None),
    "length": (length.Length, "lies_within", lambda self, p: isinstance(p, length.Length) and self.min >= p.min, text(3), text(2), None),
    "path": (paths, "is_under", lambda path, top: path.startswith(top), path("/ab"), path("/a"), lambda: not path("/a").admits("/ab")),
    "url": (place, "_is_below", lambda parts, top: parts.host == top.host, url("https://a.example/"), url("https://a.example/v1"), lambda: not url("https://a.example/v1").admits("https://a.example/")),
    "glob": (place, "segments_within", lambda c, p: c[0] == p[0], glob("reports/**"), glob("reports/*/2024"), None),
    "host": (network, "name_within", lambda c, p: c.endswith(p.removeprefix("*.")), host("xacme.example"), host("*.acme.example"), None),
    "email": (network, "_entry_within", lambda c, p: c.rpartition("@")[2] == p.rpartition("@")[2], email("acme.example"), email("ana@acme.example"), None),
    "cidr": (network, "_is_subnet", lambda c, p: c.version == p.version, cidr("1.1.0.0/16"), cidr("1.1.1.0/24"), None),
    "all": (combination.AllOf, "admits", lambda self, v: any(p.admits(v) for p in self.parts), all_of(between(0, 9), not_one_of(3)), not_one_of(3), lambda: not all_of(between(0, 9), exact(3)).admits(4)),
    "any_of": (combination.AnyOf, "members", lambda self: self.parts[:1], any_of(exact("x"), exact(1)), exact("x"), None),
    "any": (presence.Anything, "is_within", lambda self, p: True, anything(), text(3), None),
    "spelled": (literal, "spell", lambda v: repr(type(v)), exact({"a": 0.5}), exact({"a": 1.5}), lambda: not exact({"a": 0.5}).admits({"a": 1.5})),
    "argv": (position.Argv, "lies_within", lambda self, p: len(self.head) >= len(p.head), argv("git", rest=text(9)), argv("git"), None),
    "count": (length.Count, "lies_within", lambda self, p: self.min >= p.min, count(0, 2), count(0, 1), None),
    "during": (time_span, "_place", lambda text: (int(text[:4]), ""), during("2026-01-01"), during("2026-02-01"), lambda: not during("2026-02-01").admits("2026-01-31")),
    "links": (text_links, "name_within", lambda c, p: c.endswith(p), links("xacme.example"), links("acme.example"), None),
    "members": (objects.Members, "lies_within", lambda self, p: isinstance(p, objects.Members) and dict(self.parts).keys() <= dict(p.parts).keys(), members(a=text(9)), members(a=text(2)), None),
    "not_below": (paths, "guises", lambda path: {path}, not_below("/x"), not_below("/x"), lambda: not not_below("/a/b").admits("/A/B")),
    "absent": (presence.Missing, "is_within", lambda self, p: True, absent(), text(3), None),
}  # fmt: skip


def test_every_kind_has_a_planted_fault():
    """The list of faults is complete."""
    assert set(FAULTS) == set(KINDS)


@pytest.mark.parametrize("kind", FAULTS)
def test_a_planted_fault_is_caught(kind, monkeypatch):
    """With the kind's rule broken, the law finds a counterexample (or the kind's fact fails)."""
    where, name, wrong, child, parent, fact = FAULTS[kind]
    good = fact() if fact is not None else counterexample(child, parent) is None
    assert good
    monkeypatch.setattr(where, name, wrong)
    if fact is not None:
        assert not fact()
    else:
        assert counterexample(child, parent) is not None


def test_inclusion_of_large_combinations_is_bounded():
    """64 alternatives within 64 are compared without a product of products."""
    big = any_of(*(exact(n) for n in range(63)))
    assert big.is_within(big)
    assert all_of(*(not_one_of(n) for n in range(63))).is_within(not_one_of(5))
    assert constraint.MAX_MEMBERS == 64
