"""Writes the reference of Python from signatures and docstrings: what other people's programs may import."""

from __future__ import annotations

import inspect
import re
from functools import cached_property
from importlib import import_module
from types import FunctionType
from typing import Any, Final

import delegation
from delegation.operations.operation import Operation
from references.markdown import docstring

# Modules that users import, in the order in which they meet them, and what of each if it has no `__all__`.
MODULES: Final[dict[str, tuple[str, ...]]] = {
    "delegation": (*delegation.__all__, "Tracker"),
    "delegation.client": (),
    "delegation.commands.open_child": ("Opening", "opening_request"),
    "delegation.commands.revoke": ("revocation_request",),
    "delegation.commands.approve": ("approval_question",),
    "delegation.judge.limits": ("Limits",),
    "delegation.authority.tool_decorator": ("tool",),
    "delegation.authority.handing": ("handed",),
    "delegation.authority.documents.reading": ("read_document",),
    "delegation.authority.documents.forms": ("tools_from",),
    "delegation.authority.arguments": ("NoCanonicalFormError", "parse_type", "shape_of"),
    "delegation.authority.approval": ("ApprovalRule",),
    "delegation.authority.flow": ("AfterNever",),
    "delegation.authority.pattern": ("tool_pattern",),
    "delegation.authority.refusal": ("Refusal",),
    "delegation.identity.approval": ("check_approval",),
    "delegation.identity.freeze": ("check_freeze",),
    "delegation.tokens.third_party": ("condition_of", "discharge_caveat", "third_party_caveat"),
    "delegation.graph": ("assessment_text", "junit", "tightening_text"),
    "delegation.shown": ("shown",),
    "delegation.integrations": (),
    "delegation.integrations.signing": ("Auth", "Signer", "discover"),
    "delegation.integrations.in_process": ("InProcessVerifier",),
    "delegation.integrations.spool": ("Spool",),
    "delegation.integrations.tool_log": ("ToolLog",),
    "delegation.testing": (),
    "delegation.errors": (),
    "delegation_api.app": ("create_app",),
}
INTRODUCTION: Final = """# Python

Every public name, generated from signatures and docstrings by `python -m references`. What is not on this page may change at any
time. A value that is not said to be otherwise is immutable and compares by its fields. Times are Unix seconds, durations seconds.

"""
SEEN: Final = re.compile(
    r"[;,] see `((?:tracker|commands)\.[\w.]+)`\."
)  # the command that a method of the tracker is
OPERATIONS: Final = (
    "Has each [operation](http-operations.md) of the service as a method of that name, with the arguments that `Tracker` shows but "
    "`by`: the API key says who acts. `delegation.operations` declares them. Beside them:"
)


def page() -> str:
    """Return the page of all public names."""
    lines = [INTRODUCTION.rstrip("\n"), ""]
    lines += [f"- [`{name}`](#{name.replace('.', '')})" for name in MODULES] + [""]
    shown: set[str] = set()
    for name in MODULES:
        module = import_module(name)
        lines += [f"## {name}", "", *docstring(module.__doc__)]
        for public in names_of(name):
            lines += _described(public, getattr(module, public), shown)
    return "\n".join(lines).rstrip("\n") + "\n"


def names_of(name: str) -> tuple[str, ...]:
    """Return the public names of a module, none of one that is not listed."""
    if name not in MODULES:
        return ()
    module = import_module(name)
    own = (
        member
        for member, one in vars(module).items()
        if not member.startswith("_") and getattr(one, "__module__", "") == name
    )
    return MODULES[name] or tuple(getattr(module, "__all__", ())) or tuple(own)


def _described(name: str, one: Any, shown: set[str]) -> list[str]:
    if inspect.isclass(one):
        return _class(name, one, shown)
    if callable(one):
        return [*_head(f"### {name}", name, one), *docstring(one.__doc__)]
    return [f"### {name}", "", f"Is `{one!r}`.", ""]


