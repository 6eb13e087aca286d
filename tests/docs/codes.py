"""Every stable code of the project, collected from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Calls whose first (or numbered) argument is a code.
_CALLS = {
    "Refusal": 0,
    "Reason": 0,
    "NoCanonicalFormError": 0,
    "SpecialHostError": 0,
    "fail": 1,
    "_refusal": 0,
    "_subset": 1,
    "_root_denial": 1,
    "problem": 1,
    "WiderThanParentError": 0,
    "UnverifiedError": 0,
    "ServiceError": 1,
}


def strings(node: ast.expr) -> Iterator[str]:
    """Return the texts that an expression may be."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from strings(node.body)
        yield from strings(node.orelse)


def codes() -> dict[str, tuple[str, str]]:
    """Return code -> (message, remedy), as far as they are literal."""
    found: dict[str, tuple[str, str]] = {}
    files = [*(ROOT / "delegation").rglob("*.py"), *(ROOT / "api").rglob("*.py")]
    for file in files:
        if "cli" in file.relative_to(ROOT).parts:  # its `fail` prints sentences
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ClassDef):
                for item in node.body:
                    if (
                        isinstance(item, ast.AnnAssign)
                        and getattr(item.target, "id", "") == "code"
                        and item.value
                    ):
                        for code in filter(None, strings(item.value)):
                            found[code] = ((ast.get_docstring(node) or "").split("\n")[0], "")
            name = getattr(getattr(node, "func", None), "id", "")
            if isinstance(node, ast.Call) and name in _CALLS and len(node.args) > _CALLS[name]:
                place = _CALLS[name]
                texts = [s for a in node.args[place + 1 :] for s in strings(a)]
                remedy = next(
                    (s for k in node.keywords if k.arg == "remedy" for s in strings(k.value)), ""
                )
                for code in strings(node.args[place]):
                    message = texts[0] if texts else ""
                    if (
                        not remedy
                        and name in {"Refusal", "fail", "_refusal", "_root_denial"}
                        and len(texts) > 1
                    ):
                        remedy = texts[-1]
                    found.setdefault(code, (message, remedy))
            if isinstance(node, ast.Dict) and file.name == "problems.py":
                for value in node.values:
                    for code in strings(value):
                        if "_" in code and code.islower():
                            found.setdefault(code, ("", ""))
    return found
