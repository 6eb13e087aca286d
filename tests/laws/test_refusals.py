"""Refusals of values: each names its place and what would be accepted, repeats nothing, and is short."""

from __future__ import annotations

import ast
import contextlib
import copy
import re
import unicodedata
from pathlib import Path

import argument_values as av
import pytest
from cases import every
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delegation import Tool, sent_json
from delegation.authority.arguments import TYPES, NullableType, parse_type
from delegation.authority.refusal import Refusal
from delegation.errors import MalformedError

ROOT = Path(__file__).parents[2]
MARK = "sEcReT7"
LONGEST = 650  # characters of a sentence
many = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
OBJECT = {"type": "object", "fields": {"zip": "line", "note?": "text"}}
# The examples of docs/reference/errors.md, and those that are too long for it: a type and a value by code.
_EXAMPLES = re.findall(
    r"^### `(\w+)`\n(?:(?!###).*\n)*?Example: `(.+)` as `(.+)`\.$",
    (ROOT / "docs/reference/errors.md").read_text(),
    re.MULTILINE,
)
_deep: list = []
for _ in range(200):
    _deep = [_deep]
CASES: dict[str, tuple] = {
    **{code: (sent_json.parse(kind) if kind[0] == "{" else kind, sent_json.parse(value)) for code, value, kind in _EXAMPLES},
    "email_too_long": ("email", "a" * 300),
    "url_too_long": ("url", "https://a.example/" + "a" * 3000),
    "value_too_deep": ("json", _deep),
}  # fmt: skip


def refused(kind, value, name: str = "x") -> Refusal | None:
    """Return the refusal of a value for an argument of a type, None for a value that it reads."""
    answer = Tool("a.b", effect="read", arguments={name: kind}).canonicalise({name: value})
    return answer if isinstance(answer, Refusal) else None


def steps(field: str) -> list[str | int]:
    """Return the place that a refusal names, step by step: names of members, numbers of items."""
    found = re.findall(r"\.([^.\[\"]+)|\[(\d+)\]|\[(\"(?:[^\"\\]|\\.)*\")\]", field)
    return [int(n) if n else sent_json.parse(quoted) if quoted else plain for plain, n, quoted in found][1:]  # fmt: skip


def part(of, place: list[str | int]):
    """Return the type that stands at a place in another."""
    for step in place:
        of = of.of if isinstance(of, NullableType) else of
        of = of.members.get(step) if isinstance(step, str) and hasattr(of, "members") else getattr(of, "of", None)  # fmt: skip
        if of is None:
            return None
    return of


def offered(remedy: str) -> list:
    """Return the values that a remedy offers, most of them after "such as" or "one of"."""
    found: list = re.findall(r"such as (\S+?)[.,]?(?=\s|$)", remedy)
    values = re.search(r"send one of (.*?)(?: and \d+ more)?\.(?: |$)", remedy)
    if values is not None:
        with contextlib.suppress(MalformedError):  # kinds, which are words and no JSON
            found += sent_json.parse(f"[{values[1]}]")
    return found


def at(value, place: list[str | int]):
    """Return the part of a value at a place."""
    for step in place:
        value = value[step]
    return value


def put(value, place: list[str | int], made):
    """Return a value with a part of it replaced, and left out where it is given as `...`."""
    if not place:
        return made
    value = copy.deepcopy(value)
    holder = value
    for step in place[:-1]:
        holder = holder[step]
    if made is ... and isinstance(holder, list):
        holder[:] = [one for one in holder if one is not None]
    elif made is ...:
        del holder[place[-1]]
    else:
        holder[place[-1]] = made
    return value


def _cause(refusal: Refusal) -> tuple[str, str, str]:
    """Return what tells a refusal from another: items that move up may be refused at the same place."""
    return refusal.code, refusal.field, refusal.message


def check(kind, value, refusal: Refusal) -> None:
    """Hold a refusal to the law, and follow it where it offers a value."""
    assert re.match(r"arguments\.x(\W|$)", refusal.field)
    assert refusal.remedy.startswith(("For ", "Leave ", "Name "))
    assert refusal.remedy[-1] in ".…"
    assert len(refusal.remedy) > len('For "x", send ')
    assert refusal.allowed_in_words
    for text in (refusal.message, refusal.remedy, refusal.field, refusal.allowed_in_words):
        assert len(text) <= LONGEST
        assert text.isprintable()
        text.encode()
    place = steps(refusal.field)
    inner = part(parse_type(kind), place)
    if refusal.field.endswith("…") or refusal.remedy.endswith("…"):
        return
    ways = [put(value, place, one) for one in offered(refusal.remedy) if inner is not None]
    if refusal.code == "map_name":  # what is offered is a name
        held = {one: at(value, place) for one in offered(refusal.remedy)}
        ways = [put(value, place[:-1], {one: member}) for one, member in held.items()]
    if "send it in NFC" in refusal.remedy:
        ways.append(put(value, place, unicodedata.normalize("NFC", at(value, place))))
    if place and "leave it out" in refusal.remedy:
        ways.append(put(value, place, ...))
    for way in ways:
        again = refused(kind, way)
        assert again is None or _cause(again) != _cause(refusal), way


