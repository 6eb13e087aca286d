"""Segments: what is within a pattern is admitted by it, and two overlap where one name matches both.

Names and patterns are made of a tiny alphabet with empty segments, so that every leading, trailing
and double separator is tried; the world of names is whole up to one segment more than a pattern has.
"""

from __future__ import annotations

from itertools import product

import pytest
from cases import every
from hypothesis import given, settings
from hypothesis import strategies as st

from delegation import (
    Access,
    Grant,
    HolderKey,
    Tool,
    all_of,
    exact,
    glob,
    may,
    not_below,
    one_of,
    path,
)
from delegation.authority.pattern import (
    resource_pattern,
    segments_match,
    segments_overlap,
    segments_within,
    tool_pattern,
)
from delegation.errors import MalformedError, WiderThanParentError
from delegation.tracker import Tracker

# `z` stands for whatever no pattern spells out.
NAMES = [name for size in range(1, 6) for name in product(["", "a", "z"], repeat=size)]
patterns = st.tuples(
    st.lists(st.sampled_from(["", "a", "*"]), max_size=3), st.sampled_from(["", "a", "*", "**"])
).map(lambda made: (*made[0], made[1]))


def matched(pattern: tuple[str, ...]) -> set[tuple[str, ...]]:
    """Return the names of the tiny world that a pattern stands for."""
    return {name for name in NAMES if segments_match(pattern, name)}


@settings(max_examples=600)
@given(mine=patterns, theirs=patterns)
def test_within_and_overlap_are_what_matching_says(mine, theirs) -> None:
    """Within is no more names, and no fewer answers; overlap is a common name; empty ones included."""
    assert segments_within(mine, theirs) == (matched(mine) <= matched(theirs))
    assert segments_overlap(mine, theirs) == bool(matched(mine) & matched(theirs))
    assert segments_overlap(theirs, mine) == segments_overlap(mine, theirs)


PLACES = ["", "/", "//", "a", "/a", "a/", "//a", "a//", "a//b", "/a/b", "a/b", "/a//b", "/z", "z", "z/a", "/a/z", "/z/b", "a/z", "a/b/z", "/a/b/z"]  # fmt: skip
GLOBS = [glob(*p) for p in [("*",), ("**",), ("/*",), ("/**",), ("a",), ("/a",), ("a/*",), ("/a/*",), ("/a/**",), ("a/**",), ("*/**",), ("*/*",), ("*/b",), ("/*/b",), ("**", "/**"), ("*", "/*"), ("/a/b", "a/b")]]  # fmt: skip
PATHS = [path("/"), path("/a"), path("a"), path("/a", "/z"), path("a", "z"), path("/a/b"), path("a/b"), not_below("/a"), not_below("a"), not_below("/z"), not_below("z")]  # fmt: skip
BOTH = [all_of(g, p) for g in GLOBS[:6] for p in PATHS[:4]]


@pytest.mark.parametrize(
    "family", [GLOBS, PATHS, [*GLOBS, *PATHS, *BOTH, exact("/a"), one_of("", "a", "/")]]
)
def test_a_place_of_a_child_is_a_place_of_its_parent(family) -> None:
    """Globs, paths, absolute and relative ones, and both together: none admits more than above."""
    for child, parent in product(family, repeat=2):
        if child.is_within(parent):
            wider = [p for p in PLACES if child.admits(p) and not parent.admits(p)]
            assert wider == [], (child, parent)


@pytest.mark.parametrize(("child", "parent"), [("/etc/*", "**"), ("/*", "*/*"), ("/a", "*/a"), ("/a/b", "*/**"), ("/**", "**")])  # fmt: skip
def test_an_absolute_glob_is_in_no_wildcard(child: str, parent: str) -> None:
    """What a leading slash stands before is refused by a wildcard, so a child may not ask for it."""
    assert not glob(child).is_within(glob(parent))
    assert glob(child).is_within(glob(child, parent))


@pytest.mark.parametrize(("child", "parent"), [("data", "/"), ("data/x", "/"), ("/data", "data")])
def test_a_relative_path_is_below_no_absolute_one(child: str, parent: str) -> None:
    """Nor the other way round: what is below `/` begins with it."""
    assert not path(child).is_within(path(parent))
    assert not path(parent).admits(child)


@every("text", ["", ".", ".a", "a.", "a..b", "/", "/a", "a/", "a//b"])
def test_names_of_tools_and_resources_have_no_empty_segment(text: str) -> None:
    """There the two rules never met: no pattern holds one, and no wildcard matches one."""
    separator = "/" if "/" in text else "."
    of = resource_pattern if separator == "/" else tool_pattern
    with pytest.raises(MalformedError):
        of(text)
    for free in ("**", f"*{separator}*", f"*{separator}*{separator}*", "*"):
        assert not of(free).matches(text)


def test_a_delegation_of_more_than_was_held_is_refused() -> None:
    """A holder of `**` may read no absolute path, and so delegates none."""
    tracker = Tracker.open("sqlite://")
    tracker.add_tool(Tool("files.read", effect="read", arguments={"name": "text"}))
    lead, scout = HolderKey.generate("lead"), HolderKey.generate("scout")
    ceiling = Grant([may("files.read", name=glob("**"))], audience=["tools"], delegations_left=3)
    root = tracker.issue(
        tracker.open_task("N", owner="ana@acme.example", ceiling=ceiling), to=lead.public
    )
    access = Access("files.read", {"name": "/etc/passwd"}, "tools")
    denial = tracker.check(root, lead.prove(root, access), access).denial
    assert denial is not None
    assert denial.code == "argument_refused"
    with pytest.raises(WiderThanParentError):
        root.delegate(
            by=lead, to=scout.public, grant=Grant([may("files.read", name=glob("/etc/*"))])
        )
