"""Writes the reference of the command line from the program: each command with its arguments and options."""

from __future__ import annotations

import inspect
from typing import Any, Final

from cli_tree import commands

from references.markdown import cell, table

INTRODUCTION: Final = """# Commands and options

Every command with its arguments and options, generated from the program by `python -m references`. How each is used, with an
example that runs, is in [command line](cli.md).

"""
_KINDS: Final = {"str": "text", "int": "integer", "float": "number"}


def page() -> str:
    """Return the page of all commands."""
    found = list(commands())
    lines = [INTRODUCTION.rstrip("\n"), ""]
    for words, command in found:
        name = " ".join(words)
        lines += [
            f"## delegation {name}",
            "",
            *_synopsis(name, command),
            inspect.cleandoc(command.help or ""),
            "",
        ]
        lines += [
            *_parameters(command),
            f"Example: [{name}](cli.md#delegation-{'-'.join(words)}).",
            "",
        ]
    return "\n".join(lines).rstrip("\n") + "\n"


def _synopsis(name: str, command: Any) -> list[str]:
    parts = [f"delegation {name}"]
    if any(one.param_type_name == "option" for one in command.params):
        parts.append("[OPTIONS]")
    for one in command.params:
        if one.param_type_name == "argument":
            word = one.human_readable_name + ("..." if one.nargs == -1 else "")
            parts.append(word if one.required else f"[{word}]")
    return ["```text", " ".join(parts), "```", ""]


def _parameters(command: Any) -> list[str]:
    rows = []
    for one in command.params:
        if getattr(one, "hidden", False) or one.name == "help":
            continue
        if one.param_type_name == "argument":
            spelled = f"`{one.human_readable_name}`"
        else:
            spelled = ", ".join(f"`{word}`" for word in [*one.opts, *one.secondary_opts])
        is_flag = getattr(one, "is_flag", False) and not one.secondary_opts
        takes = "" if is_flag or one.secondary_opts else _kind(one)
        default = one.default if not one.required else None
        if callable(default) or default in (None, "", (), []) or default is False or is_flag:
            said = "required" if one.required else ""
        else:
            said = f"`{getattr(default, 'value', default)}`"
        rows.append([spelled, takes, said, cell(getattr(one, "help", "") or "")])
    return table(["argument or option", "takes", "default", "what"], rows)


def _kind(one: Any) -> str:
    kind = one.type
    choices = getattr(kind, "choices", None)
    if choices:
        return ", ".join(f"`{getattr(choice, 'value', choice)}`" for choice in choices)
    low, high = getattr(kind, "min", None), getattr(kind, "max", None)
    bounds = " to ".join(str(n) for n in (low, high) if n is not None)
    if bounds and high is None:
        bounds += " or more"
    many = ", several times" if one.multiple or one.nargs == -1 else ""
    word = _KINDS.get(kind.name.removesuffix(" range"), kind.name)
    return f"{word}{' ' + bounds if bounds else ''}{many}"
