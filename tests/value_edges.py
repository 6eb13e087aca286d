"""Values around the edges of what parsers read: look-alikes, hidden characters, escapes, words.

`DELEGATION_LONG=1` makes the differential tests read a million values each instead of thousands.
"""

from __future__ import annotations

import os
import unicodedata
from functools import cache

import unicode_tables
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from delegation.authority.arguments import NoCanonicalFormError, parse_type
from delegation.canonical import Json
from delegation.ignorable import _IGNORABLE
from delegation.lookalikes import _BEST_FIT, _COMPATIBILITY

BATCH = 50  # values an example: drawing one example costs more than reading one value
VALUES = 1_000_000 if os.environ.get("DELEGATION_LONG") else 2_000
reading = settings(
    max_examples=VALUES // BATCH,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def members(runs: str) -> list[str]:
    """Return the characters of a table of runs."""
    numbers, start, found = [int(word, 16) for word in runs.split()], 0, []
    for skip, count in zip(numbers[::2], numbers[1::2], strict=True):
        start += skip
        found += [chr(point) for point in range(start, start + count)]
        start += count
    return found


LOOKALIKES = sorted({c for t in (_COMPATIBILITY, _BEST_FIT) for runs in t.values() for c in members(runs)})  # fmt: skip
FITTED = sorted(map(chr, unicode_tables.read_best_fit(unicode_tables.BEST_FIT.read_text("ascii"))))
HIDDEN = [*members(_IGNORABLE)[:120], "\U000e0001", "\U000e0041", "\U000e0100"]
SPACES = [" ", "\xa0", "\u2007", "\u3000", "\u1680", "\x85", "\t", "\n", "\r", "\x0b"]
WORDS = """
    a b x Z 7 data etc passwd .. . ... .git con NUL aux.txt COM1 com\xb9 lpt\u2079 \xd1UL C\u03a9N C: c: x: ::$DATA
    :stream PROGRA~1 //srv \\\\?\\ %2e %2E%2e %2f %5c %252e%252e %c0%ae %u2215 &#46; {a,..} {.,x}. .[.] .@(.) [id]
    (auth) [...slug] ~ ~root $HOME `id` |id - -- -o =?utf-8?q?eve=40evil.example_?= =?utf-8?b?ZXZl?= @ (c) " ' \\ ;
    , : < > & # ? ! % * + = ^ _ { } [ ] ( ) @evil.example <e@evil.example> \u0627\u200c\u0628 \u0915\u094d\u200d \u2764\ufe0f \u4e2d
    e\u0301 \xe9 \ufb01 \uff21 \xbd \u202e \u2066 \u200f a/.. /../ /./ .\u200d. .\ufe0f. .\u0338. +tag ana bo
""".split()  # noqa: SIM905  # words as written
edge = (
    st.sampled_from(WORDS)
    | st.sampled_from(LOOKALIKES)
    | st.sampled_from(FITTED)
    | st.sampled_from(HIDDEN)
    | st.sampled_from(SPACES)
    | st.sampled_from("/.-_aZ9")
    | st.characters(codec="utf-8")
)
edges = st.lists(edge, min_size=1, max_size=6).map("".join)
plain = st.sampled_from(["report", "a", "2026", "\u8cc7\u6599", "x.txt", "C++", "(auth)", "ana"])
# Half the pieces are plain, so that many values are admitted and the readers are asked at all.
mixed = st.lists(plain | edge, min_size=1, max_size=5).map("".join)


def admitted(kind: Json, value: Json) -> Json:
    """Return a value's canonical form under the type, or None if it is refused."""
    try:
        return parse_type(kind).canonicalise(value)
    except NoCanonicalFormError:
        return None


@cache
def _code_pages() -> dict[str, dict[int, str]]:
    pages: dict[str, dict[int, str]] = {}
    for line in unicode_tables.BEST_FIT.read_text("ascii").splitlines():
        if not line.startswith("#"):
            page, *pairs = line.split()
            both = (pair.split(">") for pair in pairs)
            pages[page] = {int(point, 16): chr(int(byte, 16)) for point, byte in both}
    return pages


def readings(text: str) -> set[str]:
    """Return what readers that normalise or convert to a Windows code page see in a text."""
    seen = {text, *(unicodedata.normalize(form, text) for form in ("NFKC", "NFKD", "NFD"))}
    if not text.isascii():
        single = "".join(
            form if len(form := unicodedata.normalize("NFKC", c)) == 1 else c for c in text
        )
        for page in _code_pages().values():
            seen |= {text.translate(page), single.translate(page)}
    return seen
