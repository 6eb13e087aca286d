"""Checkpoints and tiles: one thing has one text, and what is read is written back byte for byte."""

from __future__ import annotations

import base64
import contextlib

import pytest
from cases import every
from hypothesis import example, given
from hypothesis import strategies as st

from delegation import ed25519
from delegation.errors import MalformedError
from delegation.transparency.checkpoint import (
    Checkpoint,
    LogKey,
    Signature,
    origin_of,
    read_checkpoint,
    sign_checkpoint,
)
from delegation.transparency.tile import (
    ENTRIES,
    Tile,
    parse_path,
    read_entries,
    read_hashes,
    tiles_of,
    width_at,
    write_entries,
)

SEED = bytes(range(32))
ORIGIN = "authority.acme.example/log"
KEY = LogKey(ORIGIN, ed25519.public_of(SEED))
SIGNED = sign_checkpoint(ORIGIN, 20852163, bytes(32), SEED)
TEXT = SIGNED.text
ROOT = base64.b64encode(bytes(32)).decode()
SIGNATURE = TEXT.splitlines()[-1]

BAD = {
    "a leading zero": TEXT.replace("20852163", "020852163"),
    "a sign": TEXT.replace("20852163", "+20852163"),
    "another digit": TEXT.replace("20852163", "2085216\u0663"),
    "no size": TEXT.replace("20852163", ""),
    "stray low bits in the root": TEXT.replace(ROOT, ROOT[:-2] + "B="),
    "a short root": TEXT.replace(ROOT, "AAAA"),
    "padding left out": TEXT.replace(ROOT, ROOT.rstrip("=")),
    "carriage returns": TEXT.replace("\n", "\r\n"),
    "a line in front": "\n" + TEXT,
    "text behind": TEXT + "x",
    "no last line end": TEXT[:-1],
    "no signature": TEXT.partition("\n\n")[0] + "\n\n",
    "no empty line": TEXT.replace("\n\n", "\n"),
    "a hyphen for the dash": TEXT.replace("\u2014", "-"),
    "two spaces": TEXT.replace("\u2014 ", "\u2014  "),
    "a signature of a key id alone": TEXT.replace(SIGNATURE, f"\u2014 {ORIGIN} AAAAAA=="),
    "a space in the origin": TEXT.replace(ORIGIN, "a b"),
    "nothing": "",
    "too long": TEXT + SIGNATURE * 200,
    "an empty line in the body": TEXT.replace("\n\n", "\n\n\n"),
    "a tab in a further line": TEXT.replace("\n\n", "\na\tb\n\n"),
}


@every("text", BAD.values(), ids=BAD)
def test_a_checkpoint_has_one_spelling(text: str) -> None:
    """Whatever differs from the one text of a head is refused, though others might read it."""
    with pytest.raises(MalformedError):
        read_checkpoint(text)


@given(text=st.text() | st.from_regex(r"[ab]{1,3}\n[0-9]{1,4}\n[A-Za-z0-9+/=]{44}\n\n.{0,40}\n"))
@example(text=TEXT)
@example(text=TEXT.replace("\n\n", "\nanother log's line\n\n"))
def test_what_is_read_is_written_back(text: str) -> None:
    """For every text: it is refused, or formatting what was read gives the very text."""
    with contextlib.suppress(MalformedError):
        assert read_checkpoint(text).text == text


@given(size=st.integers(0, 2**53 - 1), root=st.binary(min_size=32, max_size=32))
def test_what_is_signed_is_read_and_verifies(size: int, root: bytes) -> None:
    """A signed head comes back equal, verifies under its key, and no other size or root does."""
    made = sign_checkpoint(ORIGIN, size, root, SEED)
    found = read_checkpoint(made.text)
    assert found == made
    assert found.is_signed_by([KEY])
    other = made.text.replace(f"\n{size}\n", f"\n{size ^ 1}\n", 1)
    assert not read_checkpoint(other).is_signed_by([KEY])


