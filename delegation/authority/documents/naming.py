"""Names imported tools: the source's own in lower-case words, told apart where two come to one."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from delegation.authority.alias import RESERVED_PREFIX, is_alias
from delegation.authority.arguments.url_text import kind_of
from delegation.authority.catalogue import Tool
from delegation.authority.documents.imported import Imported, Report, UnmappableError, shown
from delegation.authority.documents.inputs import TEXT_PLACES, Input
from delegation.authority.fields import ARGUMENT_NAME
from delegation.authority.pattern import TOOL_NAME
from delegation.canonical import Json
from delegation.errors import MalformedError

_WORD: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+", re.ASCII)
_MARK: Final = 8  # hexadecimal digits that tell two names apart
_LENGTHS: Final = (512, 256, 128, 64, 48, 32)
_ODD: Final = re.compile(r"[^ -~]")


@dataclass(frozen=True, slots=True)
class Draft:
    """A tool before it has its name.

    Args:
        key: What tells it from all others of the document, such as `GET /users/{id}`.
        source: Its own name there, empty where it has none.
        effect: What a call does.
        arguments: Types by key.
        inputs: Where each argument stands in a request; empty for what is no request.
        media: The media type of the request's body, empty for none.
    """

    key: str
    source: str
    effect: str
    arguments: Mapping[str, Json]
    inputs: tuple[Input, ...] = ()
    media: str = ""


def imported(
    drafts: Sequence[Draft],
    skipped: list[tuple[str, str]],
    report: Report,
    *,
    prefix: str,
    system: str,
) -> Imported:
    """Return the tools of a document, named; two that come to one name both get a mark of their key.

    Args:
        drafts: What was mapped, in the document's order.
        skipped: What was not, and why.
        report: What was kept and lost.
        prefix: First segments of all names; empty for none.
        system: Which system they act on.

    Raises:
        MalformedError: The prefix is none, or reserved.
    """
    refuse_odd_prefix(prefix)
    sources = Counter(draft.source for draft in drafts)
    plain = [_plain(draft, prefix, is_unique=sources[draft.source] == 1) for draft in drafts]
    counts = Counter(plain)
    names = [
        name if counts[name] == 1 else _fitted(name, draft.key, is_marked=True)
        for name, draft in zip(plain, drafts, strict=True)
    ]
    tools: dict[str, Tool] = {}
    made: dict[str, Draft] = {}
    for name, draft in zip(names, drafts, strict=True):
        aliases = _aliases(name, draft, sources, set(names), report)
        try:
            tool = Tool(
                name, effect=draft.effect, arguments=draft.arguments, system=system, aliases=aliases
            )
        except MalformedError as error:
            skipped.append((shown(draft.key), f"no definition can state it: {error}"))
            continue
        if name in tools:  # two keys are one, which no document should have
            skipped.append((shown(draft.key), "another operation has the same name"))
        else:
            tools[name], made[name] = tool, draft
    return Imported(
        tuple(tools[name] for name in sorted(tools)),
        tuple(skipped),
        report.notes,
        report.bounds_kept,
        report.bounds_lost,
        lost=report.losses,
        prefix=prefix,
        operations={name: draft.key for name, draft in made.items()},
        inputs={name: _read(draft.inputs, tools[name]) for name, draft in made.items()},
        media={name: draft.media for name, draft in made.items() if draft.media},
    )


def _read(inputs: tuple[Input, ...], tool: Tool) -> tuple[Input, ...]:
    """Return inputs with the kinds as which their texts state what the tool's types admit."""
    return tuple(
        replace(one, kind=kind_of(tool.arguments[one.argument].type, many=one.many))
        if one.place in TEXT_PLACES
        else one
        for one in inputs
    )


def refuse_odd_prefix(prefix: str) -> None:
    """Refuse what cannot stand before the tools' names.

    Raises:
        MalformedError: It is no dotted lower-case name, or reserved.
    """
    if prefix and not TOOL_NAME.fullmatch(f"{prefix}.x"):
        raise MalformedError("The prefix", wanted="a dotted lower-case name")
    if f"{prefix}.".startswith(RESERVED_PREFIX):
        raise MalformedError("The prefix", wanted=f"one that does not begin with {RESERVED_PREFIX}")


def _plain(draft: Draft, prefix: str, *, is_unique: bool) -> str:
    source = draft.source if draft.source and is_unique else draft.key
    words = "_".join(_WORD.findall(source)).lower()
    name = f"{prefix}.{words}" if prefix else words
    # What is left of a name in other letters is no name: only the mark tells such ones apart.
    is_whole = bool(words) and source.isascii()
    return name if is_whole and TOOL_NAME.fullmatch(name) else _fitted(name, draft.key)


def _fitted(name: str, key: str, *, is_marked: bool = False) -> str:
    """Return a name with a mark of its key, as long as names may be."""
    mark = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:_MARK]
    before, _, words = name.rpartition(".")
    for length in _LENGTHS:
        cut = words[: length - _MARK - 1].strip("_")
        made = ".".join(filter(None, (before, "_".join(filter(None, (cut, mark))))))
        if TOOL_NAME.fullmatch(made) and (is_marked or made != name):
            return made
    return mark


def _aliases(
    name: str, draft: Draft, sources: Counter[str], names: set[str], report: Report
) -> tuple[str, ...]:
    alias = draft.source
    if not alias or alias == name:
        return ()
    if sources[alias] > 1 or alias in names:
        report.note(draft.key, f"its own name {alias} is another's too, and so no alias")
        return ()
    if not is_alias(alias):
        report.note(draft.key, f"its own name {alias} is no alias that calls may use")
        return ()
    return (alias,)


def argument_name(
    name: str, place: str, taken: Mapping[str, object], report: Report, where: str
) -> str:
    """Return the name of an argument: the source's own, or one like it where that is taken or none.

    Args:
        name: As the document has it.
        place: Where the value goes, such as `query`.
        taken: The names that other arguments have.
        report: Takes a note of another name.
        where: What the note calls the argument.

    Raises:
        UnmappableError: There is no name like it that is free.
    """
    plain = _ODD.sub("_", name).strip().rstrip("?")[:180].strip() or "_"
    for made in (plain, f"{place}.{plain}", *(f"{place}.{plain}.{n}" for n in range(2, 100))):
        if made not in taken and ARGUMENT_NAME.fullmatch(made):
            if made != name:
                report.note(where, f"it is the argument {made}")
            return made
    raise UnmappableError(f"{where} has no name that is free")
