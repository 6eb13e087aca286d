"""Guises: whatever ASCII character a type refuses at a place is refused there in every guise.

A guise is a character whose NFKC, or whose best fit on a Windows code page, is that character; both
are taken from the published data here, not from the product's tables. What is kept is listed there.
"""

from __future__ import annotations

from functools import cache
from urllib.parse import quote

import pytest
import unicode_tables as published
from cases import every
from value_edges import admitted

from delegation import glob, not_below
from delegation import path as path_under
from delegation.lookalikes import KEPT

ASCII = [chr(point) for point in (0x0A, *range(0x20, 0x7F)) if not chr(point).isalnum()]
PLACES = ["{}", "{}x", "x{}", "a{}b", "..{}", "..{}x", ".{}./x", "a/{}/b", "a/.{}", "a/x{}/b", "a/{}x/b",
          ".{}.]/x", ".[.{}/x", "{}a,..}}", "{{a{}..}}", "{{a,..{}", "a{}b:c", "C{}x", "x.{}"]  # fmt: skip
TEXTS = {
    "glob of the rest": (glob("data/**"), "data/{}"),
    "glob of each": (glob("*/*"), "{}"),
    "glob of the last": (glob("data/*"), "data/{}"),
}


@cache
def guises(character: str) -> tuple[str, ...]:
    """Return the characters beyond ASCII that NFKC or some page makes this one, less those kept."""
    alike = {p for p, form in published.compatibility_forms().items() if form == character}
    fits = published.best_fits(character)
    return tuple(c for c in map(chr, sorted(alike | fits)) if c not in KEPT)


def admits(kind: str, text: str) -> bool:
    """Return whether the type, or the glob over text, takes this at the end of what it demands."""
    if kind in TEXTS:
        constraint, form = TEXTS[kind]
        value = admitted("text", form.format(text))
        return value is not None and constraint.admits(value)
    forms = {"path": "/data/{}", "opaque": "{}", "email": "{}@acme.example"}
    return admitted(kind, forms[kind].format(text)) is not None


@pytest.mark.parametrize("kind", ["path", "opaque", "email", *TEXTS])
def test_what_is_refused_in_ascii_is_refused_in_every_guise(kind: str) -> None:
    """Separators, wildcards, braces, brackets, quotes, signs, spaces and line ends, at odd places."""
    asked, taken = 0, []
    for place in PLACES:
        for character in ASCII:
            if admits(kind, place.format(character)):
                continue
            for guise in guises(character):
                asked += 1
                if admits(kind, place.format(guise)):
                    taken.append((place, character, f"U+{ord(guise):04X}"))
    assert asked >= 1000
    assert taken == []


def test_what_is_refused_as_an_escape_is_refused_in_every_guise() -> None:
    """The same for what a URL escapes: a space of any script too, which Windows and `strip` trim."""
    for place in ("x{}", "..{}/x", "x?q={}"):
        for character in ' /\\;?#%:*"':
            for guise in guises(character):
                text = place.replace("{}", quote(guise))
                assert admitted("url", f"https://a.example/v1/{text}") is None, ascii(guise)
    for space in "\xa0\u1680\u2002\u2003\u2007\u202f\u205f\u3000":
        assert admitted("url", f"https://a.example/v1/..{quote(space)}/x") is None, ascii(space)


@every("name", ["a\u2192b", "\u2190", "\u3008\u66f8\u3009", "1\uff5e3", "\u1eb9\u0300k\u1ecd\u0301", "g\u0303", "\u01c0kung", "\U0001f468\u200d\u2642\ufe0f", "\u2195\ufe0f", "\uff06\uff07", "\uff03x", "\xbd"])  # fmt: skip
def test_what_is_kept_is_part_of_names(name: str) -> None:
    """Arrows, brackets and tildes of East Asia, letters with marks, emoji of men, and signs that stay."""
    assert admitted("path", f"/data/{name}") == f"/data/{name}"


def test_what_is_left_out_is_left_out_in_every_letter_of_a_code_page() -> None:
    """Whatever some page makes a letter or digit is left out where that is, and the other way round."""
    asked = 0
    for point, fits in published.read_best_fit(published.BEST_FIT.read_text("ascii")).items():
        for fit in filter(str.isalnum, fits):
            other = admitted("path", f"/data/x{chr(point)}y")
            if not isinstance(other, str):
                continue
            asked += 1
            plain = f"/data/x{fit}y"
            for left_out, path in ((plain, other), (other, plain)):
                assert not not_below(left_out).admits(path), (left_out, path)
                assert not not_below(left_out).admits(f"/DATA/X{path[7:]}/z")
                assert not path_under(path).is_within(not_below(left_out))
            assert not_below(other).is_within(not_below(plain))
    assert asked >= 300


EVADING = {
    "/data/keys": ["/data/\u0137eys", "/data/\u212aeys", "/data/\u0137\xeay\u015b", "/data/k\u0307eys", "/data/k\u03b5y\u03c3", "/data/KEYS"],
    "/data/id": ["/data/\u0131d", "/data/\u0130d", "/data/\u012f\u0111", "/data/i\xf0"],
    "/data/caf\xe9": ["/data/cafe", "/data/caf\xe8", "/DATA/CAFE", "/d\xe5ta/cafe"],
    "/data/stra\xdfe": ["/data/strase", "/data/strasse", "/data/stra\u1e9ee"],
    "/data/\u0141\xf3d\u017a": ["/data/lodz", "/data/\u01bbodz".replace("\u01bb", "\u019a")],
    "/data/\xbd": ["/data/1"],
}  # fmt: skip
BESIDE = {
    "/data/keys": ["/data/keyz", "/data/k\u03bb\u03b5\u03b9\u03b4\u03b9\u03ac", "/data/\u043a\u043b\u044e\u0447\u0438", "/data/\u9375", "/data/\u0137ey", "/d\u00f6ta/keys", "/keys"],
    "/data/\u0915\u0940": ["/data/\u0915\u093e", "/data/\u0915"], "/data/\u30ab": ["/data/\u30ac"], "/data/\u0438": ["/data/\u0439"], "/data/caf\xe9": ["/data/caff\xe8", "/data/\u5496\u5561"],
}  # fmt: skip


def test_letters_with_and_without_marks_evade_no_exclusion() -> None:
    """In Latin, as every page fits it; other letters, of other scripts, are other names."""
    for left_out, others in EVADING.items():
        for other in others:
            assert not not_below(left_out).admits(other), (left_out, other)
            if admitted("path", other) == other:
                assert not not_below(other).admits(left_out), (left_out, other)
    for left_out, others in BESIDE.items():
        for other in others:
            assert not_below(left_out).admits(other), (left_out, other)
