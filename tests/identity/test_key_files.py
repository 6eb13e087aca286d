"""Key files, rings and what never leaves them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from cases import every
from world import ISSUER, NOW

from delegation import HolderKey, KeyRing, canonical, ed25519
from delegation.errors import KeyFileError, KeyRingError, MalformedError
from delegation.identity.keyring import PublicRing, RingKey
from delegation.identity.principal import PublicKey

KINDS = {
    "key": (HolderKey.load, lambda: HolderKey("boss", b"s" * 32)),
    "ring": (KeyRing.load, lambda: KeyRing.generate(ISSUER)),
}


def open_files() -> int:
    """Return how many files the process has open, 0 where the system does not tell."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


@pytest.fixture(params=KINDS)
def kind(request):
    """Return how to load and how to make one kind of key file."""
    return KINDS[request.param]


def test_a_key_file_is_its_owners_alone(kind, tmp_path: Path) -> None:
    """Files are made with mode 0600 whatever the umask, never overwritten, and come back equal."""
    load, make = kind
    file, made = tmp_path / "k.json", make()
    old = os.umask(0)
    try:
        made.save(file)
    finally:
        os.umask(old)
    assert file.stat().st_mode & 0o777 == 0o600
    loaded, again = load(file), tmp_path / "again.json"
    loaded.save(again)
    assert again.read_bytes() == file.read_bytes()
    with pytest.raises(KeyFileError):
        made.save(file)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o601, 0o610])
def test_a_file_that_others_reach_is_refused(kind, tmp_path: Path, mode: int) -> None:
    """Any bit for group or world refuses, and the error says how to mend it."""
    load, make = kind
    file = tmp_path / "k.json"
    make().save(file)
    file.chmod(mode)
    with pytest.raises(KeyFileError) as caught:
        load(file)
    assert caught.value.remedy == f"chmod 600 {file}"


def test_a_file_that_is_no_plain_file_is_refused(kind, tmp_path: Path) -> None:
    """Links, named pipes, folders and missing files are refused at once; a pipe is not waited for."""
    load, make = kind
    real, link, pipe = tmp_path / "k.json", tmp_path / "link", tmp_path / "pipe"
    make().save(real)
    link.symlink_to(real)
    os.mkfifo(pipe, 0o600)
    before = open_files()
    for file in (link, pipe, tmp_path, tmp_path / "missing"):
        with pytest.raises(KeyFileError):
            load(file)
    assert open_files() == before
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeyFileError):
        make().save(dangling)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    "content",
    ["", "[]", "null", "{}", '{"kind":"delegation holder key"}', "\udcff", "{" * 3000, " " * 70_000,
     '{"kind":"delegation holder key","name":["a"],"seed":"' + "A" * 43 + '"}',
     '{"kind":"delegation holder key","name":"a","seed":"' + "A" * 43 + '","more":1}',
     '{"kind":"delegation holder key","name":"a","name":"b","seed":"' + "A" * 43 + '"}'],
)  # fmt: skip
def test_what_is_no_key_file_says_nothing_of_its_content(kind, tmp_path: Path, content) -> None:
    """Odd content is one error, without any of it in message or traceback."""
    load, _ = kind
    file = tmp_path / "k.json"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    file.chmod(0o600)
    with pytest.raises(KeyFileError) as caught:
        load(file)
    assert caught.value.__cause__ is None
    assert "AAAA" not in str(caught.value)


def test_a_ring_refuses_keys_in_two_places() -> None:
    """One key in two roles or under two ids, and two keys under one id, are refused."""
    one = RingKey("issuer", 1, "active", 0, b"i" * 32)
    for other in (
        RingKey("statement", 2, "active", 0, b"i" * 32),
        RingKey("issuer", 2, "active", 0, b"i" * 32),
        RingKey("macaroon", 2, "active", 0, b"i" * 32),
        RingKey("issuer", 1, "active", 0, b"j" * 32),
    ):
        with pytest.raises(KeyRingError):
            KeyRing(ISSUER, [one, other])


@pytest.mark.parametrize(
    "fields",
    [{"role": "owner"}, {"state": "asleep"}, {"kid": 2**32}, {"kid": -1}, {"kid": True}, {"seed": b"short"}, {"not_after": -1}],
    ids=str,
)  # fmt: skip
def test_a_ring_key_of_another_form_is_refused(fields) -> None:
    """Unknown roles and states, ids beyond 32 bits and short secrets make no ring key."""
    given = {"role": "issuer", "kid": 1, "state": "active", "not_after": 0, "seed": b"i" * 32}
    with pytest.raises(MalformedError):
        RingKey(**{**given, **fields})


