"""Every public name says in plain English what it is: a docstring, whose first word is no clause."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = [
    file
    for room in ("delegation", "api")
    for file in sorted((ROOT / room).rglob("*.py"))
    if "migrations" not in file.parts
]
Named = (
    ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.If | ast.Try | ast.With
)
CLAUSES = {"What", "Who", "Whoever", "Whatever", "How", "Where", "When", "Why", "Those", "From"}
NOUNS = CLAUSES | {"The", "A", "An", "Its", "This", "Whether", "All"}  # where a verb belongs


def public(node: Named, path: str = "") -> Iterator[tuple[str, Named]]:
    """Return public classes and functions of a module or class; one that overrides has the sentence above."""
    for item in getattr(node, "body", []):
        if isinstance(item, ast.If | ast.Try | ast.With):
            yield from public(item, path)
        elif isinstance(item, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            decorators = {
                getattr(one, "id", getattr(one, "attr", "")) for one in item.decorator_list
            }
            if item.name.startswith("_") or decorators & {"overload", "override"}:
                continue
            yield f"{path}{item.name}", item
            if isinstance(item, ast.ClassDef):
                yield from public(item, f"{path}{item.name}.")


def is_read(node: Named) -> bool:
    """Whether it is read like a field."""
    return any("property" in ast.unparse(one) for one in getattr(node, "decorator_list", []))


def test_every_public_name_has_a_sentence() -> None:
    """Modules, classes, functions and methods: 3,200 of them, and none without."""
    named, without = 0, []
    for file in SOURCES:
        module = ast.parse(file.read_text("utf-8"))
        for name, item in [("the module", module), *public(module)]:
            named += 1
            if not ast.get_docstring(item):
                without.append(f"{file.relative_to(ROOT)}: {name}")
    assert without == []
    assert named > 3000


def test_first_sentences_are_plain() -> None:
    """A module's begins with no clause, a function's with a verb: outsiders look for a noun of their field."""
    odd = []
    for file in SOURCES:
        module = ast.parse(file.read_text("utf-8"))
        odd += [f"{file.relative_to(ROOT)}: {w}" for w in [first(module)] if w in CLAUSES]
        for name, item in public(module):
            if not isinstance(item, ast.ClassDef) and not is_read(item) and first(item) in NOUNS:
                odd.append(f"{file.relative_to(ROOT)}: {name}")
    assert odd == []


def first(node: Named) -> str:
    """Return the first word of a docstring."""
    return ((ast.get_docstring(node) or "-").split() or ["-"])[0].rstrip(":,.")


def test_what_is_looked_for_is_found() -> None:
    """A name without a sentence, and a clause, would be noticed."""
    module = ast.parse("class A:\n    def b(self): ...\n    @property\n    def _c(self): ...\n")
    assert [name for name, one in public(module) if not ast.get_docstring(one)] == ["A", "A.b"]
    assert first(ast.parse('"""What stands: all."""')) in CLAUSES
