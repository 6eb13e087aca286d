"""Shapes: what a shape admits is what the regular expression that it was made of finds, to ECMAScript.

Node is the reader: JSON Schema's expressions are its own, with the `u` flag where that takes them.
Hundreds of expressions with a dozen texts each; `DELEGATION_LONG=1` asks ten times as many.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import jsonschema_rs
import pytest

from delegation.authority.arguments import NoCanonicalFormError, parse_type, shape_of
from delegation.authority.arguments.shape_parts import Choice, Literal, Part, Run, after
from delegation.authority.documents.forms import tools_from
from delegation.errors import MalformedError

LONG = bool(os.environ.get("DELEGATION_LONG"))
MADE = 4_000 if LONG else 400
ATOMS = ["a", "b", "AC", ".", "\\d", "\\w", "\\s", "\\D", "\\W", "\\S", "[a-f0-9]", "[^ab]", "[A-Z_-]", "[-a]", "[\\w.]", "[\\d-]", "\\.", "\\-", "\\/", "\\x41", "\\u00e9", "\\t", "-", "_", "é", "[é-ü]", "[^]", "\\u{1f600}", "[a-zA-Z0-9-_.]", "/", "=", "[\\]]", "[\\\\]", "[.*+]"]  # fmt: skip
TIMES = ["", "", "", "?", "*", "+", "{2}", "{1,3}", "{2,}", "{0,2}", "{1,3}?", "*?", "+?", "??"]
ODD = ["(?=a)", "(?!a)", "(?<=a)b", "\\b", "\\1", "(a)\\1", "(?<n>a)", "(?i)a", "(?i:a)", "a**", "a{2}{3}", "[z-a]", "[]", "(", ")", "a)", "[", "\\", "*a", "a{2,1}", "{2}", "a{", "\\p{L}", "\\cA", "\\01", "\\8", "a$b", "a^b", "^^a", "a$$", "(^a)", "(a$)", "(a|^b)", "(?:)", "()", "(|a)", "x{0}", "(ab)*", "(ab){2,}", "(a+)*", "(a*)+", "(a+){2,}", "[\\b]", "]", "}", "\\-", "\\ ", "\\é", "(a{3}){70}"]  # fmt: skip
PIECES = ["a", "b", "AC", "0", "9", "f", "é", "ü", "-", "_", ".", "/", "=", " ", "\t", "\n", "\r", "\u2028", "\xa0", "\ufeff", "A", "Z", "z", "]", "\\", "*", "😀", "\u4e2d", "AC00", "SM", "2026-11-30", "C2"]  # fmt: skip


def made(rng: random.Random, depth: int = 2) -> str:
    """Return an expression of pieces that documents use."""

    def term() -> str:
        if depth and rng.random() < 0.2:
            inner = "|".join(made_inner() for _ in range(rng.randint(1, 3)))
            return rng.choice(["(", "(?:"]) + inner + ")" + rng.choice(TIMES)
        return rng.choice(ATOMS) + rng.choice(TIMES)

    def made_inner() -> str:
        return made(rng, depth - 1).strip("^$")

    body = "".join(term() for _ in range(rng.randint(0, 4)))
    return rng.choice(["^", "^", ""]) + body + rng.choice(["$", "$", ""])


def sampled(rng: random.Random, parts: tuple[Part, ...]) -> str:
    """Return a text that a sequence of parts makes, or nearly."""
    out = ""
    for part in parts:
        if isinstance(part, Literal):
            out += part.text
        elif isinstance(part, Run):
            low, high = rng.choice(part.of.ranges)
            for _ in range(rng.randint(part.min, min(part.max or 99_999, part.min + 4))):
                point = rng.randint(low, min(high, low + 60))
                out += "" if 0xD800 <= point <= 0xDFFF else chr(point)
        else:
            for _ in range(rng.randint(part.min, part.max if part.max < 4 else part.min)):
                out += sampled(rng, rng.choice(part.any_of))
    return out


def texts(rng: random.Random, parts: tuple[Part, ...]) -> list[str]:
    """Return texts that have a shape, nearly have it, and are anything."""
    near = [sampled(rng, parts) for _ in range(4)]
    for text in list(near):
        at = rng.randint(0, len(text))
        near += [
            text[:at] + rng.choice(PIECES) + text[at:],
            text[:at] + text[at + 1 :],
            text + "\n",
        ]
    return [*near, "", *("".join(rng.choices(PIECES, k=rng.randint(0, 5))) for _ in range(3))]


def answers(cases: list[tuple[str, list[str]]]) -> list[list[bool | None] | None]:
    """Return what ECMAScript finds; None for what it takes for no expression."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    program = (
        "const c=JSON.parse(require('fs').readFileSync(0));const r=p=>{for(const f of ['u','']){try{return new RegExp(p,f)}catch{}}return null};"
        "const b=s=>!/[\\ud800-\\udfff]/.test(s);"  # without the flag it counts halves of pairs
        "console.log(JSON.stringify(c.map(([p,t])=>{const x=r(p);return x&&t.map(s=>x.unicode||b(s)&&b(p)?x.test(s):null)})))"
    )
    done = subprocess.run([node, "-e", program], input=json.dumps(cases), capture_output=True, text=True, check=True)  # fmt: skip
    return json.loads(done.stdout)


