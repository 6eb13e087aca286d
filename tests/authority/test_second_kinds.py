"""Constraints of payload version 2: refused by name in version 1, compared exactly, narrowed by place."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest
from cases import every
from hypothesis import given

from delegation import (
    absent,
    all_of,
    any_of,
    anything,
    argv,
    between,
    count,
    during,
    each,
    exact,
    links,
    may,
    members,
    not_below,
    one_of,
    path,
    subset,
    text,
)
from delegation.authority.arguments import ListType, TextType
from delegation.authority.constraints import TABLES, parse_constraint
from delegation.errors import MalformedError
from delegation.lineage.tightening.generalise import generalise

_SPEC = importlib.util.spec_from_file_location(
    "kinds", Path(__file__).parent / "test_constraints.py"
)
assert _SPEC is not None
assert _SPEC.loader is not None
kinds = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(kinds)
SAMPLES, constraints, depth = kinds.SAMPLES, kinds.constraints, kinds.depth

SECOND = sorted(set(TABLES[2]) - set(TABLES[1]))
LATER_FORMS = [between(above=0), between(0, below=1), between(0, 1e30), path("a/b"), exact(0.5), one_of("e\u0301"), subset(1, 2.5), each(path("a"))]  # fmt: skip


@pytest.mark.parametrize("kind", SECOND)
def test_a_kind_that_a_version_lacks_is_refused_by_name(kind):
    """In a payload of version 1 a kind of version 2 is unknown, and the error names it."""
    made = SAMPLES[kind]
    assert made.version == 2
    assert parse_constraint(made.to_json(), version=2) == made
    for said in (made.to_json(), all_of(made).to_json(), each(made).to_json()):
        with pytest.raises(MalformedError, match=f"version 1.*not {kind}"):
            parse_constraint(said, version=1)
    with pytest.raises(MalformedError, match=r"version 2.*not regex"):
        parse_constraint({"regex": "a*"}, version=2)


@every("made", LATER_FORMS)
def test_a_form_that_a_version_lacks_is_refused(made):
    """A kind of version 1 in a form of version 2 is refused in version 1, at whatever depth."""
    assert made.version == 2
    assert parse_constraint(made.to_json(), version=2) == made
    with pytest.raises(MalformedError):
        parse_constraint(made.to_json(), version=1)


# A comment on a line of a list that may be left out; the picture of a part of a message.
DEEP = {
    5: any_of(absent(), each(members(line=any_of(absent(), between(1, 9))))),
    6: each(members(content=each(members(image_url=members(url=links()))))),
    8: any_of(each(any_of(each(any_of(each(each(exact(1))), absent())), absent())), absent()),
}


@pytest.mark.parametrize("deep", DEEP)
def test_bodies_of_real_documents_are_bounded_where_they_are_deep(deep):
    """Deeper than version 1 nests it is of version 2, and refused in version 1."""
    one = DEEP[deep]
    assert (one.depth, one.version) == (deep, 2)
    assert may("chat.send", messages=one).version == 2
    assert parse_constraint(one.to_json(), version=2) == one
    assert one.is_within(one)
    with pytest.raises(MalformedError):
        parse_constraint(one.to_json(), version=1)


def test_depth_has_an_end():
    """Levels are counted, and those that inclusion tries every way through are counted apart."""
    for one, said in (
        (each(DEEP[8]), "nested at most 8 deep"),
        (
            all_of(any_of(all_of(any_of(exact(1), exact("a")), exact(1)), exact(1))),
            "at most 3 of all_of",
        ),
    ):
        for act in (
            lambda one=one: may("chat.send", messages=one),
            lambda one=one: parse_constraint(one.to_json()),
        ):
            with pytest.raises(MalformedError, match=said):
                act()


@given(one=constraints)
def test_what_version_1_can_say_it_says_alike_in_both(one):
    """Version 2 adds; it changes nothing: a constraint of version 1 has the same JSON and meaning."""
    said = one.to_json()
    if depth(one) > 4 or len(str(said)) > 4000:
        return
    if one.version == 1:
        assert parse_constraint(said, version=1) == parse_constraint(said, version=2) == one
    else:
        with pytest.raises(MalformedError):
            parse_constraint(said, version=1)


def test_numbers_are_compared_exactly():
    """A double is what its shortest spelling says: one tenth is neither above nor below one tenth."""
    assert exact(5.0) == exact(5)
    assert exact(5.0).version == 1
    assert exact(-0.0) == exact(0)
    assert exact(10**20) == exact(1e20)
    assert between(0.1, 0.1).admits(0.1)
    assert between("0.1", "0.1").admits(0.1)
    assert not between(above=0.1).admits(0.1)
    assert not between(below="0.3").admits(0.1 + 0.2)
    assert not between(above=0, below=1).admits(0)
    assert between(above=0).admits(5e-324)
    assert not between(above=1e-20).admits(0)
    for odd in (10**20 + 1, float("nan"), float("inf"), {1: 2}, "\ud800", 0.5j):
        with pytest.raises(MalformedError):
            exact(odd)
    for least, most in ((float("nan"), None), (None, float("inf")), (True, None), ("x", None)):
        with pytest.raises(MalformedError):
            between(least, most)


LEFT_OUT = ["/a/b", "/a/B", "/A/b/c", "/a/\uff42", "/\u0430/b", "/a/b\u200d", "/a/\u1d2e"]


def test_what_is_left_out_is_left_out_in_every_guise():
    """Another case, width or normal form of what is left out is left out; a look-alike letter is another."""
    made = not_below("/a/b")
    assert [made.admits(path) for path in LEFT_OUT] == [
        False,
        False,
        False,
        False,
        True,
        False,
        False,
    ]
    assert not not_below("/stra\xdfe").admits("/STRASSE/x")
    assert not not_below("/caf\xe9").admits("/cafe\u0301")
    assert not not_below("/a/s").admits("/a/\u017f")
    assert path("/a/c").is_within(all_of(path("/a"), made))
    assert not path("/A").is_within(made)
    assert not path("/").is_within(made)
    assert not_below("/a").is_within(made)
    assert not_below("/A").is_within(made)
    assert not made.is_within(not_below("/a"))


def test_a_command_line_narrows_by_place():
    """Words may be fixed further, never freed; the rest may become words of the head."""
    git = argv("git", one_of("status", "log"), rest=text(20))
    assert git.admits(["git", "log"])
    assert git.admits(["git", "log", "-p", "x"])
    for line in (
        ["git"],
        [],
        ["git", "push"],
        ["sh", "log"],
        ["git", "log", "x" * 21],
        "git log",
        [["git"], "log"],
    ):
        assert not git.admits(line)
    for narrower in (
        argv("git", "log"),
        argv("git", "log", "-p"),
        argv("git", "log", "-p", rest=text(9)),
        argv("git", "log", rest=exact("x")),
    ):
        assert narrower.is_within(git)
    for wider in (
        argv("git", rest=text(20)),
        argv("git", "push"),
        argv("git", "log", rest=text(21)),
        argv("git", "log", text(21)),
        argv(),
    ):
        assert not wider.is_within(git)
    assert git.is_within(each(text(20)))
    assert argv().admits([])
    assert not argv().admits(["x"])


def test_times_are_counted_from_the_opening_until_there_is_one():
    """Relative ends admit nothing, stand in no payload, and become instants or days in UTC."""
    noon = 1_800_000_000  # 2027-01-15T08:00:00Z
    soon, week = during("task+0s", "task+86400s"), during("task-1d", "task+7d")
    assert not soon.admits("2027-01-15T08:00:00Z")
    assert soon.opened(noon) == during("2027-01-15T08:00:00Z", "2027-01-16T08:00:00Z")
    assert week.opened(noon) == during("2027-01-14", "2027-01-22")
    assert all_of(each(soon), argv(rest=week)).opened(noon) == all_of(
        each(soon.opened(noon)), argv(rest=week.opened(noon))
    )
    assert during("task+5s", "task+60s").is_within(soon)
    assert not soon.is_within(soon.opened(noon))
    assert not soon.opened(noon).is_within(soon)
    for said in (soon, any_of(exact(1), week), each(soon)):
        assert parse_constraint(said.to_json()) == said
        with pytest.raises(MalformedError):
            parse_constraint(said.to_json(), version=2)
    assert during("2026-01-31").admits("2026-01-31")
    assert not during(None, "2026-01-31").admits("2026-01-31")
    assert not during("2026-01-31").admits("2026-01-31T00:00:00Z")
    assert during("2026-01-31T00:00:00Z").admits("2026-01-31T00:00:00.000000001Z")
    assert not during(None, "2026-01-31T00:00:00.5Z").admits("2026-01-31T00:00:00.50Z")
    with pytest.raises(MalformedError):
        during("task+9999999999d").opened(noon)


@dataclass(frozen=True, slots=True)
class Argv(ListType):
    """A command line's type, known by its name."""

    name: ClassVar[str] = "argv"


