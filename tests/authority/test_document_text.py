"""A document's text: JSON and YAML, each read one way, bounded in size, depth and number."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from cases import every

from delegation.authority.documents.reading import MAX_DOCUMENT, MAX_NESTING, read_document
from delegation.errors import MalformedError

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 10)}]\n" for n in range(9)
)

READ: list[tuple[str, Any]] = [
    ('{"a": 0.1, "b": 1e400, "c": 9007199254740993}', {"a": Decimal("0.1"), "b": Decimal("1e400"), "c": 9007199254740993}),
    ("\ufeff{}", {}), (" [1]", [1]), ("a: 1", {"a": 1}), ("a: no\nb: yes\nc: on", {"a": "no", "b": "yes", "c": "on"}), ("d: 2026-11-30", {"d": "2026-11-30"}),
    ("a: true\nb: null\nc: ~\nd:", {"a": True, "b": None, "c": None, "d": None}), ("200: ok\n1.0: x\ntrue: y", {"200": "ok", "1.0": "x", "true": "y"}), ("a: 0.10", {"a": Decimal("0.10")}),
    ("a: '1'\nb: \"x\"\nc: !!str 5", {"a": "1", "b": "x", "c": "5"}), ("a: &x {k: 1}\nb: *x", {"a": {"k": 1}, "b": {"k": 1}}), ("a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}", {"a": {"k": 1, "l": 2}, "b": {"k": 3, "l": 2}}),
    ("a: 0x10\nb: 0o17\nc: 010", {"a": 16, "b": 15, "c": 10}), ("{a: 1, b: [x]}", {"a": 1, "b": ["x"]}), ("a: |\n  x\n  y\n", {"a": "x\ny\n"}),
]  # fmt: skip


@every(("text", "value"), READ, ids=range(len(READ)))
def test_a_text_is_read_exactly(text: str, value: Any) -> None:
    """Numbers by their digits; of YAML the core of 1.2."""
    assert read_document(text) == value


REFUSED = [
    "", '{"a": 1, "a": 2}', "a: 1\na: 2", "a: !!python/object:os.system x", "a: !x y", "a: !!timestamp 2026-11-30", "--- 1\n--- 2", "a: *b", "a: &a [*a]", "? [x]\n: 1", "? {x: 1}\n: 2",
    "a: [", "{", '{"a": NaN}', '{"a": Infinity}', '{"a": ' + "9" * 500 + "}", "[" * (MAX_NESTING + 2) + "]" * (MAX_NESTING + 2), "[" * 100_000, "a:\n" + "".join(" " * n + "- \n" for n in range(3)) + "\t",
    "<<: [1]", '{"a": 1,}\n}', BOMB,
]  # fmt: skip


@every("text", REFUSED, ids=range(len(REFUSED)))
def test_a_text_that_readers_differ_on_or_that_explodes_is_refused(text: str) -> None:
    """Members of one name twice, tags, aliases without end, numbers that are none."""
    with pytest.raises(MalformedError):
        read_document(text)


def test_a_text_is_bounded() -> None:
    """Before it is parsed."""
    with pytest.raises(MalformedError):
        read_document(" " * (MAX_DOCUMENT + 1))


def test_json_reads_the_same_as_yaml() -> None:
    """JSON is YAML: both readers see one value."""
    text = json.dumps({"a": [1, "no", None, True, {"b": "é\u2028"}], "c": {}})
    assert read_document(text) == read_document("# yaml\n" + text)
