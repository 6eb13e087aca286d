"""Null and absence: two facts where a tool says so, one and the same everywhere else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from world import DESK, World

from delegation import (
    Grant,  # fmt: skip
    Tool,
    absent,
    any_of,
    anything,
    between,
    contains,
    each,
    exact,
    may,
    not_one_of,
    one_of,
    subset,
    text,
)
from delegation.authority.arguments import NullableType, parse_type
from delegation.authority.constraints import ABSENT, Constraint
from delegation.authority.refusal import Refusal
from delegation.judge.capability import refuse_unfit

KINDS = {"number": 5.5, "integer": 5, "text": "e\u0301", "opaque": "a", "boolean": True}
CONSTRAINTS: list[Constraint] = [
    anything(), absent(), exact(None), exact(5), exact("a"), one_of(None, 5), one_of("a", "b"), not_one_of("b"), not_one_of(None), between(1, 9), text(max=9),
    any_of(absent(), exact(None)), any_of(exact(None), between("5.25", "5.75")), any_of(absent(), exact("a")),
]  # fmt: skip
LISTED: list[Constraint] = [each(exact("a")), each(one_of("a", None)), subset("a", None), contains(None), contains("a"), text(max=2)]  # fmt: skip


def judged(kind: object, *, optional: bool, constraint: Constraint, arguments: dict) -> bool:
    """Return whether a capability admits a call of a tool with this one argument."""
    tool = Tool("kit.set", effect="write", arguments={"x?" if optional else "x": kind})
    canonical = tool.canonicalise(arguments)
    if isinstance(canonical, Refusal):
        return False
    granted = may("kit.set", x=constraint)
    return (
        refuse_unfit(granted, tool) is None and granted.prohibits("kit.set", canonical, ()) is None
    )


@given(kind=st.sampled_from(sorted(KINDS)), constraint=st.sampled_from(CONSTRAINTS), optional=st.booleans())  # fmt: skip
def test_null_is_a_value_only_where_the_tool_says_so(
    kind: str, constraint: Constraint, optional: bool
) -> None:
    """Not nullable: a call with null is the call without it. Nullable: the constraint decides, and `absent` refuses."""
    asked = {"optional": optional, "constraint": constraint}
    assert judged(kind, **asked, arguments={"x": None}) == judged(kind, **asked, arguments={})
    nullable = {"type": kind, "nullable": True}
    if constraint.fits(parse_type(nullable)):
        assert judged(nullable, **asked, arguments={"x": None}) == constraint.admits(None)
        assert not (constraint == absent() and constraint.admits(None))
    # Being nullable changes nothing about every other value, nor about absence.
    for arguments in ({"x": KINDS[kind]}, {}):
        if constraint.fits(parse_type(kind)):
            assert judged(kind, **asked, arguments=arguments) == judged(
                nullable, **asked, arguments=arguments
            )
    assert not judged(kind, optional=False, constraint=constraint, arguments={})


@given(constraint=st.sampled_from(LISTED))
def test_a_nullable_list_is_constrained_as_the_list_is(constraint: Constraint) -> None:
    """What fits a list fits one that may be null; null itself is none of its lists."""
    for item in ("opaque", {"type": "opaque", "nullable": True}):
        of = parse_type({"type": "list", "of": item})
        assert constraint.fits(of) == constraint.fits(NullableType(of))
    assert not constraint.admits(None)
    assert not constraint.admits(ABSENT)


def test_what_a_link_can_do_tells_null_in_words(world: World) -> None:
    """A reviewer reads whether a field may be cleared, where the words of the constraint do not say it."""
    nullable = {"type": "text", "nullable": True}
    world.tracker.add_tool(
        Tool("kit.set", effect="write", arguments=dict.fromkeys("abcd", nullable) | {"e": "text"})
    )
    granted = may(
        "kit.set", a=anything(), b=exact(None), c=text(5), d=not_one_of("x"), e=anything()
    )
    ceiling = Grant([granted], audience=[DESK], budget={"calls": 1})
    task = world.tracker.open_task("Kit", owner="ana@acme.example", ceiling=ceiling)
    link = world.tracker.issue(task, to=world.key("a").public).id
    told = dict(world.tracker.reach(link).abilities[0].arguments)
    assert told == {
        "a": "anything, or null",
        "b": "null",
        "c": "at most 5 long",
        "d": 'not "x", or null',
        "e": "anything",
    }