def disagreements(patterns: list[str], seed: int) -> Iterator[tuple[str, str]]:
    """Yield each expression and text about which shape and ECMAScript differ."""
    rng = random.Random(seed)
    shapes = {pattern: shape_of(pattern) for pattern in patterns}
    cases = [(p, texts(rng, s.parts) if s else []) for p, s in shapes.items()]
    for (pattern, asked), found in zip(cases, answers(cases), strict=True):
        shape = shapes[pattern]
        if shape is not None and found is None:
            yield pattern, "is no expression"
        for text, is_found in zip(asked, found or [], strict=True):
            if shape and is_found is not None and shape.matches(text) != is_found:
                yield pattern, text


@pytest.fixture(scope="module")
def patterns(data_dir) -> Counter[str]:
    """Return every expression of the public documents, and how often it stands there."""
    found: Counter[str] = Counter()

    def walk(part: object) -> None:
        if isinstance(part, dict):
            found.update([part["pattern"]] if isinstance(part.get("pattern"), str) else [])
            for member in part.values():
                walk(member)
        elif isinstance(part, list):
            for item in part:
                walk(item)

    for file in sorted(data_dir("documents").rglob("*.json")):
        walk(json.loads(file.read_text("utf-8")))
    return found


def test_expressions_of_public_documents_are_kept(patterns) -> None:
    """Of 117 expressions at 781 places all but five are shapes: two of e-mail, one of addresses, two of another dialect."""
    lost = {pattern for pattern in patterns if shape_of(pattern) is None}
    assert sum(patterns.values()) >= 700
    assert sum(patterns[p] for p in lost) <= sum(patterns.values()) / 100
    assert all("@" in p or "(?i)" in p or ":" in p for p in lost), lost


def test_expressions_of_public_documents_find_the_same(patterns) -> None:
    """Each text that a shape admits is one in which the expression is found, and the other way."""
    assert list(disagreements(sorted(patterns), 1)) == []


def test_expressions_of_their_pieces_find_the_same() -> None:
    """Classes, escapes, groups, alternatives, repetitions, anchors or none, lazy or not."""
    rng = random.Random(20261130)
    expressions = sorted({made(rng) for _ in range(MADE)})
    kept = [p for p in expressions if shape_of(p) is not None]
    assert len(kept) >= len(expressions) / 2
    assert list(disagreements(expressions, 2)) == []


def test_odd_expressions_are_none_or_find_the_same() -> None:
    """Look-around, references, boundaries and broken texts give no shape, or the right one."""
    assert list(disagreements(ODD, 3)) == []
    for pattern in ["(?=a)", "\\b", "(a)\\1", "(?i)a", "(ab)*", "a^b", "\\p{L}", "(", "a{2,1}"]:
        assert shape_of(pattern) is None, pattern


def test_both_ways_of_matching_are_one(patterns) -> None:
    """The pattern that never goes back admits what the intervals admit."""
    rng, compared = random.Random(4), 0
    for pattern in [*sorted(patterns), *(made(rng, 0) for _ in range(MADE))]:
        shape = shape_of(pattern)
        if shape is None or shape._plain is None:
            continue
        for text in texts(rng, shape.parts):
            ends = after(shape.parts, text, ((0, 0),))
            assert shape.matches(text) == (bool(ends) and ends[-1][1] == len(text)), (pattern, text)
            compared += 1
    assert compared >= 1000


def test_another_engine_without_going_back_agrees(patterns) -> None:
    """Python's own engine, where its dialect is the same: ASCII texts in one line."""
    rng, asked = random.Random(5), 0
    for pattern in sorted(patterns):
        shape = shape_of(pattern)
        if shape is None or "\\s" in pattern:
            continue
        theirs = re.compile(pattern, re.ASCII)
        for text in texts(rng, shape.parts):
            if text.isascii() and text.isprintable():
                assert shape.matches(text) == (theirs.search(text) is not None), (pattern, text)
                asked += 1
    assert asked >= 1000


