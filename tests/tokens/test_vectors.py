"""The public conformance vectors of both libraries, and our own strict readers on them."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from biscuit_auth import (
    AuthorizationError,
    AuthorizerBuilder,
    Biscuit,
    BiscuitValidationError,
    PublicKey,
)
from pymacaroons import Macaroon, Verifier

from delegation import Grant, HolderKey, anything, email, may
from delegation.authority.chain import Origin, link_id, root_payload
from delegation.authority.ids import TaskId
from delegation.errors import MalformedError
from delegation.tokens import biscuit_wire, macaroon


def test_the_biscuit_library_agrees_with_its_samples(data_dir: Callable[[str], Path]) -> None:
    """All 38 tokens and 50 validations come out as the specification's samples say."""
    folder = data_dir("vectors") / "biscuit"
    found = json.loads((folder / "samples.json").read_text())
    root = PublicKey("ed25519/" + found["root_public_key"])
    cases = [(t["filename"], v) for t in found["testcases"] for v in t["validations"].values()]
    assert len(cases) == 50
    for name, case in cases:
        want, raw = case["result"], (folder / name).read_bytes()
        with pytest.raises(MalformedError):  # our own profile refuses them all, by design
            biscuit_wire.read(raw)
        if "Format" in want.get("Err", ()):
            with pytest.raises(BiscuitValidationError):
                Biscuit.from_bytes(raw, root)
            continue
        token = Biscuit.from_bytes(raw, root)
        assert list(token.revocation_ids) == case["revocation_ids"], name
        builder = AuthorizerBuilder(case["authorizer_code"])
        limits = builder.limits()
        limits.max_time = dt.timedelta(seconds=5)
        builder.set_limits(limits)
        builder.register_extern_func(
            "test",
            lambda a, b=None: (
                a if b is None else ("equal strings" if a == b else "different strings")
            ),
        )
        try:
            got = {"Ok": builder.build(token).authorize()}
        except (AuthorizationError, BiscuitValidationError):
            got = None
        assert got == (want if "Ok" in want else None), name


def test_the_macaroon_library_agrees_with_libmacaroons(data_dir: Callable[[str], Path]) -> None:
    """All 16 verification cases come out as they are marked."""
    files = sorted((data_dir("vectors") / "macaroon" / "libmacaroons").glob("*.vtest"))
    assert len(files) == 16
    for file in files:
        lines = [
            line.strip()
            for line in file.read_text().splitlines()
            if line.strip() and not line.startswith("#")
        ]
        verdict, key = lines[1], lines[2].removeprefix("key ")
        exact = [line.removeprefix("exact ") for line in lines[3:] if line.startswith("exact ")]
        texts = [line for line in lines[3:] if not line.startswith("exact ")]
        made = []
        for text in texts:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            made.append(Macaroon.deserialize(text if raw[0] == 2 else raw.decode()))
        verifier = Verifier()
        for one in exact:
            verifier.satisfy_exact(one)
        try:
            done = verifier.verify(made[0], key, made[1:])
        except Exception:  # noqa: BLE001  # the library's own refusals, of any class
            done = False
        assert done is (verdict == "authorized"), file.name


def frozen() -> tuple[bytes, bytes]:
    """Make the root payload and macaroon of fixed inputs."""
    grant = Grant(
        [may("mail.send", to=email("acme.example"), body=anything())], effects=["write"], max_sensitivity=1, audience=["mail"], purpose="support",
        not_before=1, expires_at=2, delegations_left=3, budget={"calls": 4}, needs_approval=[], flow=[],
    )  # fmt: skip
    origin = Origin("https://authority.acme.example", TaskId("tsk_" + "a" * 22), None, 17)
    key = HolderKey("plänner", bytes(range(32)))
    payload = root_payload(
        origin, holder_key=key.public.key, holder_name=key.name, grant=grant, salt=b"s" * 16
    )
    made = macaroon.mint(
        payload,
        macaroon.Identifier(origin.issuer, 1, 2),
        mac_key=b"m" * 32,
        statement_seed=b"i" * 32,
    )
    return payload, made


def test_the_format_is_frozen() -> None:
    """The same inputs give the same bytes for ever; a change here is another version of the format."""
    payload, made = frozen()
    assert link_id(payload) == "lnk_3ly13Td5rPRLmwp7rYd57zHZLj5984xBWEgBsTW03VA"
    assert (
        hashlib.sha256(made).hexdigest()
        == "fb644b0c6d363e7fcdf0d9336861138f6237edd102259075e2673e0cb670b74e"
    )
    block = biscuit_wire.block_of(payload, third_party=True)
    assert (
        hashlib.sha256(block).hexdigest()
        == "1c0d40462195024da36a782cdf228a5768627fd78befc89cdae12b02ff83e0cd"
    )
