"""Keys, proofs, evidence and the cache: who may hold, what binds, what is remembered."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from cases import every
from forge import outcome, rebuilt, text_of, wire
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey
from world import ISSUER, NOW, World, verdict

from delegation import Access, Grant, HolderKey, KeyRing, Token, canonical, ed25519
from delegation.authority.chain import LINK_TAG, Origin, child_payload, root_payload
from delegation.errors import ConflictError, MalformedError, NotHolderError, UnverifiedError
from delegation.identity.proof import make_proof
from delegation.tokens import biscuit, biscuit_wire, macaroon, macaroon_wire
from delegation.tokens.failed import Failed
from delegation.tokens.formats import check_evidence
from delegation.tokens.issuer import issue_token
from delegation.tokens.links import extend
from delegation.tokens.prefix_cache import PrefixCache
from delegation.tokens.text import read_text
from delegation.tokens.verifier import VerifiedToken, verify_token

FORMATS = ["biscuit", "macaroon"]


SMALL_ORDER = [0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18, *sorted(ed25519._SMALL_ORDER_Y)]


@every("y", SMALL_ORDER)
@every("sign", [0, 1])
def test_a_key_of_small_order_holds_nothing(y: int, sign: int) -> None:
    """Small-order and non-canonical points are refused by table and by the library alike."""
    key = (y | sign << 255).to_bytes(32, "little")
    assert not ed25519.is_usable_encoding(key)
    assert not ed25519.is_valid_point(key)


@given(seed=st.binary(min_size=32, max_size=32))
def test_every_made_key_is_usable(seed: bytes) -> None:
    """The table refuses no honest key, and our signatures are PyNaCl's."""
    public = ed25519.public_of(seed)
    assert ed25519.is_usable_encoding(public)
    assert ed25519.is_valid_point(public)
    assert ed25519.sign(seed, b"m") == bytes(SigningKey(seed).sign(b"m").signature)
    assert not ed25519.verify(public, b"other", ed25519.sign(seed, b"m"))


@pytest.mark.parametrize("format", FORMATS)
def test_a_ring_key_is_no_holder(shop: World, format: str) -> None:
    """The service's own keys are refused as holders when issuing, delegating and verifying."""
    ring = shop.tracker._desk.ring
    own = HolderKey("boss", ring.active("statement").seed)
    with pytest.raises(ConflictError):
        shop.root("x").chain and shop.tracker.issue(shop.task, to=own.public, format=format)
    token = shop.chain("boss", "a", format=format)
    with pytest.raises(MalformedError):
        token.delegate(by=shop.key("a"), to=own.public, grant=Grant())
    payload = child_payload(
        token.id,
        holder_key=own.public.key,
        holder_name="x",
        grant=token.grant.narrow(),
        salt=b"s" * 16,
    )
    back_end = biscuit if format == "biscuit" else macaroon
    body = back_end.append(
        read_text(token.text).body, payload, holder_seed=shop.key("a").secret_seed()
    )
    assert outcome(shop, text_of(body, format)) == (4, "holder_is_ring_key")


@pytest.mark.parametrize("format", FORMATS)
def test_delegating_needs_the_holders_key_and_nothing_of_the_issuers(
    shop: World, format: str
) -> None:
    """Delegation is offline: text, public keys and the delegator's key suffice; another key does not."""
    token = Token.read(shop.chain("boss", "a", format=format).text, shop.tracker.public_ring())
    child = token.delegate(by=shop.key("a"), to=shop.key("b").public, grant=Grant())
    assert outcome(shop, child.text) is None
    with pytest.raises(NotHolderError):
        token.delegate(by=shop.key("boss"), to=shop.key("b").public, grant=Grant())