def test_a_json_schema_validator_admits_the_same(patterns) -> None:
    """All that a document's readers refuse is refused; only its dot knows other line ends than ours."""
    rng, asked = random.Random(6), 0
    for pattern in sorted(patterns):
        shape = shape_of(pattern)
        if shape is None:
            continue
        theirs = jsonschema_rs.validator_for({"type": "string", "pattern": pattern})
        for text in texts(rng, shape.parts):
            if not set("\r\u2028\u2029") & set(text):
                assert shape.matches(text) == theirs.is_valid(text), (pattern, text)
                asked += 1
    assert asked >= 1000


@pytest.mark.parametrize("pattern", ["^(a?){60}a{60}$", "^(a{0,30}){30}b$", "^.*.*.*.*.*.*.*.*b$", "^(a|a|aa){60}b$", "^[ab]*a[ab]{300}$", "(a|b|ab)*b{3}", "^([a-z]{1,9}-?){1,28}$"])  # fmt: skip
def test_no_text_makes_a_shape_slow(pattern) -> None:
    """32,768 characters are judged in less than two seconds of CPU, whatever they are."""
    shape = shape_of(pattern)
    if shape is None:
        return
    for text in ("a" * 32_768, "ab" * 16_384, "a" * 32_767 + "c", "a-" * 16_384):
        began = time.process_time()
        shape.matches(text)
        assert time.process_time() - began < 2


def test_a_choice_is_a_sequence_of_parts() -> None:
    """What a reviewer reads of an expression with alternatives."""
    shape = shape_of("^(SM|MM)[0-9a-fA-F]{32}$")
    assert shape is not None
    assert isinstance(shape.parts[0], Choice)
    assert str(shape) == "(“SM” or “MM”), then 32 of [0-9A-Fa-f]"
    assert shape.to_json() == [
        {"any_of": [[{"text": "SM"}], [{"text": "MM"}]], "min": 1, "max": 1},
        {"of": "0-9A-Fa-f", "min": 32, "max": 32},
    ]


SLOW = [
    ("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.){1,8}[a-z]{2,}$", 32_768),
    ("^[a-z0-9]+([.-][a-z0-9]+){0,30}$", 32_768),
    ("^(\\w+ ?){1,20}$", 32_768),
]


@pytest.mark.parametrize("kind", ["text", "line", "segment", "identifier"])
def test_no_type_asks_for_a_slow_shape(kind) -> None:
    """At each type's longest text, what it takes is matched in half a second, or no tool has it."""
    worst = [
        [{"of": "a", "min": 1, "max": 2}, {"of": "a-", "min": 1}] * 100,
        [{"of": "a-", "min": 0}, {"text": "a-"}] * 15,
        [{"of": "^z", "min": 0}, {"text": "a"}, {"of": "b", "min": 1, "max": 1}] * 80,
        [{"any_of": [[{"text": "a"}], [{"text": "aa"}]], "min": 0, "max": 60}],
        [{"of": "a-z", "min": 0}] * 256,
    ]
    taken = 0
    for shape in worst:
        for most in (32_768, 8192, 4096, 2048, 256):
            try:
                made = parse_type({"type": kind, "shape": shape, "max": most})
            except MalformedError:
                continue
            taken += 1
            for text in ("a-" * (most // 2), "a" * most, "ab" * (most // 2)):
                began = time.process_time()
                with suppress(NoCanonicalFormError):
                    made.canonicalise(text)
                assert time.process_time() - began < 1, (shape[:2], most)
            break
    assert taken == len(worst)
    if kind in {"text", "line"}:
        with pytest.raises(MalformedError, match="parts times max are at most 1000000"):
            parse_type({"type": kind, "shape": worst[0]})


@pytest.mark.parametrize(("pattern", "most"), SLOW)
def test_a_document_says_which_pattern_is_too_slow_to_keep(pattern, most) -> None:
    """It is kept for texts that have a small maxLength, and named as lost for others."""
    assert shape_of(pattern) is not None
    assert not shape_of(pattern).is_quick(most)
    for bound, is_kept in ({}, False), ({"maxLength": 253}, True):
        schema = {"type": "object", "properties": {"s": {"type": "string", "pattern": pattern, **bound}}, "required": ["s"]}  # fmt: skip
        found = tools_from({"tools": [{"name": "t", "inputSchema": schema}]}, prefix="x")
        (tool,) = found.tools
        assert (tool.arguments["s"].type.shape is not None) == is_kept
        assert any("pattern is not kept" in note for _, note in found.notes) != is_kept
