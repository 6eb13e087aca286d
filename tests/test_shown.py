"""Evidence is shown whole: from what stands there the value is read back, and what is unseen is marked."""

from __future__ import annotations

import json
import sys
import unicodedata

from cases import every
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import TEXTS, read_evidence, read_text

from delegation.cli.console import CONTINUED, broken
from delegation.hidden import hidden_characters, hidden_in, is_unseen
from delegation.ignorable import IGNORABLE
from delegation.shown import pieces, shown, shown_text, size_of
from delegation_api.pages.evidence import evidence, evidence_text

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)


def same(read: object, value: object) -> bool:
    """Return whether two values are equal, types too: 1, 1.0 and true are three."""
    return repr(read) == repr(value)


@given(VALUES, st.booleans(), st.booleans())
@settings(max_examples=200)
def test_a_value_is_read_back_from_its_text(value: object, lines: bool, ltr: bool) -> None:
    """Any JSON reader reads the very value, also when something normalised the text on its way."""
    text = "".join(piece.text for piece in pieces(value, lines=lines, ltr=ltr))
    assert same(json.loads(text), value)
    assert unicodedata.normalize("NFC", text) == text


@given(VALUES)
@settings(max_examples=200)
def test_a_value_is_read_back_from_its_page(value: object) -> None:
    """From the HTML too, and nothing of it becomes an element."""
    html = evidence(value)
    assert same(read_evidence(html), [value])
    html.encode("utf-8")


@given(TEXTS)
def test_a_bare_text_is_read_back(text: str) -> None:
    """So are names, reasons and titles."""
    assert read_text(shown_text(text)) == text
    assert read_text(shown_text(text, ltr=False)) == text
    assert evidence_text(text).striptags() == " ".join(shown_text(text, ltr=False).split())


@every("plane", range(17))
def test_no_character_is_shown_that_is_not_seen(plane: int) -> None:
    """What is shown as itself is no control, format, space, blank or ignorable.

    All code points of the planes that have such; of the others, which have one kind only, some.
    """
    for point in range(plane << 16, (plane + 1) << 16, 1 if plane in {0, 1, 14} else 251):
        character = chr(point)
        if shown(f"a{character}b") == f'"a{character}b"':
            kind = unicodedata.category(character)
            assert character == " " or kind[0] in "LMNPS", hex(point)
            assert not IGNORABLE.match(character), hex(point)
            assert not is_unseen(character), hex(point)
            assert unicodedata.bidirectional(character) not in {"R", "AL", "AN"}, hex(point)


@every(
    ("text", "held"),
    [
        ("a\u200bb", "a\\u200bb"),
        ("5\u202e00", "5\\u202e00"),
        ("a\\u200bb", "a\\\\u200bb"),
        ("\U000e0041", "\\udb40\\udc41"),
        ("cafe\u0301 caf\u00e9", "cafe\\u0301 caf\u00e9"),
        ("\u212b \u00c5", "\\u212b \u00c5"),
        ("a\u0301\u0301", "a\\u0301\\u0301"),
        (" \u0301", "\\u0020\\u0301"),
        ("ops  agent ", "ops\\u0020\\u0020agent\\u0020"),
        ("a\n b", "a\\n\\u0020b"),
        ("\u65e5\u672c \u0e44\u0e17\u0e22 \u2764", "\u65e5\u672c \u0e44\u0e17\u0e22 \u2764"),
        ("\u05d0", "\\u05d0"),
    ],
)
def test_what_looks_alike_is_told_apart(text: str, held: str) -> None:
    """An escape and its spelling, composed and decomposed, the sign for Angstrom and its letter."""
    assert shown(text) == f'"{held}"'


def test_types_are_told_apart() -> None:
    """A number and its digits, true and its word, null and nothing."""
    values = [5, "5", True, "true", None, "null", [], "[]", {}, "{}", "", [""], [[]]]
    assert len({shown(value) for value in values}) == len(values)
    assert len({evidence(value) for value in values}) == len(values)
    assert size_of("\u65e5\n") == "text, 2 characters, 4 bytes, 2 lines"