@pytest.mark.parametrize("format", FORMATS)
def test_a_chain_has_at_most_sixteen_links(shop: World, format: str) -> None:
    """The seventeenth link is refused by the library and by the verifier."""
    ring = shop.tracker._desk.ring
    grant = replace_grant(shop.root().grant, 15)
    token = issue_token(
        ring,
        Origin(ISSUER, shop.task.id, None, 4),
        to=shop.key("boss").public,
        grant=grant,
        token_format=format,
    )
    for _ in range(15):
        token = token.delegate(by=shop.key("boss"), to=shop.key("boss").public, grant=Grant())
    assert outcome(shop, token.text) is None
    with pytest.raises(MalformedError):
        token.delegate(by=shop.key("boss"), to=shop.key("boss").public, grant=Grant())
    payload = child_payload(
        token.id,
        holder_key=shop.key("b").public.key,
        holder_name="b",
        grant=token.grant,
        salt=b"s" * 16,
    )
    if format == "macaroon":
        body = macaroon.append(
            read_text(token.text).body, payload, holder_seed=shop.key("boss").secret_seed()
        )
    else:
        longer = biscuit_wire.appended(
            wire(token), payload, holder_seed=shop.key("boss").secret_seed(), next_seed=b"n" * 32
        )
        body = biscuit_wire.write(longer)
    assert outcome(shop, text_of(body, format))[0] in {1, 4}


def replace_grant(grant: Grant, left: int) -> Grant:
    """Return the grant with other delegations left."""
    return Grant.from_json({**grant.to_json(), "delegations_left": left})


@pytest.mark.parametrize("format", FORMATS)
def test_evidence_re_verifies_every_author_without_a_secret(shop: World, format: str) -> None:
    """What is recorded of a link shows who signed it, and nobody else."""
    token = shop.chain("boss", "a", "b", format=format)
    root = shop.tracker._desk.ring.active("issuer" if format == "biscuit" else "statement").public
    signers = [root, *(link.holder_key for link in token.chain.links)]
    for link, signer, evidence in zip(token.chain.links, signers, token.evidence, strict=False):
        assert check_evidence(link.payload, signer, evidence)
        assert not check_evidence(link.payload, shop.key("m").public.key, evidence)
        assert not check_evidence(link.payload + b" ", signer, evidence)


def test_one_chain_in_both_formats_is_one_link(world: World) -> None:
    """A link's id is its payload's hash, whichever format carries it."""
    origin = Origin(ISSUER, world.task.id, None, 4)
    key = world.key("boss").public
    payload = root_payload(
        origin, holder_key=key.key, holder_name="boss", grant=world.root().grant, salt=b"s" * 16
    )
    ring = world.tracker._desk.ring
    issuer, mac, statement = (ring.active(r) for r in ("issuer", "macaroon", "statement"))
    one = biscuit.mint(payload, kid=issuer.kid, seed=issuer.seed)
    two = macaroon.mint(
        payload,
        macaroon.Identifier(ISSUER, mac.kid, statement.kid),
        mac_key=mac.seed,
        statement_seed=statement.seed,
    )
    found = [
        verify_token(text_of(d, f), ring, PrefixCache(), at=NOW)
        for d, f in ((one, "biscuit"), (two, "macaroon"))
    ]
    assert found[0].chain.leaf.id == found[1].chain.leaf.id


@pytest.mark.parametrize("format", FORMATS)
def test_keys_are_looked_at_on_every_call_cached_or_not(world: World, format: str) -> None:
    """A rotated key verifies until its end; a revoked one nothing, also from the cache."""
    token = world.chain("boss", "a", format=format)
    desk = world.tracker._desk
    assert isinstance(verify_token(token.text, desk.ring, desk.cache, at=NOW), VerifiedToken)
    role = "issuer" if format == "biscuit" else "macaroon"
    kid = desk.ring.active(role).kid
    rotated = desk.ring.rotated(role, at=NOW, keep=10)
    assert isinstance(verify_token(token.text, rotated, desk.cache, at=NOW + 9), VerifiedToken)
    assert verify_token(token.text, rotated, desk.cache, at=NOW + 10).refusal.code == "key_unknown"
    revoked = desk.ring.with_state(role, kid, "revoked")
    assert verify_token(token.text, revoked, desk.cache, at=NOW).refusal.code == "key_unknown"
    off = KeyRing(ISSUER, [k for k in desk.ring.keys if k.role != role])
    assert verify_token(token.text, off, desk.cache, at=NOW).refusal.code == "key_unknown"


