"""Spells grants as Python to paste, which evaluates to the very grant it spells.

All text is escaped to ASCII: a look-alike letter in a recorded argument must not hide in code.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Final

from delegation.authority.capability import Capability
from delegation.authority.constraints import Argv, Constraint, Length, Members, Range, UrlUnder
from delegation.authority.grant import FIELDS, Grant

_WORDS: Final = {"any": "anything", "all": "all_of", "range": "between", "length": "text"}
_TAKEN: Final = frozenset({"resources", "arguments", "delegate_only"})  # keywords of `may` itself
_STAGES: Final = {
    "needs_approval": ("ApprovalRule.from_json", "delegation.authority.approval", "ApprovalRule"),
    "flow": ("parse_flow_rule", "delegation.authority.flow", "parse_flow_rule"),
}


def python_constraint(constraint: Constraint) -> str:
    """Return a constraint as an expression of the words that `delegation` exports."""
    return f"{_word(constraint)}({', '.join(_arguments(constraint))})"


def _word(constraint: Constraint) -> str:
    return _WORDS.get(constraint.kind, constraint.kind)


def _arguments(constraint: Constraint) -> Iterator[str]:
    match constraint:
        case Range():
            yield from (ascii(constraint.min), ascii(constraint.max))
            ends = (("above", constraint.above), ("below", constraint.below))
            yield from (f"{name}={end!a}" for name, end in ends if end is not None)
        case Length():
            yield from (f"max={constraint.max}", f"min={constraint.min}")
        case Argv():
            rest = "None" if constraint.rest is None else python_constraint(constraint.rest)
            yield from (*map(python_constraint, constraint.head), f"rest={rest}")
        case Members():
            parts = (f"{name!a}: {python_constraint(part)}" for name, part in constraint.parts)
            yield f"{{{', '.join(parts)}}}"
        case UrlUnder():
            yield from map(ascii, constraint.under)
            if constraint.query:
                yield "query=True"
        case _:  # its fields one after another, of lists each entry
            for field in fields(constraint):  # type: ignore[arg-type]  # each kind is a dataclass
                if field.init:
                    held = getattr(constraint, field.name)
                    for one in held if isinstance(held, tuple) else (held,):
                        yield python_constraint(one) if isinstance(one, Constraint) else ascii(one)


def python_capability(capability: Capability) -> str:
    """Return a capability as a call of `may`."""
    parts = [ascii(capability.tool.text)]
    if capability.resources:
        parts.append(f"resources=[{', '.join(ascii(p.text) for p in capability.resources)}]")
    if capability.delegate_only:
        parts.append("delegate_only=True")
    odd = {}
    for name, constraint in capability.arguments.items():
        spelled = python_constraint(constraint)
        if name.isidentifier() and not keyword.iskeyword(name) and name not in _TAKEN:
            parts.append(f"{name}={spelled}")
        else:
            odd[name] = spelled
    if odd:
        inner = ", ".join(f"{name!a}: {spelled}" for name, spelled in odd.items())
        parts.append(f"arguments={{{inner}}}")
    return f"may({', '.join(parts)})"


def python_grant(grant: Grant, *, name: str = "grant") -> str:
    """Return statements that assign the grant; every set field is written, imports first.

    Args:
        grant: The grant.
        name: The variable that gets it.
    """
    body = grant.to_json()
    lines = []
    rules = []
    words = {"Grant"}
    for field in FIELDS:
        if field in grant.unset:
            continue
        if field == "capabilities":
            spelled = [python_capability(capability) for capability in grant.capabilities]
            words |= _words(grant.capabilities)
            inner = ["    [", *(f"        {one}," for one in spelled), "    ],"]
            lines += inner if spelled else ["    [],"]
        elif field in _STAGES and body[field]:
            read, module, imported = _STAGES[field]
            rules.append(f"from {module} import {imported}")
            value = body[field]
            stated = value if isinstance(value, list) else []
            lines += [f"    {field}=[", *(f"        {read}({one!a})," for one in stated), "    ],"]
        else:
            lines.append(f"    {field}={body[field]!a},")
    imports = [f"from delegation import {', '.join(sorted(words))}", *sorted(rules)]
    return "\n".join([*imports, "", f"{name} = Grant(", *lines, ")"]) + "\n"


def _words(capabilities: Iterable[Capability]) -> set[str]:
    found = set()
    for capability in capabilities:
        found.add("may")
        for constraint in capability.arguments.values():
            found |= _constraint_words(constraint)
    return found


def _constraint_words(constraint: Constraint) -> set[str]:
    found = {_word(constraint)}
    for member in constraint.members():
        found |= _constraint_words(member)
    return found
