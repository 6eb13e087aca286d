"""Numbers and texts of JSON: spelled as RFC 8785 has them by two other implementations, read by others as here.

Thousands of values here, a million each with `DELEGATION_LONG=1`.
"""

from __future__ import annotations

import json
import math
import struct
import subprocess
from decimal import Decimal
from pathlib import Path
from random import Random

import playwright
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from value_edges import BATCH, VALUES, edges, reading

from delegation import between, one_of
from delegation.authority.arguments import NoCanonicalFormError, parse_type
from delegation.authority.constraints import Constraint, glob, not_one_of, text
from delegation.errors import MalformedError
from delegation.json_number import WideNumber, exact_value, number_text, read_number
from delegation.sent_json import encode, parse, portable

NODE = Path(playwright.__file__).parent / "driver" / "node"  # the one that drives our browsers
# Each line of JSON is read and spelled again, by its own program: ECMAScript, which RFC 8785 quotes.
ECHO = "require('fs').readFileSync(0,'utf8').split('\\n').forEach(l=>console.log(l&&JSON.stringify(JSON.parse(l))))"  # fmt: skip


def in_node(lines: list[str]) -> list[str]:
    """Return what Node spells of each line's value."""
    asked = "\n".join(lines).encode("utf-8", "strict")
    said = subprocess.run([NODE, "-e", ECHO], input=asked, capture_output=True, check=True)
    return said.stdout.decode().split("\n")[: len(lines)]


def doubles(count: int) -> list[float]:
    """Return doubles of every size, and those beside powers of ten and two."""
    chance = Random(8785)
    found = [struct.unpack("<d", chance.randbytes(8))[0] for _ in range(count)]
    edges_ = [base**power for base in (2.0, 10.0) for power in range(-323, 309)]
    beside = [math.nextafter(x, way) for x in edges_ for way in (0, math.inf)]
    decimals = [chance.randint(0, 10**9) / 10 ** chance.randint(0, 12) for _ in range(count)]
    every = [*found, *edges_, *beside, *decimals, 5e-324, 1.7976931348623157e308, -0.0, 0.0]
    return [x for x in every if math.isfinite(x)]


def test_a_double_is_spelled_as_ecmascript_spells_it() -> None:
    """By Node, and by another library of RFC 8785; and it is read back as the same number."""
    numbers = doubles(VALUES)
    spelled = list(map(number_text, numbers))
    assert spelled == in_node([repr(x) for x in numbers])
    assert spelled[:VALUES] == [rfc8785.dumps(x).decode() for x in numbers[:VALUES]]
    for number, shown in zip(numbers, spelled, strict=True):
        read = read_number(shown)
        assert read == number and number_text(read) == shown  # noqa: PT018  # one fact
        assert float(exact_value(number)) == number


def written(count: int) -> list[str]:
    """Return numbers as JSON may write them: with too many digits, zeros at the ends, any exponent."""
    chance = Random(53)

    def digits(most: int) -> str:
        return "".join(chance.choices("0123456789", k=chance.randint(1, most)))

    made = []
    for _ in range(count):
        whole = digits(chance.choice([1, 3, 17, 26])).lstrip("0") or "0"
        fraction = chance.choice(["", "", ".0", f".{digits(4)}", f".{digits(40)}"])
        exponent = chance.choice(
            ["", "", "", f"{chance.choice('eE')}{chance.choice(['', '+', '-'])}{digits(3)}"]
        )
        made.append(f"{chance.choice(['', '-'])}{whole}{fraction}{exponent}")
    near = [str(2**53 + step) for step in range(-3, 4)] + [repr(x) for x in doubles(50)]
    return [*made, *near, *(f"{one}1" for one in near if "." in one and "e" not in one)]


def test_a_number_has_the_value_that_was_written_or_none() -> None:
    """What is admitted is exactly the decimal number that was sent, to who reads decimals or doubles."""
    for sent in written(VALUES):
        read = read_number(sent)
        value = Decimal(sent)
        shown = read.text if isinstance(read, WideNumber) else number_text(read)
        assert Decimal(shown) == value, sent
        if isinstance(read, WideNumber):
            with pytest.raises(NoCanonicalFormError):
                parse_type("number").canonicalise(read)  # type: ignore[arg-type]
            continue
        # Whoever reads doubles, and spells them again, has the same number.
        assert number_text(float(sent)) == shown
        assert rfc8785.dumps(float(sent)).decode() == shown
        canonical = parse_type("number").canonicalise(read)
        assert exact_value(canonical) == value  # type: ignore[arg-type]
        assert between("-12.5", "0.1").admits(canonical) == (
            Decimal("-12.5") <= value <= Decimal("0.1")
        )


scalars = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | edges
plain = scalars | st.floats(allow_nan=False, allow_infinity=False)
documents = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(edges, inner, max_size=4),
    max_leaves=10,
)


@given(value=documents)
def test_a_document_is_spelled_as_rfc_8785_spells_it(value: object) -> None:
    """Member order by UTF-16, escapes, numbers: byte for byte those of the other library."""
    assert encode(value) == rfc8785.dumps(value)
    assert encode(parse(encode(value))) == encode(value)
    assert json.dumps(portable(value), sort_keys=True) == json.dumps(value, sort_keys=True)


WRITTEN = written(200)
anything_at_all = st.recursive(
    plain | st.text(st.characters(exclude_categories=())) | st.floats() | st.integers() | st.sampled_from(WRITTEN).map(read_number),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=()), max_size=3), inner, max_size=4)
    ),
    max_leaves=10,
)  # fmt: skip


@given(value=anything_at_all, other=anything_at_all)
def test_two_values_have_two_spellings(value: object, other: object) -> None:
    """The encoding is total, and what is read of it is the value: so no two values share a digest."""
    try:
        first, second = encode(value), encode(other)
    except MalformedError:  # two names of a Python object that JSON spells alike
        return
    assert encode(parse(first)) == first
    assert (first == second) == (repr(parse(first)) == repr(parse(second)))
    json.dumps(portable(parse(first)), allow_nan=False).encode("utf-8", "strict")


CONSTRAINTS: list[tuple[Constraint, str]] = [
    (glob("notes/*"), "notes/"), (glob("a/*/b"), "a/"), (not_one_of("\u00e9", "root", "K"), ""), (text(max=3), ""), (text(max=9, min=2), ""), (one_of("\u00e9", "ab"), ""),
]  # fmt: skip
COMPOSING = ["e\u0301", "\u00e9", "\u212a", "\u0958", "\u0344", "\u1100\u1161", "\u202e", "\r\n", "\ufeff", "\u0378", "root", "K", "/", "a"]  # fmt: skip


@reading
@given(parts=st.lists(st.lists(edges | st.sampled_from(COMPOSING), max_size=4).map("".join), min_size=BATCH, max_size=BATCH))  # fmt: skip
def test_who_normalises_a_text_finds_it_admitted_too(parts: list[str]) -> None:
    """Text is taken as it was sent; what a constraint admits of it, it admits in normal form C as well."""
    import unicodedata

    for part in parts:
        for constraint, prefix in CONSTRAINTS:
            value = prefix + part
            try:
                parse_type("text").canonicalise(value)
            except NoCanonicalFormError:
                continue
            if constraint.admits(value):
                assert constraint.admits(unicodedata.normalize("NFC", value)), (constraint, value)