def _class(name: str, kind: type, shown: set[str]) -> list[str]:
    bases = [base.__name__ for base in kind.__bases__ if base.__name__.endswith("Error")]
    lines = [] if bases else _head(f"### {name}", name, kind)
    lines = lines or [f"### {name}", "", f"A `{bases[0]}`.", ""]
    lines += docstring(kind.__doc__)
    members: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.startswith("delegation"):
            members |= {n: m for n, m in vars(base).items() if not n.startswith("_")}
    if issubclass(kind, Exception):
        return lines
    is_client = name != "Tracker" and any(isinstance(one, Operation) for one in members.values())
    if is_client:
        lines += [OPERATIONS, ""]
    for member, value in sorted(members.items()):
        if is_client and isinstance(value, Operation):
            continue
        lines += _member(name, member, value, kind)
    return lines


def _member(name: str, member: str, value: Any, kind: type) -> list[str]:
    heading = f"#### {name}.{member}"
    if isinstance(value, property | cached_property):
        found = value.fget if isinstance(value, property) else value.func
        return [heading, "", *docstring(found.__doc__)]
    if isinstance(value, Operation):
        text = value.declared.__doc__
        return [*_head(heading, member, value.declared, value.signature), *docstring(text)]
    inner = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
    if not isinstance(inner, FunctionType):
        return []
    text = followed(inspect.getdoc(getattr(kind, member)) or "")
    return [
        *_head(heading, member, inner),
        *docstring(text, frozenset(inspect.signature(inner).parameters)),
    ]


def followed(text: str) -> str:
    """Return a docstring that refers to another one inside, with what that one says below its first line."""
    found = SEEN.search(text)
    if not found:
        return text
    where = f"delegation.{found[1]}"
    place, _, name = where.rpartition(".")
    try:
        other = inspect.getdoc(getattr(import_module(place), name)) or ""
    except (ImportError, AttributeError):
        raise AssertionError(f"A docstring says to see {where}, and there is none") from None
    more = "" if inspect.ismodule(getattr(import_module(place), name)) else other.partition("\n")[2]
    return text[: found.start()] + "." + text[found.end() :] + "\n" + more


def _head(
    heading: str, name: str, one: Any, signature: inspect.Signature | None = None
) -> list[str]:
    try:
        signature = signature or inspect.signature(one)
    except (TypeError, ValueError):
        return [heading, ""]
    if inspect.isclass(one):
        signature = signature.replace(return_annotation=signature.empty)
    prefix = "async " if inspect.iscoroutinefunction(one) else ""
    return [heading, "", "```text", f"{prefix}{name}{_spelled(signature)}", "```", ""]


def _spelled(signature: inspect.Signature) -> str:
    parts, is_named, is_placed = [], False, False
    for parameter in signature.parameters.values():
        if parameter.name in {"self", "cls"}:
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not is_named:
            is_named = True
            parts.append("*")
        if parameter.kind is parameter.VAR_POSITIONAL:
            is_named = True
        if is_placed and parameter.kind is not parameter.POSITIONAL_ONLY:
            parts.append("/")
        is_placed = parameter.kind is parameter.POSITIONAL_ONLY
        stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        text = stars + parameter.name
        hint = _hint(parameter.annotation)
        text += f": {hint}" if hint else ""
        if parameter.default is not parameter.empty:
            text += (" = " if hint else "=") + _default(parameter.default)
        parts.append(text)
    back = _hint(signature.return_annotation)
    inside = ", ".join(parts)
    if len(inside) > 90:
        inside = "\n    " + ",\n    ".join(parts) + ",\n"
    return f"({inside})" + (f" -> {back}" if back else "")


def _hint(annotation: Any) -> str:
    if annotation is inspect.Parameter.empty:
        return ""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    text = re.sub(r"\s+", " ", text)
    while (inner := re.sub(r"Union\[([^\[\]]+)\]", _either, text)) != text:
        text = inner
    while (inner := re.sub(r"Annotated\[((?:[^\[\],]|\[[^\[\]]*\])+),.*\]$", r"\1", text)) != text:
        text = inner
    return re.sub(r"\b[a-z_]+(?:\.[a-z_]+)*\.(?=[A-Z])", "", text)


def _either(found: re.Match[str]) -> str:
    return found[1].replace(", ", " | ").replace("NoneType", "None")


def _default(value: Any) -> str:
    text = repr(value)
    return "..." if text.startswith("<") else text
