"""In process: warm checks against one signature, cold chains against the library, bytes.

All by the thread's own processor time, signatures and Python apart.
"""

from __future__ import annotations

import base64
import itertools
import secrets
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import nacl.bindings
from biscuit_auth import Algorithm, Biscuit, PublicKey

from bench.measure import Timed, timed
from bench.row import Row, bounded, compared, rounded
from bench.scene import ACCESS, ISSUER, Held, chain, now, open_scene
from delegation import ed25519
from delegation.commands.check import Prepared, prepare
from delegation.tokens import biscuit
from delegation.tokens.prefix_cache import PrefixCache
from delegation.tokens.verifier import verify_token
from delegation.tracker import Tracker

FORMATS = ("biscuit", "macaroon")
WARM = dict.fromkeys((1, 2, 4, 16), "<= 1.7")
COLD = (1, 4, 8, 16)
COLD_WHAT = "cold chain, steps 1 to 5"
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
        subjects, sizes, signatures = {FLOOR: one_verification()}, {}, {}
        for depth, token_format in itertools.product(WARM, FORMATS):
            held = chain(tracker, task, depth, token_format)
            name = f"{token_format} {depth}"
            subjects[name], sizes[name] = warm_check(tracker, held), len(held.token.text)
            signatures[name] = Signatures(subjects[name])
            subjects[f"{name}, metered"] = signatures[name]
        taken = timed(subjects, rounds=rounds, calls=5)
    row, floor = Row("in_process", "warm check, steps 1 to 9, proof included", FLOOR), taken[FLOOR]
    rows = [replace(row, median_us=rounded(floor.us), share=rounded(floor.share))]
    for (depth, reach), token_format in itertools.product(WARM.items(), FORMATS):
        name = f"{token_format} {depth}"
        own = replace(row, subject=token_format, depth=depth, bytes=sizes[name])
        own = _apart(own, taken[name].us, signatures[name])
        rows.append(compared(own, FLOOR, taken[name].us / floor.us, share=floor.share, reach=reach))
    return rows


def _apart(row: Row, us: float, signatures: Signatures, library: float = 0.0) -> Row:
    """Return the row with its time, and that of signatures and of Python apart.

    Args:
        row: What was timed.
        us: Microseconds of the whole.
        signatures: Of the same calls.
        library: Microseconds of signatures that are not ours to meter.
    """
    signed = signatures.median_us() + library
    return replace(
        row, median_us=rounded(us), signature_us=rounded(signed), python_us=rounded(us - signed)
    )


class Signatures:
    """A call whose verified signatures are metered."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self._taken: list[int] = []

    def __call__(self) -> object:
        """Make the call."""
        verify, taken = ed25519.verify, 0

        def metered(public: bytes, message: bytes, signature: bytes) -> bool:
            nonlocal taken
            begun = time.thread_time_ns()
            found = verify(public, message, signature)
            taken += time.thread_time_ns() - begun
            return found

        ed25519.verify = metered
        try:
            return self._call()
        finally:
            ed25519.verify = verify
            self._taken.append(taken)

    def median_us(self) -> float:
        """Return the microseconds of all signatures of one call."""
        return statistics.median(self._taken) / 1000


def warm_check(tracker: Tracker, held: Held) -> Callable[[], object]:
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
            subjects = {floor: lambda turn=turn: Biscuit.from_bytes(next(turn), public)}
            subjects |= {f: _cold_check(tracker, held[f]) for f in FORMATS}
            signatures = {f: Signatures(_cold_check(tracker, held[f])) for f in FORMATS}
            subjects |= {f"{f}, metered": one for f, one in signatures.items()}
            size = {f: len(held[f][0].token.text) for f in FORMATS}
            rows += _cold_rows(depth, floor, timed(subjects, rounds=rounds), signatures, size)
    return rows


def _cold_rows(
    depth: int, floor: str, taken: Mapping[str, Timed], signatures: Mapping[str, Signatures], size: Mapping[str, int]
) -> list[Row]:  # fmt: skip
    row, base, ours = (
        Row("in_process", COLD_WHAT, floor, depth=depth),
        taken[floor],
        taken["biscuit"],
    )
    biscuit_row = replace(row, subject="biscuit", bytes=size["biscuit"])
    biscuit_row = _apart(biscuit_row, ours.us, signatures["biscuit"], base.us)
    macaroon = replace(row, subject="macaroon", bytes=size["macaroon"])
    text = replace(macaroon, what="length of the token's text", floor="biscuit")
    text = replace(text, ratio_to_floor=rounded(size["macaroon"] / size["biscuit"]))
    long = depth >= 4
    return [
        replace(row, median_us=rounded(base.us), share=rounded(base.share)),
        compared(
            biscuit_row, floor, ours.us / base.us, share=base.share, reach="<= 1.8" if long else None
        ),
        compared(
            _apart(macaroon, taken["macaroon"].us, signatures["macaroon"]), "biscuit", taken["macaroon"].us / ours.us,
            share=ours.share, reach="<= 1.1",
        ),
        bounded(text, "<= 0.9") if long else text,
    ]  # fmt: skip


def _padded(text: str) -> str:
    return text + "=" * (-len(text) % 4)


def _cold_check(tracker: Tracker, held: list[Held]) -> Callable[[], object]:
    turn, ring = itertools.cycle([h.token.text for h in held]), tracker._desk.ring

    def call() -> object:
        found = verify_token(next(turn), ring, PrefixCache())
        return found.chain

    return call