def test_a_rotated_ring_signs_with_the_new_key_and_believes_the_old_for_a_while() -> None:
    """Rotation keeps ids unique, retires the old key, and drops nothing."""
    ring = KeyRing.generate(ISSUER)
    old = ring.active("issuer")
    new = ring.rotated("issuer", at=NOW, keep=100)
    assert new.active("issuer").kid not in {k.kid for k in ring.keys}
    assert new.key("issuer", old.kid, at=NOW + 99) is not None
    assert new.key("issuer", old.kid, at=NOW + 100) is None
    assert new.active("statement") == ring.active("statement")
    gone = new.with_state("issuer", new.active("issuer").kid, "revoked")
    with pytest.raises(KeyRingError):
        gone.active("issuer")
    with pytest.raises(KeyRingError):
        ring.with_state("issuer", 99, "revoked")


def test_a_public_ring_has_no_secret_and_comes_back_equal() -> None:
    """No MAC key, no seed; JSON there and back is the same ring."""
    ring = KeyRing.generate(
        ISSUER, roles=("issuer", "statement", "macaroon", "approval", "service", "log")
    )
    public = ring.public_ring()
    text = json.dumps(public.to_json())
    assert PublicRing.from_json(json.loads(text)) == public
    assert {k.role for k in public.keys} == {"issuer", "statement", "approval", "service", "log"}
    assert all(canonical.b64u(k.seed) not in text for k in ring.keys)
    assert all(public.holds(k.public) == ring.is_ring_key(k.public) for k in ring.keys)


@every(
    "change",
    [{"role": "macaroon"}, {"role": "x"}, {"kid": 2**32}, {"state": "on"}, {"key": "AA"}, {"key": 1}, {"more": 1},
     {"key": canonical.b64u(b"\x01" + bytes(31))}, {"key": canonical.b64u(bytes(32))}],
    ids=str,
)  # fmt: skip
def test_a_public_ring_of_another_form_is_refused(change) -> None:
    """MAC keys, unknown words and keys that are no points make no public ring."""
    body = KeyRing.generate(ISSUER).public_ring().to_json()
    body["keys"][0].update(change)
    with pytest.raises(MalformedError):
        PublicRing.from_json(body)


@pytest.mark.parametrize(
    "change", [{"role": "log"}, {"kid": 9}], ids=["another role", "another id"]
)
def test_a_public_ring_refuses_one_key_twice(change) -> None:
    """A key listed again, in another role or under another id, refuses the whole ring."""
    body = KeyRing.generate(ISSUER).public_ring().to_json()
    body["keys"].append({**body["keys"][0], **change})
    with pytest.raises(MalformedError):
        PublicRing.from_json(body)


def test_a_key_outside_the_prime_subgroup_is_no_valid_point() -> None:
    """A good key plus a point of small order passes the table, and not the full check."""
    from nacl import bindings

    torsion = (2**255 - 20).to_bytes(32, "little")  # (0, -1), of order two
    mixed = bindings.crypto_core_ed25519_add(ed25519.public_of(b"k" * 32), torsion)
    assert ed25519.is_usable_encoding(mixed)
    assert not ed25519.is_valid_point(mixed)
    body = KeyRing.generate(ISSUER).public_ring().to_json()
    body["keys"][0]["key"] = canonical.b64u(mixed)
    with pytest.raises(MalformedError):
        PublicRing.from_json(body)


@every("name", ["", "é" * 81, "a" * 2049, "a\nb", "a\x00", "\ud800", 7, None])
def test_a_holder_needs_a_name_of_plain_text(name) -> None:
    """Control characters, surrogates and other types name nobody."""
    with pytest.raises(MalformedError):
        PublicKey(name, ed25519.public_of(b"k" * 32))


def test_a_public_key_has_one_text() -> None:
    """The text comes back, and another spelling of the same bytes does not."""
    key = HolderKey("boss", b"s" * 32).public
    assert PublicKey.from_text("boss", key.text) == key
    for text in (
        key.text + "=",
        key.text.upper(),
        key.text[8:],
        " " + key.text,
        key.text[:-1] + chr(ord(key.text[-1]) + 1),
    ):
        with pytest.raises(MalformedError):
            PublicKey.from_text("boss", text)
