"""A holder can sign whatever it likes: no payload raises, and none verifies that holds more."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from forge import bearer_append
from hypothesis import given, settings
from hypothesis import strategies as st
from world import NOW, World

from delegation import Token
from delegation.authority.chain import child_payload
from delegation.authority.narrowing import refuse_wider
from delegation.tokens.failed import Failed
from delegation.tokens.prefix_cache import PrefixCache
from delegation.tokens.verifier import VerifiedToken, verify_token

ODD = [
    None, True, False, 0, -1, 2, 16, 2**53 - 1, "", "\x00", "\u202e", "e\u0301", "\ud800", "a" * 5000, "*", "**",
    "lnk_", [], {}, [[]], [None], [1, "a", None, True], [{"any": True}], {"any": True}, {"exact": None}, {"all": []},
    {"any_of": [{"any": True}] * 3}, {"range": {"min": 2, "max": 1}}, {"range": {"min": None, "max": None}}, {"glob": ["**"]},
    {"one_of": [True]}, {"spelled": {"exact": "0.5"}}, {"spelled": {"exact": "5"}}, {"argv": {"head": [], "rest": {"any": True}}}, {"count": {"max": 1, "min": 0}},
    {"during": {"from": "2026-01-01", "to": None}}, {"during": {"from": "task+0s", "to": None}}, {"links": {"hosts": []}}, {"not_below": {"paths": ["/a"]}},
    {"range": {"above": "1e-20", "below": None, "max": None, "min": None}}, {"path": {"under": ["a"]}}, "filter[name]", "a" * 65, {"cidr": {"networks": ["::ffff:0:0/96"]}}, {"host": {"names": ["*.acme.example"]}}, {"absent": True},
]  # fmt: skip


def mutated(value: object, draw) -> object:
    """Return JSON with one member replaced, dropped, renamed or doubled, somewhere."""
    if isinstance(value, dict) and value and draw(st.integers(0, 9)):
        name = draw(st.sampled_from(sorted(value)))
        rest = {k: v for k, v in value.items() if k != name}
        deed = draw(st.integers(0, 9))
        if deed == 0:
            return rest
        if deed == 1:
            return {**rest, name + "x": value[name]}
        return {**rest, name: mutated(value[name], draw)}
    if isinstance(value, list) and value and draw(st.integers(0, 4)):
        place = draw(st.integers(0, len(value) - 1))
        if not draw(st.integers(0, 4)):
            return [*value, value[place]]
        return [*value[:place], mutated(value[place], draw), *value[place + 1 :]]
    return draw(st.sampled_from(ODD))


_WORLD = World()
_TOKENS = {f: _WORLD.chain("boss", "a", format=f) for f in ("biscuit", "macaroon")}


def verified(token: Token, data: bytes) -> VerifiedToken | Failed:
    """Verify a token with one more link of these payload bytes, well signed by its holder."""
    text = bearer_append(token, data, named=_WORLD.key("a"), by=_WORLD.key("a"))
    return verify_token(text, _WORLD.tracker._desk.ring, _WORLD.tracker._desk.cache, at=NOW)


@settings(max_examples=250)
@given(data=st.data())
def test_no_signed_payload_raises_or_widens(data):
    """Structured nonsense under good signatures fails at 4 or 5, alike in both formats."""
    found = {}
    mutations = data.draw(st.integers(1, 2))
    link = child_payload(
        _TOKENS["biscuit"].id,
        holder_key=_WORLD.key("b").public.key,
        holder_name="b",
        grant=_TOKENS["biscuit"].grant.narrow(),
        salt=b"s" * 16,
    )
    body: object = {**json.loads(link), "v": data.draw(st.sampled_from([1, 1, 2]))}
    for _ in range(mutations):
        body = mutated(body, data.draw)
    for format, token in _TOKENS.items():
        here = {**body, "parent": token.id} if isinstance(body, dict) and "parent" in body and body["parent"] == _TOKENS["biscuit"].id else body  # fmt: skip
        text = json.dumps(here, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        verdict = verified(token, text.encode("utf-8", "surrogatepass"))
        if isinstance(verdict, Failed):
            found[format] = (verdict.step, verdict.refusal.code)
            assert verdict.step in {3, 4, 5}
            continue
        found[format] = "verified"
        grants = [x.grant for x in verdict.chain.links]
        assert all(refuse_wider(child, parent) is None for parent, child in pairwise(grants))
    one, other = found["biscuit"], found["macaroon"]
    # A macaroon's caveat is text to its library: what is no UTF-8 already fails its MAC.
    assert other in {one, (3, "container_signature")}


@pytest.mark.parametrize("format", ["biscuit", "macaroon"])
@settings(max_examples=100)
@given(data=st.binary(max_size=300))
def test_no_signed_bytes_raise(format, data):
    """Bytes that are no JSON at all, well signed, are a failure and no exception."""
    found = verified(_TOKENS[format], data)
    assert isinstance(found, Failed)
    assert found.step in {3, 4}


@settings(max_examples=300)
@given(text=st.one_of(st.text(max_size=200), st.text(alphabet="dctbm1.AQ-_=", max_size=80)))
def test_no_text_raises(text):
    """Any text at all is refused by shape, key or container."""
    for sent in (text, "dct.b1." + text, "dct.m1." + text):
        found = verify_token(sent, _WORLD.tracker._desk.ring, PrefixCache(), at=NOW)
        assert isinstance(found, Failed)
        assert found.step in {1, 2, 3}
