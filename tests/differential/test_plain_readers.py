"""Numbers, identifiers, bytes and resource names: other readers see the same value, or none.

Thousands of values here, a million each with `DELEGATION_LONG=1`.
"""

from __future__ import annotations

import ast
import base64
import json
import posixpath
import shlex
import unicodedata
from decimal import Decimal
from fractions import Fraction
from urllib.parse import quote, unquote, urljoin, urlsplit

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from value_edges import BATCH, FITTED, HIDDEN, LOOKALIKES, admitted, edges, mixed, reading

from delegation import Tool, between
from delegation.authority.pattern import resource_pattern
from delegation.authority.refusal import Refusal

digits = st.text("0123456789", min_size=1, max_size=19)
odd_digits = st.sampled_from(["e", "E", "+", "-", "_", ",", ".", " ", "\uff11", "\u0661", "\xbd", "0x", "0o7", "inf", "nan", ":", "\u2212"])  # fmt: skip
numerals = st.lists(digits | odd_digits | st.just("."), min_size=1, max_size=5).map("".join)
RANGE = between("-12.5", "9007199254740993.000000000000000001")


@reading
@given(texts=st.lists(numerals | st.decimals(allow_nan=False, allow_infinity=False, places=4).map(str), min_size=BATCH, max_size=BATCH))  # fmt: skip
def test_every_reader_of_a_number_stays_within_its_range(texts: list[str]) -> None:
    """Exact and rounding readers agree on the value, or round it within the rounded bounds."""
    for text in texts:
        value = admitted("decimal", text)
        if not isinstance(value, str) or not RANGE.admits(value):
            continue
        exact = Fraction(value)
        assert Decimal(value) == exact == Fraction(Decimal(text))
        assert Fraction("-12.5") <= exact <= Fraction("9007199254740993.000000000000000001")
        for read in (
            float(value),
            json.loads(value),
            ast.literal_eval(value),
            yaml.safe_load(value),
        ):
            assert -12.5 <= float(read) <= float("9007199254740993.000000000000000001"), value


@reading
@given(numbers=st.lists(st.integers(-(2**54), 2**54), min_size=BATCH, max_size=BATCH))
def test_an_integer_is_the_same_to_readers_that_only_have_floats(numbers: list[int]) -> None:
    """Beyond 53 bits nothing is admitted, so that no reader rounds."""
    for number in numbers:
        value = admitted("integer", number)
        assert (value is None) == (abs(number) >= 2**53)
        if value is not None:
            assert int(float(str(value))) == value == json.loads(json.dumps(value)) == yaml.safe_load(str(value))  # fmt: skip


@reading
@given(texts=st.lists(mixed, min_size=BATCH, max_size=BATCH))
def test_an_identifier_is_one_word_one_segment_and_itself_to_every_reader(texts: list[str]) -> None:
    """No reader splits, escapes, climbs from or normalises an identifier."""
    for text in texts:
        for value in {admitted("opaque", text), admitted("opaque", f"a{text}")}:
            if not isinstance(value, str):
                continue
            assert shlex.split(value) == [value] == value.split("/")
            assert unquote(value) == value == unicodedata.normalize("NFKC", value)
            assert posixpath.normpath(f"/top/{value}/x") == f"/top/{value}/x"
            assert urlsplit(f"https://h.example/top/{value}?x").path == f"/top/{value}"
            assert (
                urljoin("https://h.example/top/", f"./{value}") == f"https://h.example/top/{value}"
            )


@pytest.mark.parametrize("place", ["{}", "a{}", "{}a", "a{}b"])
def test_no_look_alike_is_part_of_an_identifier(place: str) -> None:
    """Identifiers, tool and resource names are ASCII: what looks like it is another text, refused."""
    for character in [*LOOKALIKES, *FITTED, *HIDDEN, "\uff21", "\ufb01"]:
        assert admitted("opaque", place.format(character)) is None
        assert admitted({"type": "enum", "values": ["a", "ab", "aab"]}, place.format(character)) is None  # fmt: skip


@reading
@given(data=st.lists(st.binary(max_size=24) | st.text("AQI_-+/=aZ", max_size=8).map(str.encode), min_size=BATCH, max_size=BATCH))  # fmt: skip
def test_bytes_are_the_same_to_another_decoder(data: list[bytes]) -> None:
    """The standard library's decoder reads what was admitted, and writes it back alike."""
    for raw in data:
        for text in {base64.urlsafe_b64encode(raw).rstrip(b"=").decode(), raw.decode("latin-1")}:
            value = admitted("bytes", text)
            if isinstance(value, str):
                decoded = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
                assert base64.urlsafe_b64encode(decoded).rstrip(b"=").decode() == value


@reading
@given(texts=st.lists(mixed | edges, min_size=BATCH, max_size=BATCH))
def test_what_a_template_makes_of_a_text_is_one_segment(texts: list[str]) -> None:
    """However a name is normalised or taken apart, the value fills one segment, and names itself."""
    tool = Tool(
        "files.read", effect="read", arguments={"name": "text"}, resource="files:acme/{name}"
    )
    granted, wider = resource_pattern("files:acme/*"), resource_pattern("*")
    for text in texts:
        arguments = tool.canonicalise({"name": text})
        made = arguments if isinstance(arguments, Refusal) else tool.resources_of(arguments)
        if isinstance(made, Refusal):
            continue
        (name,) = made
        assert granted.matches(name)
        assert not wider.matches(name)
        assert unicodedata.normalize("NFKC", name) == name == quote(name, safe="/:%")
        assert posixpath.normpath(f"/{name}") == f"/{name}"
        assert unquote(name.split("/")[1]) == text
