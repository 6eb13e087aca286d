"""Attacks on token bytes: each is refused at its step with its code, and nothing raises."""

from __future__ import annotations

from dataclasses import replace

import pytest
from forge import outcome, rebuilt, text_of, wire
from hypothesis import given, settings
from hypothesis import strategies as st
from pymacaroons import MACAROON_V2, Macaroon
from world import ISSUER, NOW, World, verdict

from delegation import HolderKey, KeyRing, Token, canonical
from delegation.authority.chain import child_payload
from delegation.tokens import biscuit, biscuit_wire, macaroon, macaroon_wire
from delegation.tokens.failed import Failed
from delegation.tokens.issuer import issue_token
from delegation.tokens.prefix_cache import PrefixCache
from delegation.tokens.text import read_text
from delegation.tokens.verifier import VerifiedToken, verify_token

FORMATS = ["biscuit", "macaroon"]


def raw_block(old: biscuit_wire.WireBlock, /, **change: bytes) -> bytes:
    """Write a block again with parts replaced."""
    b = replace(old, **change)
    out = (
        b"\x0a"
        + biscuit_wire.varint(len(b.block))
        + b.block
        + b"\x12\x24\x08\x00\x12\x20"
        + b.next_key
    )
    out += b"\x1a\x40" + b.signature
    if b.external_signature is not None:
        out += (
            b"\x22\x68\x0a\x40"
            + b.external_signature
            + b"\x12\x24\x08\x00\x12\x20"
            + b.external_key
            + b"\x28\x01"
        )
    return out


def first_party(world: World, token: Token) -> str:
    """Append a first-party block with the library, as any bearer can."""
    from biscuit_auth import Algorithm, Biscuit, BlockBuilder, PublicKey

    root = PublicKey.from_bytes(world.tracker._desk.ring.active("issuer").public, Algorithm.Ed25519)
    made = Biscuit.from_bytes(read_text(token.text).body, root)
    return text_of(bytes(made.append(BlockBuilder('check if operation("read")')).to_bytes()))


def two_facts(world: World, token: Token) -> str:
    """Append a well-signed third-party block that holds a second fact."""
    from biscuit_auth import Algorithm, Biscuit, BlockBuilder, PrivateKey, PublicKey

    key = world.key("b")
    root = PublicKey.from_bytes(world.tracker._desk.ring.active("issuer").public, Algorithm.Ed25519)
    made = Biscuit.from_bytes(read_text(token.text).body, root)
    payload = child_payload(
        token.id,
        holder_key=key.public.key,
        holder_name="c",
        grant=token.grant.narrow(),
        salt=b"s" * 16,
    )
    builder = BlockBuilder("link({p}); right({q})", {"p": payload, "q": "admin"})
    secret = PrivateKey.from_bytes(key.secret_seed(), Algorithm.Ed25519)
    block = made.third_party_request().create_block(secret, builder)
    public = PublicKey.from_bytes(key.public.key, Algorithm.Ed25519)
    return text_of(bytes(made.append_third_party(public, block).to_bytes()))


