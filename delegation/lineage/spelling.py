"""Grants as Python to paste: what is printed here evaluates to the very grant it spells.

All text is escaped to ASCII: a look-alike letter in a recorded argument must not hide in code.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterable
from typing import Final

from delegation.authority.capability import Capability
from delegation.authority.constraints import (
    AddressIn,
    AllOf,
    AnyOf,
    Anything,
    Argv,
    Constraint,
    Contains,
    Count,
    During,
    Each,
    EmailAt,
    Exact,
    Glob,
    HostNamed,
    Length,
    Links,
    Members,
    Missing,
    NotBelow,
    NotOneOf,
    OneOf,
    PathUnder,
    Range,
    Subset,
    UrlUnder,
)
from delegation.authority.grant import FIELDS, Grant
from delegation.canonical import Json

_TAKEN: Final = frozenset({"resources", "arguments", "delegate_only"})  # keywords of `may` itself
_STAGES: Final = {
    "needs_approval": ("ApprovalRule.from_json", "delegation.authority.approval", "ApprovalRule"),
    "flow": ("parse_flow_rule", "delegation.authority.flow", "parse_flow_rule"),
}


def python_constraint(constraint: Constraint) -> str:  # one line a kind
    """Return a constraint as an expression of the words that `delegation` exports."""
    match constraint:
        case Anything():
            return "anything()"
        case Missing():
            return "absent()"
        case Exact():
            return f"exact({constraint.value!a})"
        case OneOf():
            return f"one_of({_items(constraint.values)})"
        case NotOneOf():
            return f"not_one_of({_items(constraint.values)})"
        case Range():
            return f"between({constraint.min!a}, {constraint.max!a}{_exclusive(constraint)})"
        case Length():
            return f"text(max={constraint.max}, min={constraint.min})"
        case Count():
            return f"count({constraint.min}, {constraint.max})"
        case During():
            return f"during({constraint.start!a}, {constraint.end!a})"
        case Argv():
            rest = "None" if constraint.rest is None else python_constraint(constraint.rest)
            return f"argv({', '.join([*map(python_constraint, constraint.head), f'rest={rest}'])})"
        case Members():
            inner = [f"{name!a}: {python_constraint(part)}" for name, part in constraint.parts]
            return f"members({{{', '.join(inner)}}})"
        case Links():
            return f"links({_items(constraint.hosts)})"
        case NotBelow():
            return f"not_below({_items(constraint.under)})"
        case Contains():
            return f"contains({_items(constraint.values)})"
        case Subset():
            return f"subset({_items(constraint.values)})"
        case Each():
            return f"each({python_constraint(constraint.item)})"
        case AllOf():
            return f"all_of({', '.join(map(python_constraint, constraint.parts))})"
        case AnyOf():
            return f"any_of({', '.join(map(python_constraint, constraint.parts))})"
        case PathUnder():
            return f"path({_items(constraint.under)})"
        case UrlUnder():
            query = ", query=True" if constraint.query else ""
            return f"url({_items(constraint.under)}{query})"
        case HostNamed():
            return f"host({_items(constraint.names)})"
        case AddressIn():
            return f"cidr({_items(constraint.networks)})"
        case EmailAt():
            return f"email({_items(constraint.domains)})"
        case Glob():
            return f"glob({_items(constraint.patterns)})"
    raise AssertionError(constraint.kind)  # the set is closed


def _exclusive(constraint: Range) -> str:
    ends = (("above", constraint.above), ("below", constraint.below))
    return "".join(f", {name}={end!a}" for name, end in ends if end is not None)


def _items(values: Iterable[Json]) -> str:
    return ", ".join(map(ascii, values))


def python_capability(capability: Capability) -> str:
    """Return a capability as a call of `may`."""
    parts = [ascii(capability.tool.text)]
    if capability.resources:
        parts.append(f"resources=[{_items(p.text for p in capability.resources)}]")
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
    found = {python_constraint(constraint).partition("(")[0]}
    for member in constraint.members():
        found |= _constraint_words(member)
    return found