def codes() -> set[str]:
    """Return every code that stands literally in a refusal of an argument type."""
    found = set()
    authority = ROOT / "delegation/authority"
    for file in (authority / "argument.py", *(authority / "arguments").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            name = getattr(getattr(node, "func", None), "id", "")
            if name in {"NoCanonicalFormError", "SpecialHostError"} and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    found.add(first.value)
    return found


def test_every_refusal_of_a_value_is_tried():
    """A code that is added has an example in docs/reference/errors.md, which is refused by it, or this fails."""
    assert set(CASES) == codes()


@every("code", CASES)
def test_a_refusal_names_its_place_and_what_would_be_accepted(code):
    """Alone, in an object and in a list: the path leads to the part, and the remedy is followed."""
    kind, value = CASES[code]
    refusal = refused(kind, value)
    assert refusal is not None
    assert refusal.code == code
    check(kind, value, refusal)
    if code == "value_too_deep":
        return
    inside = refusal.field.removeprefix("arguments.x")
    for around, given_, prefix in (
        ({"type": "object", "fields": {"a": kind, "b": "text"}}, {"a": value, "b": "t"}, ".a"),
        ({"type": "list", "of": {"type": "object", "fields": {"odd name": kind}}}, [{"odd name": value}], '[0]["odd name"]'),
    ):  # fmt: skip
        nested = refused(around, given_)
        assert nested is not None
        assert nested.code == code
        assert nested.field == f"arguments.x{prefix}{inside}"
        assert f"x{prefix}{inside}" in nested.message
        check(around, given_, nested)


@many
@given(case=av.typed_values())
def test_no_refusal_breaks_the_law(case):
    """Of whatever type and value: a place, a remedy that holds when followed, nothing long or hidden."""
    kind, value = case
    refusal = refused(kind, value)
    if refusal is not None and refusal.code != "argument_missing":
        check(kind, value, refusal)


@every("name", sorted(TYPES))
def test_what_a_type_wants_is_accepted_by_it(name):
    """Each type says what it wants, and every value that it offers there is one of its own."""
    options = {"enum": {"values": ["a", 1, True]}, "list": {"of": "email"}, "map": {"of": "email"}, "either": {"of": ["integer", "email"]}, "money": {"currency": "USD"}, "object": {"fields": {"a": "text"}}}  # fmt: skip
    made = parse_type({"type": name, **options.get(name, {})})
    assert made.wanted
    target = made.of if name in {"list", "map"} else made
    for value in offered(f"For it, send {made.wanted}."):
        target.canonicalise(value)


def marked(value):
    """Return a value in which each text, and no name, holds the mark."""
    if isinstance(value, str):
        return value + MARK
    if isinstance(value, list):
        return [marked(one) for one in value]
    return {k: marked(v) for k, v in value.items()} if isinstance(value, dict) else value


@many
@given(case=av.typed_values())
def test_no_sentence_repeats_what_was_sent(case):
    """Sentences are kept for good and in the log's leaves; what was sent may be erased."""
    kind, value = case
    refusal = refused(kind, marked(value))
    if refusal is not None:
        said = (refusal.message, refusal.remedy, refusal.field, refusal.allowed_in_words)
        assert MARK not in "".join(said) + sent_json.text_of(refusal.allowed)


@given(name=st.text(min_size=1, max_size=400))
@settings(max_examples=100, deadline=None)
def test_a_name_that_nothing_has_is_shown_safely(name):
    """Whatever a model calls a member or an argument: cut, and nothing in it is hidden."""
    for refusal in (refused(OBJECT, {"zip": "1", name: "2"}), Tool("a.b", effect="read").canonicalise({name: 1})):  # fmt: skip
        if isinstance(refusal, Refusal):
            for text in (refusal.message, refusal.remedy, refusal.field):
                assert len(text) <= LONGEST
                assert text.isprintable()


@pytest.mark.parametrize(
    ("sent", "meant"),
    [({"zip": "1", "zpi": "2"}, "zip"), ({"zip": "1", "Note": "2"}, "note"), ({"zip": "1", "qqqqq": "2"}, "")],
)  # fmt: skip
def test_a_slip_in_a_name_is_told(sent, meant):
    """The unknown member is named, the one that it is like, and which there are with their types."""
    refusal = refused(OBJECT, sent)
    assert refusal.code == "object_field_unknown"
    assert ("name it" in refusal.remedy) is bool(meant)
    assert f'name it "{meant}"' in refusal.remedy or not meant
    assert '"note" (text, optional), "zip" (line)' in refusal.remedy


def test_a_refused_character_is_named_with_its_place():
    """As U+XXXX and name, in the value as it was sent, also where it stands behind a base."""
    for kind, value, said in (
        ("path", "/a*b", "U+002A ASTERISK at character 3"),
        ("path", "/a\u2215b", "U+2215 DIVISION SLASH at character 3"),
        ("relative_path", "ab*", "U+002A ASTERISK at character 3"),
        ("segment", "a\uff0fb", "U+FF0F FULLWIDTH SOLIDUS at character 2"),
        ("text", "a\x07b", "U+0007 a control character at character 2"),
        ("line", "ab\u2028", "U+2028 LINE SEPARATOR at character 3"),
        ("text", "a\udfff", "U+DFFF half of a surrogate pair at character 2"),
        ("path", "/a\u202eb", "U+202E RIGHT-TO-LEFT OVERRIDE at character 3"),
        ("url", "https://a.example/x?\u00e9", "U+00E9 LATIN SMALL LETTER E WITH ACUTE at character 21"),
        ("host", "a_b.example", "U+005F LOW LINE at character 2"),
    ):  # fmt: skip
        assert said in refused(kind, value).message
