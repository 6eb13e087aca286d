"""Capabilities as text: what is spelled is read back, whatever it is, and nothing in it is run."""

from __future__ import annotations

import string

import pytest
from cases import every
from hypothesis import given
from hypothesis import strategies as st

from delegation import (
    Capability,
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
from delegation.authority.capability_text import read_capability
from delegation.authority.constraints import KINDS
from delegation.errors import MalformedError
from delegation.lineage.analysis.spelling import python_capability

PLAIN = (
    anything(), absent(), between(1, 5), between(0, "0.5"), between(above="1e-20", below=1), text(max=9),
    count(1, 3), during("2026-01-01", "2027-01-01"), argv("git", "log", rest=path("/srv")), argv("ls"),
    links("acme.example"), not_below("/data/keys"), path("/a", "/b"), url("https://acme.example/a", query=True),
    host("acme.example", "*.acme.example"), cidr("10.0.0.0/8"), email("acme.example"), glob("a/*"),
    members(name=exact("x"), size=between(1, 5)),
)  # fmt: skip
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**53) + 1, 2**53 - 1), st.text(max_size=5),
    st.floats(allow_nan=False, allow_infinity=False),
)  # fmt: skip
LEAVES = st.one_of(
    st.sampled_from(PLAIN),
    VALUES.map(exact),
    st.dictionaries(st.text(max_size=3), VALUES, max_size=2).map(exact),
    *(
        st.lists(VALUES, min_size=1, max_size=3).map(lambda values, word=word: word(*values))
        for word in (one_of, not_one_of, contains, subset)
    ),
)
CONSTRAINTS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        inner.map(each),
        st.lists(inner, min_size=1, max_size=2).map(lambda parts: all_of(*parts)),
        st.lists(inner, min_size=1, max_size=2).map(lambda parts: any_of(*parts)),
    ),
    max_leaves=3,
)
NAMES = st.one_of(
    st.sampled_from(
        ["to", "tool", "resources", "arguments", "class", "X-Request-Id", "a b", "$top"]
    ),
    st.text(string.ascii_letters + "_", min_size=1, max_size=5),
)


@st.composite
def capabilities(draw) -> Capability:
    """Return any capability: all kinds of constraints, names that are no Python, resources."""
    return may(
        draw(st.sampled_from(["mail.send", "mail.*", "*.send", "hub.api-post-search", "may"])),
        resources=draw(st.sampled_from([(), ("mail:acme/*",), ("a:b/c", "d:x/**")])),
        arguments=draw(st.dictionaries(NAMES, CONSTRAINTS, max_size=3)),
        delegate_only=draw(st.booleans()),
    )


@given(capabilities())
def test_what_is_spelled_is_read_back(capability: Capability) -> None:
    """As `tighten` prints it, and with the tool before the bracket, as people write it."""
    spelled = python_capability(capability)
    assert read_capability(spelled) == capability
    head = f"may({capability.tool.text!a}"
    rest = spelled.removeprefix(head).removeprefix(", ")
    assert read_capability(f"{capability.tool.text}({rest}") == capability


def test_every_kind_of_constraint_can_be_written() -> None:
    """A kind that is added without a word here cannot be stated in a shell."""
    written = {kind for one in PLAIN for kind in one.to_json()}
    others = {
        "exact",
        "one_of",
        "not_one_of",
        "contains",
        "subset",
        "each",
        "all",
        "any_of",
        "spelled",
    }
    assert set(KINDS) - others <= written


@every(
    "odd",
    [
        "", "(", "a.b(", "a.b()x", "a.b(1)", "a.b(x=1)", "a.b(**{})", "a.b(x=one_of(*'ab'))",
        "a.b(x=print('y'))", "a.b(x=(lambda: 1)())", "a.b(x=exact(b'y'))", "a.b(x=exact(...))",
        "a.b(x=anything(), x=absent())", "a.b(resources='ab')", "a.b(resources=5)", "a.b(x=each(3))",
        "a.b(x=exact.__class__)", "a.b(x=f'{1}')", "a.b(x=anything()) or 1", "a.b(x=1e999)",
        "a.b" + "(" * 3000, "a.b(x=exact(" + "[" * 3000, "a.b(x=exact(" + "-" * 60000 + "1))",
        "a.b(x=exact(" + "9" * 5000 + "))", "a.b(x=text(max='z'))", "a.b(x=between(None, None))",
        "a.b(arguments=[1])", "a.b(arguments={1: anything()})", "a.b(delegate_only=1)", "a.b\x00()",
        "a.b(arguments={'x': exact('y'), 'x': anything()})", "a.b(x=exact({'y': 1, 'y': 2}))",
        "a.b(x=one_of([{'y': {'z': 1, 'z': 2}}]))", "a.b(x=exact({'y': 1, True: 2}))",
        "may('a.b', 'c')", "may(tool='a.b')", "a.b" * 30000,
    ],
)  # fmt: skip
def test_what_is_none_is_refused_by_name(odd: str) -> None:
    """One error, never another, and never a call of something that was named."""
    with pytest.raises(MalformedError):
        read_capability(odd)


@pytest.mark.parametrize(
    ("word", "meant"),
    [("length", "text(max=...)"), ("range", "between"), ("one_off", "one_of"), ("any", "anything")],
)
def test_a_constraint_of_another_name_is_told_its_own(word: str, meant: str) -> None:
    """JSON has other names for some, and people misspell the rest."""
    with pytest.raises(MalformedError) as caught:
        read_capability(f"mail.send(to={word}(5))")
    assert f"Did you mean {meant}" in caught.value.remedy
    with pytest.raises(MalformedError) as caught:
        read_capability("mail.send(to=zzzzz(5))")
    assert "docs/reference/caveats.md" in caught.value.remedy