GIT = argv("git", one_of("log", "status"), rest=text(9))
FITTING = [
    (GIT, "argv"), (count(1), "argv"), (count(1), "json"), (each(text(9)), "argv"), (argv(each(text(9))), None), (argv("git", rest=between(1, 2)), None),
    (during("2026-01-01"), "date"), (during("2026-01-01T00:00:00Z"), "datetime"), (during("task+1d"), "date"), (during("task+1s"), "datetime"),
    (path("a"), "relative_path"), (path("/a"), "path"), (not_below("a"), "relative_path"), (not_below("/a"), "path"), (links(), "text"), (links(), "line"),
    (between(1), "money"), (between(1), "number"), (between(1), "integer"), (between(1), "decimal"), (text(3), "line"), (text(3), "segment"), (text(3), "argv"),
]  # fmt: skip
TYPES = {name: SimpleNamespace(name=name) for name in ("date", "datetime", "path", "relative_path", "text", "line", "segment", "money", "number", "integer", "decimal", "json", "host", "boolean")}  # fmt: skip
TYPES["argv"] = Argv(TextType())


@every(("made", "name"), FITTING, ids=str)
def test_a_kind_fits_the_types_whose_canonical_form_it_knows(made, name) -> None:
    """By the type's name: a date is no instant, a relative path no absolute one, a host no text."""
    fitting = {other for other, of in TYPES.items() if made.fits(of)}
    assert (name in fitting) == (name is not None)
    assert not fitting & {"host", "boolean"}
    assert len(fitting & {"date", "datetime"}) < 2
    assert len(fitting & {"path", "relative_path"}) < 2


