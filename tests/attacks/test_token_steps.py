"""One fault, one step, one code: whichever format carries it, and whatever the cache knows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from forge import bearer_append, text_of
from world import NOW, World

from delegation import Grant, HolderKey, Token, canonical, ed25519
from delegation.authority.chain import MAX_PAYLOAD_BYTES, child_payload, link_id
from delegation.tokens import biscuit, biscuit_wire, macaroon
from delegation.tokens.bounds import MAX_BLOCK_BYTES, MAX_CAVEAT_BYTES
from delegation.tokens.failed import Failed
from delegation.tokens.prefix_cache import PrefixCache
from delegation.tokens.text import TokenBytes, read_text
from delegation.tokens.verifier import VerifiedToken, verify_token

FORMATS = ["biscuit", "macaroon"]
BACK_ENDS = {"biscuit": biscuit, "macaroon": macaroon}


def payload(token: Token, to: HolderKey, grant: Grant | None = None, parent: str = "") -> bytes:
    """Return a payload below a token's leaf, or below another link."""
    return child_payload(
        parent or token.id,  # type: ignore[arg-type]
        holder_key=to.public.key,
        holder_name=to.name,
        grant=grant or token.grant.narrow(),
        salt=b"s" * 16,
    )


def appended(token: Token, *links: tuple[bytes, HolderKey]) -> str:
    """Append links past every check of the library, each signed by the given key."""
    body = read_text(token.text).body
    for data, by in links:
        body = BACK_ENDS[token.format].append(body, data, holder_seed=by.secret_seed())
    return text_of(body, token.format)


def innocent(world: World, token: Token) -> str:
    """Forge lineage: a bearer appends a link in the name of a holder who never signed it."""
    return bearer_append(
        token, payload(token, world.key("m")), named=world.key("a"), by=world.key("m")
    )


def by_stranger(world: World, token: Token) -> str:
    """Append a link well signed by somebody who is not the leaf's holder."""
    return appended(token, (payload(token, world.key("m")), world.key("m")))


def by_grandparent(world: World, token: Token) -> str:
    """Append a link signed by the leaf's delegator, who gave the authority away."""
    return appended(token, (payload(token, world.key("m")), world.key("boss")))


def widened(world: World, token: Token) -> bytes:
    """Return a payload that holds an effect which its parent does not."""
    more = {"effects": ["read", "write"], "delegations_left": token.grant.delegations_left - 1}
    return payload(token, world.key("b"), Grant.from_json({**token.grant.to_json(), **more}))


def wider(world: World, token: Token) -> str:
    """Append a well-signed link that holds more than its parent."""
    return appended(token, (widened(world, token), world.key("a")))


def wider_then_unsigned(world: World, token: Token) -> str:
    """Append a wider link, and below it one by a stranger."""
    wide = widened(world, token)
    below = payload(token, world.key("m"), parent=link_id(wide))
    return appended(token, (wide, world.key("a")), (below, world.key("m")))


def wider_to_ring_key(world: World, token: Token) -> str:
    """Append a wider link, and below it one whose holder is the service."""
    wide = widened(world, token)
    own = HolderKey("x", world.tracker._desk.ring.active("statement").seed)
    grant = Grant.from_json({**token.grant.to_json(), "delegations_left": 1})
    below = payload(token, own, grant, parent=link_id(wide))
    return appended(token, (wide, world.key("a")), (below, world.key("b")))


def other_parent(world: World, token: Token) -> str:
    """Append a link that the holder signed below another token of its own."""
    twin = world.chain("boss", "a", format=token.format)
    return appended(token, (payload(token, world.key("m"), parent=twin.id), world.key("a")))


def replayed_link(world: World, token: Token) -> str:
    """Re-attach, as any bearer can, a holder's genuine link of one chain to another chain."""
    twin = world.chain("boss", "a", format=token.format, effects=["read"])
    genuine = payload(twin, world.key("m"))
    return bearer_append(token, genuine, named=world.key("a"), by=world.key("a"), previous=twin)


def to_ring_key(world: World, token: Token) -> str:
    """Hand the token to one of the service's own keys."""
    own = HolderKey("x", world.tracker._desk.ring.active("statement").seed)
    return appended(token, (payload(token, own), world.key("a")))


def small_order(world: World, token: Token) -> str:
    """Hand the token to a key under which anybody can forge."""
    good = payload(token, world.key("m"))
    key = spelled(world.key("m").public.key)
    return appended(token, (good.replace(key, spelled(b"\x01" + bytes(31))), world.key("a")))


def spelled(key: bytes) -> bytes:
    """Return a key as a payload spells it."""
    return canonical.b64u(key).encode()


