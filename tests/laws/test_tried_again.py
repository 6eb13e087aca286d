"""Law: whatever opens a transaction that writes is done again while it is known to be undone."""

from __future__ import annotations

import ast
from pathlib import Path

import delegation

ROOT = Path(delegation.__file__).parent
# What the rest is made of: these open transactions for others, or once at a start.
BELOW = {"records/store.py", "records/engine/database.py", "records/schema/migrate.py"}
OPENERS = {"write", "writing"}


def opens(node: ast.AST) -> bool:
    """Return whether a statement opens a transaction that writes."""
    if not isinstance(node, ast.With):
        return False
    calls = [one.context_expr for one in node.items if isinstance(one.context_expr, ast.Call)]
    return any(
        isinstance(call.func, ast.Attribute)
        and call.func.attr in OPENERS
        and ast.unparse(call.func.value).split(".")[-1].strip("_") in {"store", "database"}
        for call in calls
    )


def functions(tree: ast.Module) -> list[tuple[ast.FunctionDef, list[str]]]:
    """Return functions that open such a transaction themselves, with their decorators."""
    return [
        (node, [ast.unparse(one) for one in node.decorator_list])
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and any(opens(inner) for inner in ast.walk(node))
    ]


def test_every_command_that_writes_is_tried_again() -> None:
    """A new command without it gives up at the first lock that it does not get."""
    found, missing = 0, []
    for file in sorted(ROOT.rglob("*.py")):
        name = file.relative_to(ROOT).as_posix()
        if name in BELOW or name.startswith("records/schema/migrations"):
            continue
        for function, decorators in functions(ast.parse(file.read_text())):
            found += 1
            if "tried_again" not in decorators:
                missing.append(f"{name}: {function.name}")
    assert found > 30
    assert missing == []
