"""Canonical JSON, base64url, the statement envelope: one spelling each."""

from __future__ import annotations

import json
import unicodedata

import pytest
from cases import every
from hypothesis import given
from hypothesis import strategies as st

from delegation import Access, Grant, canonical, ed25519, sent_json
from delegation.assigned import UNASSIGNED
from delegation.errors import MalformedError, UnverifiedError
from delegation.statement import header, open_statement, sign_statement

texts = (
    st.text(max_size=8)
    .filter(lambda t: UNASSIGNED.search(t) is None)
    .map(lambda t: unicodedata.normalize("NFC", t))
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | texts,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(alphabet="abcXYZ_09", max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(value=values)
def test_what_is_written_is_read_back_equal_and_only_so(value) -> None:
    """encode(decode(x)) is x; white space and another order are refused."""
    data = canonical.encode(value)
    assert canonical.same(canonical.decode(data, max_bytes=10_000), value)
    loose = json.dumps(value, ensure_ascii=False, indent=1).encode()
    if loose != data:
        with pytest.raises(MalformedError):
            canonical.decode(loose, max_bytes=10_000)


BAD = [b'{"a":1.0}', b"1e3", b'{"a":1,"a":1}', b"NaN", b"-0", b"01", b'"\\u0041"', b'"\\u00e9"', b'"\\ud800"', '"e\u0301"'.encode(), '"\u0378"'.encode(),
       b"9007199254740992", b'{"\xc3\xa9":1}', b"", b"{", b"[1, 2]", b"\xff", b"[" * 5000, b'{"b":1,"a":2}', b"\xef\xbb\xbf1"]  # fmt: skip


@every("data", BAD)
def test_another_spelling_is_refused(data: bytes) -> None:
    """Floats, duplicates, escapes, other orders, odd text and bombs have no meaning here."""
    with pytest.raises(MalformedError):
        canonical.decode(data, max_bytes=10_000)


@every(
    "value",
    [
        1.5,
        2**53,
        {1: 2},
        {"é": 1},
        "e\u0301",
        "\ud800",
        "\u0378",
        (1,),
        object(),
        [1.0],
        b"x",
    ],
)
def test_what_has_no_canonical_form_is_not_written(value) -> None:
    """Encoding refuses what decoding would."""
    with pytest.raises(MalformedError):
        canonical.encode(value)


def test_the_bytes_are_those_of_rfc_8785() -> None:
    """A frozen vector: escapes, order, and nothing escaped that need not be."""
    value = {"peach": '\u20ac$\u000f\nA\'B"\\\\"/', "1": [True, None, -5]}
    assert (
        canonical.encode(value)
        == b'{"1":[true,null,-5],"peach":"\xe2\x82\xac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


@given(data=st.binary(max_size=40))
def test_base64url_has_one_text(data: bytes) -> None:
    """Padding, foreign characters and stray bits are refused."""
    text = canonical.b64u(data)
    assert canonical.unb64u(text) == data
    others = [
        text + "=",
        text + " ",
        text + chr(10),
        "+" + text,
        text + "A" if len(text) % 4 == 0 else text + "!",
    ]
    for other in others:
        with pytest.raises(MalformedError):
            canonical.unb64u(other)


@pytest.mark.skipif(
    unicodedata.unidata_version != "14.0.0", reason="Unicode 14.0's own table is in Python 3.11"
)
def test_the_table_of_unassigned_characters_is_unicode_14s() -> None:
    """Generated again from the tables of Python 3.11, it is the same."""
    mine = {c for c in range(0x110000) if UNASSIGNED.match(chr(c))}
    assert mine == {c for c in range(0x110000) if unicodedata.category(chr(c)) in {"Cn", "Cs"}}


def test_a_statement_opens_only_as_what_it_is() -> None:
    """Another typ, another key, another part, a changed byte: none opens."""
    seed = b"k" * 32
    text = sign_statement("dct-proof+jws", {"a": 1}, seed)
    assert open_statement("dct-proof+jws", text, ed25519.public_of(seed)) == {"a": 1}
    with pytest.raises(MalformedError):
        open_statement("dct-receipt+jws", text, ed25519.public_of(seed))
    with pytest.raises(UnverifiedError):
        open_statement("dct-proof+jws", text, ed25519.public_of(b"x" * 32))
    one, two, three = text.split(".")
    for bad in (
        f"{one}.{two}",
        f"{one}.{two}.{three}.x",
        f"{one}.{canonical.b64u(b'[]')}.{three}",
        f"{two}.{one}.{three}",
        text + "A" * 20_000,
    ):
        with pytest.raises(MalformedError):
            open_statement("dct-proof+jws", bad, ed25519.public_of(seed))
    assert canonical.unb64u(header("dct-proof+jws")) == b'{"alg":"EdDSA","typ":"dct-proof+jws"}'


def test_an_access_has_every_field_and_one_digest() -> None:
    """A frozen vector of the access digest, and its refusals."""
    access = Access("mail.send", {"to": "a@b.example"}, "mail", "support", {"usd_cents": 5})
    assert canonical.encode(access.to_json()) == (
        b'{"arguments":{"to":"a@b.example"},"audience":"mail","cause":null,"max_cost":{"usd_cents":5},"purpose":"support","tool":"mail.send","v":1}'
    )
    assert (
        access.digest().hex() == "1ebe3a32ee740bb17207d926b0f3d5e1ea17f96992e8f3747f5565dbb133f8ad"
    )
    assert Access.from_json(access.to_json()) == access
    for change in ({"v": True}, {"v": 2}, {"tool": "a\nb"}, {"audience": ""}, {"audience": "a b"}, {"purpose": "/x"}, {"max_cost": {"usd_cents": -1}},
                   {"cause": "x"}, {"arguments": []}, {"extra": 1}, {"arguments": {"x": object()}}, {"arguments": {5: 1}}, {"max_cost": None}):  # fmt: skip
        with pytest.raises(MalformedError):
            Access.from_json({**access.to_json(), **change})


@given(value=values)
def test_what_was_canonical_before_is_spelled_as_before(value) -> None:
    """Arguments take every JSON value; the digest of what payloads can hold, too, is the same."""
    assert sent_json.encode(value) == canonical.encode(value)
    assert sent_json.is_plain(value)
    assert canonical.same(sent_json.parse(canonical.encode(value)), value)


def test_the_bytes_of_an_access_as_sent_are_frozen() -> None:
    """A vector of all that payloads cannot hold: numbers, halves, odd names in UTF-16's order, no normal form."""
    sent = (
        '{"n":[5.0,1e400,9007199254740993,0.1,-0,1e21,1e-7],"t":"e\\u0301\\r\\n\\u202e\\ud800",'
        '"\\u00e9":null,"\\ud83d\\ude00":1,"\\uffff":2}'
    )
    access = Access("kit.set", sent_json.parse(sent), "kit")
    assert access.encoded.decode() == (
        '{"arguments":{"n":[5,1e+400,9007199254740993,0.1,0,1e+21,1e-7],"t":"e\u0301\\r\\n\u202e\\ud800",'
        '"\u00e9":null,"\U0001f600":1,"\uffff":2},"audience":"kit","cause":null,"max_cost":{},"purpose":"","tool":"kit.set","v":1}'
    )
    assert (
        access.digest().hex() == "272b9d3f9140759a95f71d86f6f1b880f76667cec369f35d9c7978af33ebfc85"
    )
    assert Access.from_json(sent_json.parse(access.encoded)).encoded == access.encoded


READS = [
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    '"a"',
    '"\\ud800"',
    "1",
    "-0",
    "1.5",
    "1e400",
    "01",
    "true",
    "nul",
    " ",
    "\n",
    "-",
    '"',
]


@given(parts=st.lists(st.sampled_from(READS), max_size=9))
def test_the_reader_of_deep_values_reads_what_the_other_reads(parts: list[str]) -> None:
    """Two readers of one text: the same value, or refused by both."""
    text = "".join(parts)
    found = []
    for read in (sent_json.parse, sent_json._parse_deep):
        try:
            found.append(repr(read(text)))
        except (MalformedError, ValueError, IndexError):
            found.append("refused")
    assert found[0] == found[1]


def test_a_payload_grant_has_one_spelling() -> None:
    """Nulls, booleans for integers, other orders and missing fields are refused in a payload."""
    grant = Grant([], effects=["read", "write"], max_sensitivity=0, audience=["a"], purpose="", not_before=0, expires_at=9,
                  delegations_left=0, budget={}, needs_approval=[], flow=[])  # fmt: skip
    assert Grant.from_json(grant.to_json()) == grant
    for change in ({"effects": ["write", "read"]}, {"max_sensitivity": False}, {"audience": ["a", "a"]}, {"budget": None}, {"not_before": -1}, {"flow": [{"x": 1}]},
                   {"delegations_left": 16}, {"purpose": None}, {"unknown": 1}, {"capabilities": [{"tool": "a", "resources": []}]}):  # fmt: skip
        with pytest.raises(MalformedError):
            Grant.from_json({**grant.to_json(), **change})
    short = {k: v for k, v in grant.to_json().items() if k != "flow"}
    with pytest.raises(MalformedError):
        Grant.from_json(short)
    assert "flow" in Grant.from_json(short, partial=True).unset


@every(
    "text",
    [
        '{"a":"e\u0301"}',  # not NFC
        '{"a":"\U000323b0"}',  # unassigned in Unicode 14.0
        '{"\u00e4":1}',
        '{"a":"\\ud800"}',
        '{"a":"\\u00e9"}',
        '{"a":9007199254740992}',
        '{"a":-9007199254740992}',
        '{"a":12345678901234567890123}',
        '{"a":1.0}',
        '{"a":1e3}',
        '{"a":-0}',
        "[" * 33 + "]" * 33,
        "[" * 5000 + "]" * 5000,
        '{"a":1,"a":1}',
        '{"a":NaN}',
    ],
)
def test_what_has_no_canonical_form_is_refused_however_plain_it_looks(text: str) -> None:
    """The glance that spares plain bytes a walk lets nothing through that the walk refuses."""
    with pytest.raises(MalformedError):
        canonical.decode(text.encode("utf-8", "surrogatepass"), max_bytes=20_000)


def test_as_many_brackets_as_are_allowed_in_depth_may_stand_side_by_side() -> None:
    """Breadth is not depth: what the glance cannot tell is walked and passes."""
    text = b"[" + b",".join([b"[]"] * 100) + b"]"
    assert canonical.decode(text, max_bytes=1000) == [[]] * 100
    deepest = b"[" * 32 + b"]" * 32
    assert canonical.encode(canonical.decode(deepest, max_bytes=1000)) == deepest