def no_canonical_json(world: World, token: Token) -> str:
    """Sign a payload with a space in it."""
    spaced = payload(token, world.key("m")).replace(b'":', b'": ', 1)
    return appended(token, (spaced, world.key("a")))


def duplicate_member(world: World, token: Token) -> str:
    """Sign a payload that states its version twice."""
    return appended(token, (payload(token, world.key("m"))[:-1] + b',"v":1}', world.key("a")))


def surrogate(world: World, token: Token) -> str:
    """Sign a payload whose text no encoder can write."""
    odd = payload(token, world.key("m")).replace(b'"name":"m"', b'"name":"\\ud800"')
    return appended(token, (odd, world.key("a")))


def deep(world: World, token: Token) -> str:
    """Sign JSON nested deeper than a parser's stack."""
    return appended(token, (b"[" * 8000 + b"]" * 8000, world.key("a")))


def a_root_below(world: World, token: Token) -> str:
    """Sign a root's payload as a child."""
    return appended(token, (token.chain.root.payload, world.key("a")))


CASES: dict[str, tuple[Callable[[World, Token], str], tuple[int, str, int | None]]] = {
    "an innocent holder named": (innocent, (4, "not_signed_by_holder", 2)),
    "signed by a stranger": (by_stranger, (4, "not_signed_by_holder", 2)),
    "signed by the delegator above": (by_grandparent, (4, "not_signed_by_holder", 2)),
    "wider": (wider, (5, "effects_widened", 2)),
    "wider, and an unsigned link below": (wider_then_unsigned, (4, "not_signed_by_holder", 3)),
    "wider, and a ring key below": (wider_to_ring_key, (4, "holder_is_ring_key", 3)),
    "made for another parent": (other_parent, (4, "other_parent", 2)),
    "a genuine link of another chain": (replayed_link, (4, "other_parent", 2)),
    "handed to a ring key": (to_ring_key, (4, "holder_is_ring_key", 2)),
    "handed to a small-order key": (small_order, (4, "payload_malformed", 2)),
    "not canonical": (no_canonical_json, (4, "payload_malformed", 2)),
    "a duplicate member": (duplicate_member, (4, "payload_malformed", 2)),
    "a lone surrogate": (surrogate, (4, "payload_malformed", 2)),
    "8000 brackets": (deep, (4, "payload_malformed", 2)),
    "a root below a link": (a_root_below, (4, "payload_malformed", 2)),
}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", CASES)
def test_a_fault_meets_its_step_in_both_formats_cold_and_warm(shop, name, format) -> None:
    """Step, code and depth are the fault's own: not the format's, and not the cache's."""
    attack, expected = CASES[name]
    token = shop.chain("boss", "a", format=format, effects=["read"])
    text, warm = attack(shop, token), PrefixCache()
    assert isinstance(
        verify_token(token.text, shop.tracker._desk.ring, warm, at=NOW), VerifiedToken
    )
    before = len(warm)
    for cache in (PrefixCache(), warm, warm):
        found = verify_token(text, shop.tracker._desk.ring, cache, at=NOW)
        assert isinstance(found, Failed)
        assert (found.step, found.refusal.code, found.depth) == expected
    assert len(warm) == before  # nothing is remembered of what failed, nor below it


@pytest.mark.parametrize("format", FORMATS)
def test_the_longest_payload_is_looked_at_and_one_byte_more_is_not(shop, format) -> None:
    """Beyond 16 KiB a payload is refused by shape, before any cryptography, in both formats."""
    token, ring = shop.chain("boss", "a", format=format), shop.tracker._desk.ring
    longest = b"x" * MAX_PAYLOAD_BYTES
    found = verify_token(appended(token, (longest, shop.key("a"))), ring, PrefixCache(), at=NOW)
    assert isinstance(found, Failed)
    assert (found.step, found.refusal.code) == (4, "payload_malformed")
    found = verify_token(
        bearer_append(token, longest + b"x", named=shop.key("a"), by=shop.key("a")),
        ring, PrefixCache(), at=NOW,
    )  # fmt: skip
    assert isinstance(found, Failed)
    assert (found.step, found.refusal.code) == (1, "token_malformed")
    assert len(biscuit_wire.block_of(longest, third_party=True)) == MAX_BLOCK_BYTES
    assert len(macaroon.caveat_of(longest, b"i" * 32)) == MAX_CAVEAT_BYTES


