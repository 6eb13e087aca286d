"""Caveats for outside authorities: sealed, discharged, bound, and refused in every other way."""

from __future__ import annotations

import pytest
from nacl.public import PrivateKey
from world import ISSUER, NOW, World, verdict

from delegation import Token
from delegation.canonical import b64u
from delegation.errors import MalformedError, UnverifiedError
from delegation.identity.proof import make_proof
from delegation.tokens.third_party import (
    condition_of,
    discharge_caveat,
    third_party_caveat,
)

BANK, POLICE = PrivateKey(b"b" * 32), PrivateKey(b"p" * 32)  # fixed: their keys name tests


def sent(shop: World, text: str) -> tuple[int, str] | None:
    """Send a token's text with a proof that covers it, whatever is in it."""
    access = shop.access()
    proof = make_proof(shop.key("a").secret_seed(), text, access, issuer=ISSUER, at=NOW)
    return verdict(shop.tracker.check(text, proof, access))


def guarded(token: Token, *authorities: PrivateKey) -> tuple[Token, list[bytes]]:
    """Return a token with a caveat for each authority, and its unbound discharges in order."""
    given = []
    for number, authority in enumerate(authorities):
        caveat = third_party_caveat(bytes(authority.public_key), f"condition {number}")
        token = token.with_third_party_caveat(key=caveat.key, caveat_id=caveat.caveat_id)
        given.append(discharge_caveat(bytes(authority), caveat.caveat_id, before=NOW + 60))
    return token, given


def test_a_caveat_is_opened_by_its_authority_alone() -> None:
    """Nobody else reads the condition or the key, nor does the id say who asked."""
    caveat = third_party_caveat(bytes(BANK.public_key), "über 100 €")
    assert condition_of(bytes(BANK), caveat.caveat_id) == "über 100 €"
    assert b64u(caveat.key) not in f"{caveat!r}{caveat.caveat_id!r}"
    for deed in (condition_of, lambda s, c: discharge_caveat(s, c, before=NOW)):
        with pytest.raises(UnverifiedError) as caught:
            deed(bytes(POLICE), caveat.caveat_id)
        assert caught.value.reason == "caveat_not_ours"
    again = third_party_caveat(bytes(BANK.public_key), "über 100 €")
    assert again.key != caveat.key
    assert again.caveat_id != caveat.caveat_id


@pytest.mark.parametrize(
    "odd",
    [
        b"",
        b"bank",
        b"dct-caveat-v1.",
        b"dct-caveat-v1.\xff",
        b"dct-caveat-v1.AB=",
        b"dct-caveat-v1." + b"A" * 2000,
    ],
)
def test_an_id_of_another_form_is_refused(odd: bytes) -> None:
    """Neither a fault of the library nor an empty box comes out."""
    with pytest.raises((MalformedError, UnverifiedError)):
        condition_of(bytes(BANK), odd)


@pytest.mark.parametrize(
    ("authority", "condition"),
    [
        (b"", "x"),
        (b"x" * 31, "x"),
        (bytes(BANK.public_key), ""),
        (bytes(BANK.public_key), "a\nb"),
        (bytes(BANK.public_key), "x" * 301),
    ],
)
def test_a_caveat_of_another_form_is_not_made(authority: bytes, condition: str) -> None:
    """The longest condition fits into the id, and what does not is refused."""
    with pytest.raises(MalformedError):
        third_party_caveat(authority, condition)
    fits = third_party_caveat(bytes(BANK.public_key), "é" * 300)
    assert condition_of(bytes(BANK), fits.caveat_id) == "é" * 300


def test_what_is_sealed_in_another_form_is_refused() -> None:
    """Anybody can seal anything for an authority."""
    from nacl.public import SealedBox

    key = b64u(b"k" * 32)
    for inside in (b"", b"{}", b"x", b'{"condition":"a","key":"AA","v":1}', f'{{"condition":"a","key":"{key}","v":2}}'.encode(),
                   f'{{"condition":"","key":"{key}","v":1}}'.encode(), f'{{"v":1,"condition":"a","key":"{key}"}}'.encode()):  # fmt: skip
        sealed = b"dct-caveat-v1." + b64u(SealedBox(BANK.public_key).encrypt(inside)).encode()
        with pytest.raises(MalformedError):
            condition_of(bytes(BANK), sealed)


def test_each_caveat_needs_its_own_bound_fresh_discharge_in_order(shop: World) -> None:
    """Missing, foreign, expired, unbound, reordered: refused at step 3, whoever proves it."""
    token, (one, two) = guarded(shop.chain("boss", "a", format="macaroon"), BANK, POLICE)
    assert shop.check(token.with_discharges([one, two]), "a").allowed
    _, (foreign, _) = guarded(token, BANK, POLICE)
    bound = token.with_discharges([one, two]).text
    unbound = ".".join([token.text, b64u(one), b64u(two)])
    first, second = bound.split(".")[3:]
    reordered = ".".join([*bound.split(".")[:3], second, first])
    cases = {
        "none": (token.text, "discharge_mismatch"),
        "one of two": (token.with_discharges([one]).text, "discharge_mismatch"),
        "one twice": (token.with_discharges([one, one]).text, "discharge_mismatch"),
        "reordered before binding": (token.with_discharges([two, one]).text, "discharge_mismatch"),
        "reordered after binding": (reordered, "discharge_mismatch"),
        "of another caveat": (token.with_discharges([foreign, two]).text, "discharge_mismatch"),
        "unbound": (unbound, "container_signature"),
    }
    for name, (text, code) in cases.items():
        assert sent(shop, text) == (3, code), name


def test_a_discharge_ends_when_its_authority_said(world: World) -> None:
    """To the second, however fresh the proof; the proof covers the discharges too."""
    token, given = guarded(world.chain("boss", "a", format="macaroon"), BANK)
    bound = token.with_discharges(given)
    world.at = NOW + 59
    assert world.check(bound, "a").allowed
    access = world.access()
    proof = world.key("a").prove(token, access, at=world.at)
    denied = world.tracker.check(bound, proof, access)
    assert verdict(denied) == (6, "proof_other_token")
    world.at = NOW + 60
    assert verdict(world.check(bound, "a")) == (3, "discharge_expired")


def test_eight_discharges_serve_and_a_ninth_never(shop: World) -> None:
    """The bound is met before any cryptography."""
    token, given = guarded(shop.chain("boss", "a", format="macaroon"), *[BANK] * 8)
    assert shop.check(token.with_discharges(given), "a").allowed
    ninth, more = guarded(token, BANK)
    whole = ".".join([ninth.text, *map(b64u, [*given, *more])])
    assert sent(shop, whole) == (1, "token_malformed")
    short = ".".join([ninth.text, *map(b64u, given)])
    assert sent(shop, short) == (3, "discharge_mismatch")


def test_a_caveat_only_subtracts(shop: World) -> None:
    """A discharged token allows what it allowed before, and no more."""
    token, given = guarded(shop.chain("boss", "a", format="macaroon"), BANK)
    denied = shop.check(
        token.with_discharges(given), "a", shop.access("ops.restart", host="h.acme.example")
    )
    assert verdict(denied) == (8, "effect_not_granted")
    with pytest.raises(MalformedError):
        shop.chain("boss", "a").with_third_party_caveat(key=b"k" * 32, caveat_id=b"x")
