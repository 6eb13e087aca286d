"""A target of one reading: what is accepted, every other reader sees alike."""

from __future__ import annotations

import posixpath
from urllib.parse import parse_qsl, unquote

from cases import every
from hypothesis import given, settings
from hypothesis import strategies as st

from delegation.authority.refusal import Refusal
from delegation.integrations.target import Target, read_target


@every(
    ("raw", "segments", "query"),
    [
        ("/", ("",), {}), ("/a", ("a",), {}), ("/a/", ("a", ""), {}), ("/a@b.c/x:y", ("a@b.c", "x:y"), {}), ("/a%40b", ("a@b",), {}),
        ("/%C3%A4%20b", ("ä b",), {}), ("/a?b=c", ("a",), {"b": "c"}), ("/a?b=", ("a",), {"b": ""}), ("/a?b=%2Fc%2Fd&e=%20", ("a",), {"b": "/c/d", "e": " "}),
        ("/a?b=/c?d", ("a",), {"b": "/c?d"}), ("/...", ("...",), {}), ("/a?b=%26c%3D1", ("a",), {"b": "&c=1"}),
    ],
)  # fmt: skip
def test_a_plain_target_is_decoded_once(raw: str, segments, query) -> None:
    """What has one reading is read."""
    assert read_target(raw) == Target(segments, query)


PARTS = st.sampled_from(
    ["/", "//", ".", "..", "a", "B", "~", ";", "\\", "%", "%2e", "%2E", "%2F", "%5C", "%25", "%20", "%40", "@", "%C3%A4", "%c3", "%00", "+",
     "%2B", "?", "&", "=", "#", " ", "a=b", "%26", "%3D", "\u00e4", "\n"]
)  # fmt: skip


@settings(max_examples=2000)
@given(st.lists(PARTS, max_size=8).map(lambda parts: "/" + "".join(parts)))
def test_other_readers_see_what_we_see(raw: str) -> None:
    """Decoding once, decoding twice, resolving, splitting the query: an accepted target stays the same."""
    found = read_target(raw)
    if isinstance(found, Refusal):
        return
    path, _, query = raw.partition("?")
    decoded = unquote(path, errors="strict")
    assert decoded == "/" + "/".join(found.segments)
    assert unquote(decoded) == decoded
    assert posixpath.normpath(decoded) == (decoded.rstrip("/") or "/")
    assert not set(decoded) & set("\\;%")
    assert all(ord(letter) >= 0x20 for letter in raw)
    assert parse_qsl(query, keep_blank_values=True, errors="strict") == list(found.query.items())