@pytest.mark.parametrize("format", FORMATS)
def test_the_seventeenth_link_is_refused_by_shape(shop, format) -> None:
    """Too many links are counted before any signature is, in both formats."""
    token = shop.chain("boss", "a", format=format)
    text = token.text
    for _ in range(15):
        text = bearer_append(text, b"{}", named=shop.key("a"), by=shop.key("a"))
    found = verify_token(text, shop.tracker._desk.ring, PrefixCache(), at=NOW)
    assert isinstance(found, Failed)
    assert (found.step, found.refusal.code) == (1, "token_malformed")


@pytest.mark.parametrize("signed", [True, False], ids=["well signed", "badly signed"])
def test_a_first_party_block_is_told_from_a_broken_container(shop, signed) -> None:
    """A block without an author fails at 4 if the container holds together, else at 3; warm as cold."""
    token, warm = shop.chain("boss"), PrefixCache()
    ring = shop.tracker._desk.ring
    old = biscuit_wire.read(read_text(token.text).body)
    data = payload(token, shop.key("m"))
    block = biscuit_wire.block_of(data, third_party=True)
    draft = biscuit_wire.WireBlock(b"", block, ed25519.public_of(b"n" * 32), b"", None, None)
    signature = ed25519.sign(
        old.seed if signed else b"x" * 32, biscuit_wire.authority_message(draft)
    )
    raw = (
        b"\x0a" + biscuit_wire.varint(len(block)) + block
        + b"\x12\x24\x08\x00\x12\x20" + draft.next_key + b"\x1a\x40" + signature
    )  # fmt: skip
    body = biscuit_wire.write(
        biscuit_wire.WireToken(
            old.kid, (*old.blocks, biscuit_wire._block(raw, third_party=True)), b"n" * 32
        )
    )
    verify_token(token.text, ring, warm, at=NOW)
    for cache in (PrefixCache(), warm):
        found = verify_token(text_of(body), ring, cache, at=NOW)
        assert isinstance(found, Failed)
        assert (found.step, found.refusal.code) == (
            (4, "not_signed_by_holder") if signed else (3, "container_signature")
        )


def test_a_macaroon_without_its_root_link_mints_nothing(shop) -> None:
    """Even under a genuine MAC, a macaroon that does not begin with a root link holds nothing."""
    from pymacaroons import MACAROON_V2, Macaroon

    ring = shop.tracker._desk.ring
    mac, statement = ring.active("macaroon"), ring.active("statement")
    name = macaroon.Identifier(ring.issuer, mac.kid, statement.kid).to_bytes()
    bare = Macaroon(location="", identifier=name, key=mac.seed, version=MACAROON_V2)
    led = Macaroon(location="", identifier=name, key=mac.seed, version=MACAROON_V2)
    led.add_third_party_caveat("", b"q" * 32, b"bank")
    bound = led.prepare_for_request(
        Macaroon.deserialize(
            canonical.b64u(macaroon.discharge(caveat_key=b"q" * 32, caveat_id=b"bank", before=NOW + 9))
        )
    )  # fmt: skip
    for text in (
        "dct.m1." + bare.serialize(),
        f"dct.m1.{led.serialize()}.{bound.serialize()}",
    ):
        found = verify_token(text, ring, PrefixCache(), at=NOW)
        assert isinstance(found, Failed)
        assert (found.step, found.refusal.code, found.depth) == (4, "block_foreign", 0)


def test_what_the_library_refuses_is_never_accepted_by_our_own_reading(shop, monkeypatch) -> None:
    """Our own check only names the step of a refusal; it does not overrule the library."""
    token, cache = shop.chain("boss", "a"), PrefixCache()
    monkeypatch.setattr(biscuit, "is_verified_by_library", lambda *_: False)
    for _ in range(2):
        found = verify_token(token.text, shop.tracker._desk.ring, cache, at=NOW)
        assert isinstance(found, Failed)
        assert (found.step, found.refusal.code) == (3, "container_signature")
    assert len(cache) == 0


def test_a_late_discharge_is_named_before_what_the_links_say(shop) -> None:
    """Step 3 is judged before step 5: a chain with both faults fails at the discharge."""
    token = shop.chain("boss", "a", format="macaroon", effects=["read"])
    text = appended(token, (widened(shop, token), shop.key("a")))
    body = macaroon.add_third_party(read_text(text).body, caveat_key=b"q" * 32, caveat_id=b"bank")
    late = macaroon.discharge(caveat_key=b"q" * 32, caveat_id=b"bank", before=NOW)
    sent = TokenBytes("macaroon", body, tuple(macaroon.bind(body, [late]))).to_text()
    found = verify_token(sent, shop.tracker._desk.ring, PrefixCache(), at=NOW)
    assert isinstance(found, Failed)
    assert (found.step, found.refusal.code) == (3, "discharge_expired")