def biscuit_attacks(world: World) -> dict[str, tuple[str, tuple[int, str]]]:
    """Return each attack's text and what it must meet."""
    token = world.chain("boss", "a", "b")
    other = world.chain("boss", "a", "b")
    parts, more = wire(token), wire(other)
    data = biscuit_wire.write(parts)
    flipped = bytearray(data)
    flipped[60] ^= 1
    stranger = HolderKey.generate("m")
    payload = child_payload(
        token.id,
        holder_key=stranger.public.key,
        holder_name="m",
        grant=token.grant.narrow(),
        salt=b"s" * 16,
    )
    by_stranger = biscuit_wire.write(
        biscuit_wire.appended(
            parts, payload, holder_seed=stranger.secret_seed(), next_seed=b"n" * 32
        )
    )
    bad = biscuit.append(data, b'{"v":1}', holder_seed=world.key("b").secret_seed())
    twice = biscuit.append(
        data, payload[:-1] + b',"v":1}', holder_seed=world.key("b").secret_seed()
    )
    foreign = issue_token(
        KeyRing.generate(ISSUER),
        token.chain.origin,
        to=world.key("boss").public,
        grant=token.chain.root.grant,
    )
    raw = parts.blocks[1]
    return {
        "a flipped bit": (text_of(bytes(flipped)), (3, "container_signature")),
        "a stripped middle block": (text_of(biscuit_wire.write(replace(parts, blocks=(parts.blocks[0], parts.blocks[2])))), (3, "container_signature")),
        "reordered blocks": (text_of(biscuit_wire.write(replace(parts, blocks=(parts.blocks[0], parts.blocks[2], parts.blocks[1])))), (3, "container_signature")),
        "another token's block": (text_of(biscuit_wire.write(replace(parts, blocks=(*parts.blocks[:2], more.blocks[2]), seed=more.seed))), (3, "container_signature")),
        "another proof seed": (text_of(biscuit_wire.write(replace(parts, seed=b"x" * 32))), (3, "container_signature")),
        "a foreign issuer under a known id": (foreign.text, (3, "container_signature")),
        "an unknown key id": (text_of(biscuit_wire.write(replace(parts, kid=99))), (2, "key_unknown")),
        "a stranger's signature": (text_of(by_stranger), (4, "not_signed_by_holder")),
        "a first-party block": (first_party(world, token), (1, "token_malformed")),
        "a first-party block on the root": (first_party(world, world.chain("boss")), (4, "block_foreign")),
        "two facts in a block": (two_facts(world, token), (4, "block_foreign")),
        "a payload of another form": (text_of(bad), (4, "payload_malformed")),
        "a duplicate member": (text_of(twice), (4, "payload_malformed")),
        "trailing bytes": (text_of(data + b"\x00"), (1, "token_malformed")),
        "a long varint": (text_of(b"\x08\x81\x00" + data[2:]), (1, "token_malformed")),
        "a key id beyond 32 bits": (text_of(b"\x08\x81\x80\x80\x80\x10" + data[2:]), (1, "token_malformed")),
        "an unknown field": (text_of(data[:2] + b"\x28\x01" + data[2:]), (1, "token_malformed")),
        "a sealed proof": (text_of(data[:-36] + b"\x22\x42\x12\x40" + b"s" * 64), (1, "token_malformed")),
        "an empty block": (text_of(biscuit_wire.write(replace(parts, blocks=(parts.blocks[0], replace(raw, raw=raw_block(raw, block=b"")))))), (3, "container_signature")),
        "padding": (token.text + "=", (1, "token_malformed")),
        "a space": (token.text + " ", (1, "token_malformed")),
        "a discharge behind a biscuit": (token.text + ".AA", (1, "token_malformed")),
        "nothing": ("", (1, "token_malformed")),
        "another prefix": ("dct.b2." + token.text[7:], (1, "token_malformed")),
        "65 kB": ("dct.b1." + "A" * 70_000, (1, "token_malformed")),
        "a lone surrogate": ("dct.b1.\ud800", (1, "token_malformed")),
    }  # fmt: skip


def test_attacks_on_a_biscuit_meet_their_step(shop: World) -> None:
    """Every mutation of a biscuit is refused where the docs say, cold and after the honest token."""
    cache = shop.tracker._desk.cache
    for name, (text, expected) in biscuit_attacks(shop).items():
        assert outcome(shop, text) == expected, name
        found = verify_token(text, shop.tracker._desk.ring, cache, at=NOW)
        assert isinstance(found, Failed), name
        assert found.step in {expected[0], 3, 4}, name


def test_attacks_on_a_macaroon_meet_their_step(shop: World) -> None:
    """Every mutation of a macaroon is refused where the docs say."""
    token = shop.chain("boss", "a", "b", format="macaroon")
    data = read_text(token.text).body
    found = macaroon_wire.read(data)
    caveats = [c.id for c in found.caveats]
    bogus = caveats[-1].replace(b'"name":"b"', b'"name":"evil"')
    unmet = Macaroon.deserialize(canonical.b64u(data))
    unmet.add_first_party_caveat("time < tomorrow")
    stranger = HolderKey.generate("m")
    payload = child_payload(
        token.id,
        holder_key=stranger.public.key,
        holder_name="m",
        grant=token.grant.narrow(),
        salt=b"s" * 16,
    )
    attacks = {
        "an unsigned caveat in the middle": (rebuilt(found, [*caveats[:2], bogus, caveats[2]]), (3, "container_signature")),
        "an unsigned caveat at the end": (rebuilt(found, [*caveats, bogus]), (3, "container_signature")),
        "stripped with the old tail": (rebuilt(found, caveats[:-1]), (3, "container_signature")),
        "reordered": (rebuilt(found, [caveats[0], caveats[2], caveats[1]]), (3, "container_signature")),
        "no caveat": (rebuilt(found, []), (3, "container_signature")),
        "a caveat that is no link": (text_of(canonical.unb64u(unmet.serialize()), "macaroon"), (4, "block_foreign")),
        "a stranger's signature": (text_of(macaroon.append(data, payload, holder_seed=stranger.secret_seed()), "macaroon"), (4, "not_signed_by_holder")),
        "trailing bytes": (rebuilt(found, caveats, tail=b"\x00"), (1, "token_malformed")),
        "a short signature": (rebuilt(found, caveats, signature=b"x" * 31), (1, "token_malformed")),
        "an empty signature": (rebuilt(found, caveats, signature=b""), (1, "token_malformed")),
        "another identifier": (rebuilt(replace(found, identifier=b"k1"), caveats), (1, "token_malformed")),
        "200 caveats": (rebuilt(found, [caveats[0]] * 200), (1, "token_malformed")),
        "a surplus discharge": (token.text + "." + token.text.split(".")[2], (3, "discharge_mismatch")),
        "JSON": ("dct.m1." + canonical.b64u(b'{"v":2,"i":"x","s64":""}'), (1, "token_malformed")),
        "version 1": ("dct.m1." + Macaroon("", "x", "k").serialize(), (1, "token_malformed")),
    }  # fmt: skip
    for name, (text, expected) in attacks.items():
        assert outcome(shop, text) == expected, name


