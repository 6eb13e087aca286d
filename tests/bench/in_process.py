"""In process: warm checks against one signature, cold chains against the library, bytes."""

from __future__ import annotations

import base64
import itertools
import secrets
from collections.abc import Callable

import nacl.bindings
from biscuit_auth import Algorithm, Biscuit, PublicKey

from bench.measure import medians
from bench.row import Row, is_met, rounded
from bench.scene import ACCESS, ISSUER, Held, chain, now, open_scene
from delegation.commands.check import Prepared, prepare
from delegation.tokens import biscuit
from delegation.tokens.prefix_cache import PrefixCache
from delegation.tokens.verifier import verify_token
from delegation.tracker import Tracker

FORMATS = ("biscuit", "macaroon")
WARM = {1: "<= 2.0", 2: "<= 2.0", 4: "<= 2.0", 16: "<= 2.5"}
COLD = (1, 4, 8, 16)
FLOOR = "one PyNaCl Ed25519 verification"


def one_verification() -> Callable[[], object]:
    """Return a call that verifies one signature of a message as long as a proof's."""
    public, secret = nacl.bindings.crypto_sign_keypair()
    message = secrets.token_bytes(400)
    signed = nacl.bindings.crypto_sign(message, secret)
    return lambda: nacl.bindings.crypto_sign_open(signed, public)


def warm(rounds: int) -> list[Row]:
    """Return rows of checks at steps 1 to 9 whose chain was seen before, beside one signature."""
    with Tracker.open(issuer=ISSUER) as tracker:
        task = open_scene(tracker)
        subjects = {FLOOR: one_verification()}
        sizes: dict[str, int] = {}
        for depth, token_format in itertools.product(WARM, FORMATS):
            held = chain(tracker, task, depth, token_format)
            name = f"{token_format} {depth}"
            subjects[name], sizes[name] = _warm_check(tracker, held), len(held.token.text)
        taken = medians(subjects, rounds=rounds, calls=5)
    rows = [
        Row(
            "in_process",
            "warm check, steps 1 to 9, proof included",
            FLOOR,
            median_us=rounded(taken[FLOOR]),
        )
    ]
    for (depth, reach), token_format in itertools.product(WARM.items(), FORMATS):
        name = f"{token_format} {depth}"
        ratio = rounded(taken[name] / taken[FLOOR])
        rows.append(
            Row(
                "in_process", "warm check, steps 1 to 9, proof included", token_format,
                depth=depth, median_us=rounded(taken[name]), bytes=sizes[name], floor=FLOOR,
                ratio_to_floor=ratio, reach=reach, met=is_met(reach, ratio),
            )
        )  # fmt: skip
    return rows


def _warm_check(tracker: Tracker, held: Held) -> Callable[[], object]:
    """Return a check of one call as the service makes it: text, proof and access as they came."""
    proof, access, catalogue = held.prove(), ACCESS.to_json(), tracker.known_catalogue()
    desk, at, text = tracker._desk, now(), held.token.text

    def call() -> object:
        found = prepare(desk, text, proof, access, catalogue=catalogue, at=at)
        if not isinstance(found, Prepared):
            raise TypeError(found.code)
        return found

    call()
    return call


def cold(rounds: int) -> list[Row]:
    """Return rows of chains that nothing is known of, without proof."""
    with Tracker.open(issuer=ISSUER) as tracker:
        task = open_scene(tracker)
        [root] = [key.key for key in tracker.public_ring().keys if key.role == biscuit.ROLE]
        public = PublicKey.from_bytes(root, Algorithm.Ed25519)
        rows: list[Row] = []
        for depth in COLD:
            # Several chains, so that no parsed part is met twice in a row.
            held = {f: [chain(tracker, task, depth, f) for _ in range(8)] for f in FORMATS}
            raw = [base64.urlsafe_b64decode(_padded(h.token.text[7:])) for h in held["biscuit"]]
            turn = itertools.cycle(raw)
            floor = f"Biscuit.from_bytes, {depth} blocks"
            taken = medians(
                {
                    floor: lambda turn=turn: Biscuit.from_bytes(next(turn), public),
                    **{f: _cold_check(tracker, held[f]) for f in FORMATS},
                },
                rounds=rounds,
            )
            what = "cold chain, steps 1 to 5"
            rows.append(
                Row("in_process", what, floor, depth=depth, median_us=rounded(taken[floor]))
            )
            size = {f: len(held[f][0].token.text) for f in FORMATS}
            ratio = rounded(taken["biscuit"] / taken[floor])
            reach = "<= 1.5" if depth >= 4 else None
            rows.append(
                Row(
                    "in_process", what, "biscuit", depth=depth, median_us=rounded(taken["biscuit"]),
                    bytes=size["biscuit"], floor=floor, ratio_to_floor=ratio, reach=reach,
                    met=None if reach is None else is_met(reach, ratio),
                )
            )  # fmt: skip
            ratio = rounded(taken["macaroon"] / taken["biscuit"])
            reach = "<= 1.1"
            rows.append(
                Row(
                    "in_process", what, "macaroon", depth=depth, median_us=rounded(taken["macaroon"]),
                    bytes=size["macaroon"], floor="biscuit", ratio_to_floor=ratio, reach=reach,
                    met=is_met(reach, ratio),
                )
            )  # fmt: skip
            ratio = rounded(size["macaroon"] / size["biscuit"])
            reach = "<= 0.9" if depth >= 4 else None
            rows.append(
                Row(
                    "in_process", "length of the token's text", "macaroon", depth=depth,
                    bytes=size["macaroon"], floor="biscuit", ratio_to_floor=ratio, reach=reach,
                    met=None if reach is None else is_met(reach, ratio),
                )
            )  # fmt: skip
    return rows


def _padded(text: str) -> str:
    return text + "=" * (-len(text) % 4)


def _cold_check(tracker: Tracker, held: list[Held]) -> Callable[[], object]:
    turn, ring = itertools.cycle([h.token.text for h in held]), tracker._desk.ring

    def call() -> object:
        found = verify_token(next(turn), ring, PrefixCache())
        return found.chain

    return call
