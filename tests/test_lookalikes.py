"""Look-alikes and ignorable characters: the tables are the published data's, made again."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path

import pytest
import unicode_tables as published
from cases import every

from delegation import ignorable, lookalikes
from delegation.code_points import character_class


@pytest.mark.skipif(
    unicodedata.unidata_version != "14.0.0", reason="Unicode 14.0's own table is in Python 3.11"
)
def test_look_alikes_are_those_of_nfkc_and_of_the_windows_code_pages() -> None:
    """Generated again from Python 3.11's NFKC and the extract of best fits, they are the same."""
    for character, runs in lookalikes._COMPATIBILITY.items():
        assert runs == published.runs(published.compatibility_readings(character)), character
    for character, runs in lookalikes._BEST_FIT.items():
        assert runs == published.runs(published.best_fit_readings(character, lookalikes.KEPT)), (
            character
        )
    for letter, runs in lookalikes._FITTED.items():
        assert runs == published.runs(published.best_fits(letter + letter.lower())), letter
    letters = {letter: published.runs(points) for letter, points in published.letter_fits().items()}
    assert letters == lookalikes._LETTERS


def test_the_extract_of_best_fits_is_the_consortiums() -> None:
    """It names fifteen files by digest; where `DELEGATION_BEST_FIT` holds them, it is made again."""
    extract = published.BEST_FIT.read_text("ascii")
    assert len(re.findall(r"^# bestfit\d+\.txt sha256 [0-9a-f]{64}$", extract, re.MULTILINE)) == 15
    if folder := os.environ.get("DELEGATION_BEST_FIT"):
        assert published.extract_best_fit(Path(folder)) == extract


@pytest.mark.skipif(published.perl_unicode() != "14.0.0", reason="perl's tables are not 14.0's")
@pytest.mark.parametrize("name", published.PROPERTIES)
def test_properties_are_unicode_14s(name: str) -> None:
    """Generated again from perl 5.36, each table of `ignorable` is the same."""
    table = getattr(ignorable, name if name.startswith("_") else f"_{name}")
    assert table.strip() == published.runs(published.unicode_14(published.PROPERTIES[name]))


@every(
    "character",
    "\u2025\u2026\ufe30\ufe19\uff0f\u2044\u2215\uff3c\ufe68\uff05\xa5\u20a9\uffe5\uffe6\uff1a\uff02\uff0a\uff1f\u2100",
)
def test_what_a_reader_takes_for_a_separator_dot_percent_or_quote_is_found(character: str) -> None:
    """Compatibility forms, and the yen and won signs that are backslashes on code pages."""
    assert lookalikes.MEANINGFUL.search(f"a{character}b")


@every("text", ["\ufb01n", "\uff21\uff22", "\xbd", "\u4e2d\u6587", "\uff08\uff11\uff09", "\u20ac", "\u2018\u2019", "\U0001f937\u200d\u2642\ufe0f", "plain / text."])  # fmt: skip
def test_letters_digits_and_ascii_itself_are_not_look_alikes(text: str) -> None:
    """Ligatures, full-width letters, fractions and ideographs mean what they look like."""
    assert lookalikes.MEANINGFUL.search(text) is None


STANDARD = {
    "a family of emoji": "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "a heart between people": "\U0001f469\u200d\u2764\ufe0f\u200d\U0001f468",
    "a modified gesture": "\U0001f937\U0001f3fd\u200d\u2642\ufe0f",
    "a rainbow flag": "\U0001f3f3\ufe0f\u200d\U0001f308",
    "a keycap": "1\ufe0f\u20e3",
    "a text heart": "\u2764\ufe0e",
    "the flag of Wales": "\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f",
    "Persian, I want": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "Persian, books": "\u06a9\u062a\u0627\u0628\u200c\u0647\u0627",
    "Persian, AH of a date": "\u06f1\u06f3\u06f8\u06f0 \u0647\u200d",
    "Hindi, a half form": "\u0915\u094d\u200d\u0937",
    "Malayalam, a chillu": "\u0d05\u0d35\u0d28\u0d4d\u200d",
    "Sinhala, Sri": "\u0dc1\u0dca\u200d\u0dbb\u0dd3",
    "Bengali, RAB": "\u09b0\u200d\u09cd\u09af\u09be\u09ac",
    "an ideograph's variant": "\u845b\U000e0100\u57ce",
    "Mongolian": "\u182e\u1820\u1828\u180e\u1820",
}
ODD = {
    "a joiner in a word": "ev\u200dil",
    "a non-joiner in a name": ".g\u200cit",
    "a non-joiner at the end": "\u0645\u06cc\u200c",
    "a zero-width space": "a\u200bb",
    "a byte order mark": "\ufeffa",
    "a soft hyphen": "a\u00adb",
    "a word joiner": "a\u2060b",
    "a grapheme joiner": "a\u034fb",
    "a Hangul filler": "\u3164",
    "a selector after a letter": "a\ufe0f",
    "a selector after a digit": "1\ufe0fa",
    "two selectors": "\u2764\ufe0f\ufe0f",
    "a joiner after an emoji": "\U0001f468\u200d",
    "a joiner before an emoji": "a\u200d\U0001f468",
    "a tag": "\U0001f3f4\U000e0061\U000e007f",
    "a direction override": "a\u202eb",
    "an invisible plus": "a\u2064b",
}  # fmt: skip


@every("case", STANDARD)
def test_joiners_and_selectors_are_right_in_their_sequences(case: str) -> None:
    """Emoji, Persian, Indic, Mongolian and ideographic writing needs them."""
    assert ignorable.IGNORABLE.search(STANDARD[case])
    assert ignorable.odd_ignorable(STANDARD[case]) is None


@every("case", ODD)
def test_ignorable_characters_elsewhere_are_found(case: str) -> None:
    """What changes nothing that is seen is found, at its place."""
    index = ignorable.odd_ignorable(ODD[case])
    assert index is not None
    assert ignorable.IGNORABLE.fullmatch(ODD[case][index])


def test_runs_are_read_as_they_are_written() -> None:
    """Skip and count, from the first code point on."""
    assert character_class("41 2 1 1") == "\\U00000041-\\U00000042\\U00000044-\\U00000044"