def test_discharges_are_needed_bound_fresh_and_exact(shop: World) -> None:
    """A third-party caveat only subtracts: absent, unbound, foreign, late, doubled, nested all refuse."""
    token = shop.chain("boss", "a", format="macaroon").with_third_party_caveat(
        key=b"q" * 32, caveat_id=b"bank"
    )
    good = macaroon.discharge(caveat_key=b"q" * 32, caveat_id=b"bank", before=NOW + 10)
    bound = token.with_discharges([good])
    assert outcome(shop, bound.text) is None
    unbound = f"{token.text}.{canonical.b64u(good)}"
    nested = Macaroon("", b"bank", b"q" * 32, version=MACAROON_V2)
    nested.add_first_party_caveat(f"before {NOW + 10}")
    nested.add_third_party_caveat("", b"z" * 32, b"bank")
    free = Macaroon("", b"bank", b"q" * 32, version=MACAROON_V2)
    attacks = {
        "absent": token.text,
        "unbound": unbound,
        "under another key": token.with_discharges([macaroon.discharge(caveat_key=b"x" * 32, caveat_id=b"bank", before=NOW + 10)]).text,
        "for another caveat": token.with_discharges([macaroon.discharge(caveat_key=b"q" * 32, caveat_id=b"cafe", before=NOW + 10)]).text,
        "late": token.with_discharges([macaroon.discharge(caveat_key=b"q" * 32, caveat_id=b"bank", before=NOW)]).text,
        "ended in 1970": token.with_discharges([macaroon.discharge(caveat_key=b"q" * 32, caveat_id=b"bank", before=0)]).text,
        "doubled": bound.text + "." + bound.text.rsplit(".", 1)[1],
        "nested": token.with_discharges([canonical.unb64u(nested.serialize())]).text,
        "without an end": token.with_discharges([canonical.unb64u(free.serialize())]).text,
    }  # fmt: skip
    for name, text in attacks.items():
        found = outcome(shop, text)
        assert found is not None, name
        assert found[0] == 3, name
    access = shop.access()
    proof = shop.key("a").prove(token, access, at=NOW)
    assert verdict(shop.tracker.check(bound, proof, access)) == (6, "proof_other_token")
    assert shop.tracker.check(bound, shop.key("a").prove(bound, access, at=NOW), access)


@pytest.mark.parametrize("format", FORMATS)
@settings(max_examples=120)
@given(data=st.data())
def test_no_mutation_of_a_token_verifies_or_raises(format, data):
    """Flipping, cutting, doubling bytes never yields another chain, warm or cold."""
    world = _SHOPS[format]
    token = world.keys["token"]
    body = bytearray(read_text(token.text).body)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(body) - 1))
        deed = data.draw(st.sampled_from(["flip", "cut", "double", "zero"]))
        if deed == "flip":
            body[place] ^= 1 << data.draw(st.integers(0, 7))
        elif deed == "cut":
            del body[place : place + data.draw(st.integers(1, 40))]
        elif deed == "double":
            body[place:place] = body[place : place + data.draw(st.integers(1, 40))]
        else:
            body[place] = 0
        if not body:
            break
    text = text_of(bytes(body), format)
    for cache in (PrefixCache(), world.tracker._desk.cache):
        found = verify_token(text, world.tracker._desk.ring, cache, at=NOW)
        if isinstance(found, VerifiedToken):
            assert text == token.text or [x.id for x in found.chain.links] == [
                x.id for x in token.chain.links
            ]


_SHOPS = {format: World() for format in FORMATS}
for _format, _world in _SHOPS.items():
    _world.keys["token"] = _world.chain("boss", "a", "b", format=_format)  # type: ignore[assignment]
    verify_token(
        _world.keys["token"].text, _world.tracker._desk.ring, _world.tracker._desk.cache, at=NOW
    )  # type: ignore[attr-defined]