def test_read_tells_what_public_keys_can_tell(shop: World) -> None:
    """A macaroon cut short still reads (its MAC is the issuer's to check); a biscuit's author is proven."""
    token = shop.chain("boss", "a", format="macaroon")
    found = macaroon_wire.read(read_text(token.text).body)
    cut = rebuilt(found, [found.caveats[0].id])
    assert Token.read(cut, shop.tracker.public_ring()).depth == 1
    assert outcome(shop, cut) == (3, "container_signature")
    with pytest.raises(UnverifiedError) as caught:
        Token.read(shop.chain("boss").text[:-4] + "AAAA", shop.tracker.public_ring())
    assert caught.value.reason in {"container_signature", "token_malformed"}


def test_secrets_stay_out_of_every_text(shop: World, tmp_path) -> None:
    """No repr, str, format or error shows a seed, a MAC key, or a token's text."""
    import pickle

    key, token = shop.key("boss"), shop.chain("boss", "a")
    ring = shop.tracker._desk.ring
    seed = canonical.b64u(key.secret_seed())
    shown = f"{key} {key!r} {ring!r} {token!r} {token} {ring.keys!r} {wire(token)!r:.0}"
    assert seed not in shown
    assert token.text not in shown
    assert all(canonical.b64u(k.seed) not in shown and repr(k.seed) not in shown for k in ring.keys)
    with pytest.raises(TypeError):
        pickle.dumps(key)
    file = tmp_path / "k.json"
    key.save(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert HolderKey.load(file).public == key.public
    file.write_text(
        json.dumps({"kind": "delegation holder key", "name": "boss", "seed": seed[:-1]})
    )
    with pytest.raises(Exception, match="holds no holder key") as caught:
        HolderKey.load(file)
    assert seed[:10] not in repr(caught.getrepr())


PROOFS = {
    "none": lambda w, t, a: None,
    "empty": lambda w, t, a: "",
    "no JWS": lambda w, t, a: "abc",
    "alg none": lambda w, t, a: canonical.b64u(b'{"alg":"none","typ":"dct-proof+jws"}') + "." + "".join(w.key("a").prove(t, a, at=NOW).split(".")[1:2]) + ".",
    "HS256": lambda w, t, a: canonical.b64u(b'{"alg":"HS256","typ":"dct-proof+jws"}') + "." + ".".join(w.key("a").prove(t, a, at=NOW).split(".")[1:]),
    "another typ": lambda w, t, a: __import__("delegation.statement").statement.sign_statement("dct-receipt+jws", {"v": 1}, w.key("a").secret_seed()),
    "an unknown member": lambda w, t, a: __import__("delegation.statement").statement.sign_statement("dct-proof+jws", {"v": 1, "x": 1}, w.key("a").secret_seed()),
    "20 kB": lambda w, t, a: "A" * 20_000,
    "a surrogate": lambda w, t, a: "\ud800.\ud800.\ud800",
}  # fmt: skip


@pytest.mark.parametrize("name", PROOFS)
def test_a_proof_of_another_form_is_no_proof(shop: World, name: str) -> None:
    """Whatever is sent as a proof is judged, never raised."""
    token, access = shop.chain("boss", "a"), shop.access()
    step, code = verdict(shop.tracker.check(token, PROOFS[name](shop, token, access), access))
    assert step == 6
    assert code in {"proof_missing", "proof_malformed"}


def test_a_proof_binds_issuer_token_and_every_field(shop: World) -> None:
    """Another issuer, another token, another cause, cost or purpose: another proof is needed."""
    token, access = shop.chain("boss", "a"), shop.access()
    seed = shop.key("a").secret_seed()
    foreign = make_proof(seed, token.text, access, issuer="https://other.example", at=NOW)
    assert verdict(shop.tracker.check(token, foreign, access)) == (6, "proof_other_issuer")
    twin = shop.chain("boss", "a")
    assert verdict(
        shop.tracker.check(twin, shop.key("a").prove(token, access, at=NOW), access)
    ) == (6, "proof_other_token")
    proof = shop.key("a").prove(token, access, at=NOW)
    for change in (
        {"purpose": "desk/x"},
        {"max_cost": {"usd_cents": 9}},
        {"cause": "dec_" + "a" * 22},
        {"audience": "https://x.example"},
        {"arguments": {"path": "/b"}},
    ):
        sent = replace(access, **change)
        assert verdict(shop.tracker.check(token, proof, sent)) == (6, "proof_other_access")


def test_the_cache_is_bounded_and_survives_a_flood() -> None:
    """A hot entry stays while thousands of once-seen ones pass; bytes never exceed the bound."""
    cache: PrefixCache[int] = PrefixCache(100_000)
    cache.put(b"hot", 1, 1000)
    assert cache.get(b"hot") == 1
    for n in range(5000):
        cache.put(str(n).encode(), n, 1000)
        assert cache.size <= 100_000
    assert cache.get(b"hot") == 1


def test_nothing_is_stored_for_a_failing_block(shop: World) -> None:
    """Garbage behind a valid prefix leaves no entry of its own."""
    cache: PrefixCache[object] = PrefixCache()
    token = shop.chain("boss", "a")
    body = biscuit.append(
        read_text(token.text).body, b"{}", holder_seed=shop.key("a").secret_seed()
    )
    assert isinstance(verify_token(text_of(body), shop.tracker._desk.ring, cache, at=NOW), Failed)
    before = len(cache)
    for _ in range(5):
        verify_token(text_of(body), shop.tracker._desk.ring, cache, at=NOW)
    assert len(cache) == before == 2
    assert extend.__doc__ is not None


def test_the_library_makes_and_accepts_what_the_wire_writes(shop: World) -> None:
    """Blocks written by hand are the library's byte for byte, and it verifies them."""
    from biscuit_auth import Algorithm, Biscuit, PublicKey

    token = shop.chain("boss", "a", "b")
    data = read_text(token.text).body
    root = PublicKey.from_bytes(shop.tracker._desk.ring.active("issuer").public, Algorithm.Ed25519)
    made = Biscuit.from_bytes(data, root)
    assert bytes(made.to_bytes()) == data
    assert made.block_count() == 3
    assert str(made.block_external_key(1)) == "ed25519/" + shop.key("boss").public.key.hex()


def test_link_signatures_and_proofs_are_kept_apart(shop: World) -> None:
    """A holder's signature over a link is no proof, and the other way round: their prefixes differ."""
    token, access = shop.chain("boss", "a"), Access("files.read", {"path": "/a"}, "x")
    proof = shop.key("a").prove(token, access, at=NOW)
    message = proof.rsplit(".", 1)[0].encode()
    assert not message.startswith(LINK_TAG)
    assert not (LINK_TAG + b"\x00").startswith(message[:4])


def test_a_panic_of_the_library_is_a_refusal_and_an_interrupt_is_not() -> None:
    """Panics are BaseExceptions that `except Exception` misses; real interrupts must pass."""
    panic = type("PanicException", (BaseException,), {})

    def fall(error: type[BaseException]) -> None:
        raise error

    assert biscuit._guarded(lambda: fall(panic)) is None
    assert biscuit._guarded(lambda: fall(ValueError)) is None
    with pytest.raises(KeyboardInterrupt):
        biscuit._guarded(lambda: fall(KeyboardInterrupt))