GENERALISED = [
    ("argv", [["git", "log"], ["git", "log", "-p"]], anything(), argv("git", "log", rest=anything())),
    ("argv", [["git", "log"], ["git", "status"]], argv("git", rest=text(9)), all_of(argv("git", rest=anything()), argv("git", rest=text(9)))),
    ("argv", [["ls"]], anything(), argv("ls")),
    ("argv", [["ls"], ["rm"]], anything(), None),
    ("date", ["2026-01-31", "2026-02-03"], anything(), during("2026-01-31", "2026-02-04")),
    ("datetime", ["2026-01-31T08:00:00Z", "2026-01-31T23:59:59.5Z"], anything(), during("2026-01-31T00:00:00Z", "2026-02-01T00:00:00Z")),
    ("date", ["9999-12-31"], anything(), None),
    ("number", [0.5, 2, 1.25], anything(), between(0.5, 2)),
    ("number", [1e-20, 1e30], anything(), between(1e-20, 1e30)),
    ("money", [100, 250], anything(), between(100, 250)),
    ("relative_path", ["a/b", "a/c"], anything(), path("a")),
]  # fmt: skip


@every(("name", "values", "held", "expected"), GENERALISED)
def test_recorded_values_are_generalised(name, values, held, expected) -> None:
    """What comes out admits all that was recorded, lies within what is held, and says the kind."""
    found = generalise(values, TYPES[name], held)
    assert found == (held if expected is None else expected)
    assert all(map(found.admits, values))
    assert found.is_within(held)