def test_a_key_of_another_name_signs_nothing_here() -> None:
    """A checkpoint of one log is not another's, though the same key made both."""
    elsewhere = sign_checkpoint("other.example/log", 1, bytes(32), SEED)
    shown = read_checkpoint(elsewhere.text.replace("other.example/log\n", f"{ORIGIN}\n", 1))
    assert shown.origin == ORIGIN
    assert not shown.is_signed_by([KEY, LogKey("other.example/log", KEY.key)])
    assert not SIGNED.is_signed_by([])
    # The right bytes, signed under another name: a key is trusted for its own log only.
    other = LogKey("other.example/log", KEY.key)
    data = ed25519.sign(SEED, SIGNED.body.encode())
    lent = Checkpoint(ORIGIN, SIGNED.size, SIGNED.root, (Signature(other.name, other.id, data),))
    assert not lent.is_signed_by([other, KEY])
    renamed = Checkpoint(ORIGIN, SIGNED.size, SIGNED.root, (Signature(ORIGIN, other.id, data),))
    assert not renamed.is_signed_by([other, KEY])


def test_a_log_key_has_one_text_and_its_own_id() -> None:
    """name+id+key comes back; another id, type or name is refused."""
    assert LogKey.from_text(KEY.text) == KEY
    for text in (
        KEY.text.replace("+", " "),
        KEY.text.replace(KEY.id.hex(), "00000000"),
        KEY.text + "A",
        f"a b+{KEY.id.hex()}+AQ==",
        f"{ORIGIN}+{KEY.id.hex()}+" + base64.b64encode(b"\x04" + KEY.key).decode(),
    ):
        with pytest.raises(MalformedError):
            LogKey.from_text(text)
    with pytest.raises(MalformedError):
        LogKey(ORIGIN, bytes(32))


def test_a_log_is_named_by_its_issuer_and_its_number() -> None:
    """A restart has another name, so that its checkpoints are not taken for the old log's."""
    assert origin_of("https://authority.acme.example/", 1) == ORIGIN
    assert origin_of("https://authority.acme.example", 2) == f"{ORIGIN}/2"
    assert origin_of("http://a+b:1", 1) == "a%2Bb:1/log"


PATHS = {
    Tile(0, 0): "tile/0/000",
    Tile(0, 273, 112): "tile/0/273.p/112",
    Tile(1, 1234067, 1): "tile/1/x001/x234/067.p/1",
    Tile(ENTRIES, 999): "tile/entries/999",
    Tile(ENTRIES, 1000): "tile/entries/x001/000",
    Tile(2, 10**6): "tile/2/x001/x000/000",
}


def test_tiles_have_the_paths_of_the_specification() -> None:
    """Beyond 999, too; and each path is read back."""
    for tile, path in PATHS.items():
        assert tile.path == path
        assert parse_path(path) == tile


@every(
    "path",
    ["", "tile/0/0", "tile/00/000", "tile/0/x000/000", "tile/0/000.p/0", "tile/0/000.p/256",
     "tile/0/000.p/012", "tile/9/000", "tile/0/../../checkpoint", "tile/entries/000/", "tile/-1/000",
     "tile/0/x001/x000", "tile/0/\u0661\u0661\u0661", "tile/data/000", "/tile/0/000"],
)  # fmt: skip
def test_another_path_names_no_tile(path: str) -> None:
    """A tile has one path: no leading zeros, no way out of the folder."""
    with pytest.raises(MalformedError):
        parse_path(path)


@given(size=st.integers(0, 70_000), since=st.integers(0, 70_000))
def test_the_tiles_since_then_and_before_make_the_log(size: int, since: int) -> None:
    """Writing what is new after every step leaves exactly the tiles of the whole."""
    since = min(since, size)
    written = [*tiles_of(since), *tiles_of(size, since=since)]
    newest = {(tile.level, tile.index): tile for tile in written}
    assert set(newest.values()) == set(tiles_of(size))
    assert all(tile.width == width_at(tile, size) for tile in newest.values())


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=20))
def test_entry_bundles_come_back(entries: list[bytes]) -> None:
    """Entries are read as they were written; another count or a cut end is refused."""
    data = write_entries(entries)
    assert read_entries(Tile(ENTRIES, 0, len(entries)), data) == entries
    for tile, bad in ((Tile(ENTRIES, 0, 256), data), (Tile(ENTRIES, 0, len(entries)), data[:-1])):
        with pytest.raises(MalformedError):
            read_entries(tile, bad)
    with pytest.raises(MalformedError):
        read_hashes(Tile(0, 0, 2), bytes(65))
    with pytest.raises(MalformedError):
        write_entries([bytes(2**16)])