HONEST = [
    "Gr\u00fc\u00dfe aus K\u00f6ln", "na\u00efve caf\u00e9, d\u00e9j\u00e0 vu", "10\u00a0000\u202f\u20ac", "\u4f60\u597d\u3000\u4e16\u754c",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0915\u094d\u200d\u0937", "\u0dc1\u0dca\u200d\u0dbb\u0dd3", "\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd",
    "\U0001f469\u200d\U0001f4bb \u2764\ufe0f 1\ufe0f\u20e3 \U0001f3f3\ufe0f\u200d\U0001f308 \U0001f44d\U0001f3fd",
    "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f", "\u1781\u17d2\u1789\u17bb\u17c6\u200b\u1787\u17b6", "Ti\u1ebfng Vi\u1ec7t", "a\tb\nc\r\n",
    "\u845b\U000e0100\u57ce\u5e02 \u8fbb\U000e0100 \u845b\U000e0100", "\u2764\ufe0f \u2764\ufe0f \u2764 \U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466" * 3,
]  # fmt: skip


@every("text", HONEST)
def test_nobody_is_warned_of_honest_writing(text: str) -> None:
    """Joiners, selectors, flags and spaces where their script has them: marked where unseen, no more."""
    assert hidden_characters(text) == []


@every(
    ("text", "count"),
    [
        ("pay" + "".join(chr(0xE0000 + ord(c)) for c in "now"), 3),
        ("a\u200bb\u00adc\u2060d\u3164e", 4),
        ("\u202egnp.exe", 1),
        ("x\u200d\u200d", 2),
        ("\u263a" + "\ufe00\ufe01" * 8, 16),
        ("\U0001f600" + "\U000e0120" * 5, 5),
        ("\U0001f3f4\U000e0078\U000e007f", 2),
        ("\x1b[2J", 1),
        ("e" + "\u0300" * 30, 26),
        ("\u2800" * 9, 9),
        ("\ud800", 1),
        ("\u4ed8" + "".join("\u4e00" + chr(0xE0100 + b) for b in b"pay eve"), 7),
        ("".join(chr(0x4E00 + b) + chr(0xE0100 + b % 3) for b in range(20)), 20),
        ("".join("\U0001f600" + "\ufe0f\ufe0e"[b == "1"] for b in "0110100"), 7),
        ("".join("\u2764" + "\ufe0f" * (b == "1") for b in "0110100001101001011"), 9),
        ("".join(chr(0x1F600 + n) + "\ufe0f" for n in range(6)), 6),
        ("".join("\u0915\u094d" + j for j in "\u200d\u200c\u200d") + "\u0915", 3),
        ("\u0645\u06cc\u200c" * 6 + "\u0645", 6),
    ],
)
def test_what_hides_is_counted(text: str, count: int) -> None:
    """Tags, selectors, fillers, controls and piles of marks, wherever in a value they stand."""
    assert len(hidden_characters(text)) == count
    (found,) = hidden_in({"to": [{"body": text}]})
    assert (found.where, found.count) == ("to[0].body", count)
    (found,) = hidden_in({text: 1})
    assert found.where.startswith("the name ")


def test_tags_are_spelled_out() -> None:
    """What a machine reads in them, people read too."""
    (found,) = hidden_in("Hi" + "".join(chr(0xE0000 + ord(c)) for c in "wire 500"))
    assert "wire 500" in str(found)


def test_a_long_text_takes_no_time_that_matters() -> None:
    """64 KiB of the worst are shown in one pass."""
    worst = "".join(map(chr, range(0x300, 0x370))) * 290
    calls = 0

    def count(_frame: object, event: str, _arg: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        shown(worst)
    finally:
        sys.setprofile(None)
    assert calls < 16 * len(worst)


@given(st.text("ab \t\u00e9", max_size=12))
def test_spaces_are_lone_or_escapes(text: str) -> None:
    """A page collapses the others and a terminal draws columns with them."""
    for told in (shown_text(text), shown_text(text, ltr=False), shown(text)[1:-1]):
        assert " ".join(told.split()) == told
        assert read_text(told) == text


@given(st.text(min_size=1, max_size=60), st.integers(20, 60))
def test_a_terminal_breaks_no_line_by_itself(text: str, columns: int) -> None:
    """Every further part stands behind our mark, fits, and together they are the line."""
    line = f"| memo = {shown(text * 9)}"
    first, *more = broken(line, columns).split("\n")
    assert all(part.startswith(CONTINUED) for part in more)
    assert first + "".join(part.removeprefix(CONTINUED) for part in more) == line
    assert all(sum(1 if c.isascii() else 2 for c in part) < columns + 8 for part in (first, *more))
