"""Reads a capability as Python spells it: `mail.send(to=email("acme.example"))`; runs nothing.

The words are those of `delegation.authority.constraints`, the values literals. What `tighten` prints
(`may("mail.send", ...)`) is read as well.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final, NoReturn

from delegation.authority.capability import Capability, may
from delegation.authority.constraints import WORDS, Constraint
from delegation.errors import MalformedError

MAX_TEXT: Final = 64 * 1024  # characters; a payload is no longer
_WANTED: Final = 'a tool, or a tool with its arguments, such as mail.send(to=email("acme.example"))'
# By the name that a constraint has in JSON, where Python spells it otherwise.
_OF_KINDS: Final[Mapping[str, str]] = {
    "length": "text(max=...)", "range": "between", "all": "all_of", "any": "anything",
}  # fmt: skip


def read_capability(text: str) -> Capability:
    """Return the capability that a text spells.

    `TOOL` admits calls without arguments; `TOOL(name=constraint, ...)` takes what `may` takes beside
    the tool: a constraint for each argument, `resources=[...]`, `arguments={...}`, `delegate_only=True`.

    Args:
        text: One capability.

    Raises:
        MalformedError: It is something else, or a part has another form than `may` accepts.
    """
    if len(text) > MAX_TEXT:
        raise MalformedError("A capability", wanted=f"at most {MAX_TEXT} characters")
    tool, bracket, rest = text.strip().partition("(")
    if not bracket:
        return may(tool)
    # In a pattern a tool may have letters that are no Python: only what follows it is read as such.
    call = _parsed(f"may({rest}")
    positional = list(call.args)
    if tool == "may" and positional:
        named = _literal(positional.pop(0))
        tool = named if isinstance(named, str) else ""
    if positional:
        _refuse()
    given = {_name(one): _value(one.value) for one in call.keywords}
    if len(given) != len(call.keywords) or not isinstance(given.get("resources", []), list):
        _refuse()
    try:
        return may(tool, **given)
    except (TypeError, AttributeError, ValueError):
        _refuse()


def _parsed(source: str) -> ast.Call:
    try:
        found = ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        _refuse()
    if not (
        isinstance(found, ast.Call) and isinstance(found.func, ast.Name) and found.func.id == "may"
    ):
        _refuse()
    for node in ast.walk(found):
        if isinstance(node, ast.Dict):
            names = [key.value for key in node.keys if isinstance(key, ast.Constant)]
            if not all(isinstance(one, str) for one in names) or len({*names}) != len(node.keys):
                _refuse()  # of two members of one name Python takes the last, and people the first
    return found


def _name(given: ast.keyword) -> str:
    if given.arg is None:
        _refuse()
    return given.arg


def _value(node: ast.expr) -> Any:
    """Return a constraint, a literal, or a mapping of names to such."""
    if isinstance(node, ast.Call):
        return _constraint(node)
    if isinstance(node, ast.Dict):
        if not all(isinstance(key, ast.Constant) for key in node.keys):
            _refuse()
        keys = [_literal(key) for key in node.keys if key is not None]
        return dict(zip(keys, map(_value, node.values), strict=True))
    return _literal(node)


def _constraint(node: ast.Call) -> Constraint:
    word = WORDS.get(node.func.id) if isinstance(node.func, ast.Name) else None
    if word is None:
        known = ", ".join(sorted(WORDS))
        said = node.func.id if isinstance(node.func, ast.Name) else ""
        near = [_OF_KINDS[said]] if said in _OF_KINDS else get_close_matches(said, sorted(WORDS))
        raise MalformedError(
            "A constraint",
            wanted=f"one of {known}",
            remedy=f"Did you mean {' or '.join(near)}? The constraints are in docs/reference/caveats.md."
            if near
            else "Write it as docs/reference/caveats.md does: title=text(max=50) or euros=between(1, 500).",
        )
    try:
        return word(*map(_value, node.args), **{_name(k): _value(k.value) for k in node.keywords})
    except (TypeError, AttributeError, ValueError, ArithmeticError):
        raise MalformedError(
            word.__name__, wanted="in the form of docs/reference/caveats.md"
        ) from None


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        _refuse()


def _refuse() -> NoReturn:
    raise MalformedError("A capability", wanted=_WANTED) from None
