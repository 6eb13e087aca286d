"""Fills and reads templates of paths, as Starlette has them.

Converters, several placeholders in one segment, and slashes at the end are part of a template. A path
that fills one in two ways is refused, for two servers might each take another way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from delegation.errors import MalformedError

_PLACEHOLDER: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]{0,63})(?::([a-z]+))?\}")
_LITERAL: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+,=:@/-]*")
_FILLS: Final[Mapping[str, str]] = {
    "str": "[^/]+",
    "path": ".*",
    "int": "[0-9]+",
    "float": r"[0-9]+(?:\.[0-9]+)?",
    "uuid": "[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}",
}
# Where greedy and sparing readers may differ.
_SPARING: Final[Mapping[str, str]] = {
    **_FILLS, "str": "[^/]+?", "path": ".*?", "int": "[0-9]+?", "float": r"[0-9]+?(?:\.[0-9]+?)??",
}  # fmt: skip
_KINDS: Final[Mapping[str, str]] = {"int": "integer", "float": "number"}
_MOST_PATHS: Final = 2  # each more multiplies the ways that a long path is tried in
_A_UUID: Final = "0a7bd56e-5c8c-4e2c-9d5e-1f2a3b4c5d6e"
# What may fill a placeholder, to learn whether one template takes all that another one takes.
_SAMPLES: Final[Mapping[str, tuple[str, str, str]]] = {
    "str": ("~a", "0", "a.b"),
    "path": ("~a", "0/b.c", ""),
    "int": ("0", "42", "7"),
    "float": ("0.5", "7", "1.25"),
    "uuid": (_A_UUID, _A_UUID, _A_UUID),
}


@dataclass(frozen=True, slots=True)
class Template:
    """The template of a path.

    Args:
        text: As it is declared, such as `/tiles/{z:int}/{y}.{format}`.
        convertors: Of each placeholder how Starlette converts it: `str`, `path`, `int`, `float` or `uuid`.
        literals: What stands before, between and after the placeholders.
        samples: Some paths that it takes.
    """

    text: str
    convertors: Mapping[str, str]
    literals: tuple[str, ...]
    samples: tuple[str, ...] = field(repr=False, compare=False)
    _greedy: re.Pattern[str] = field(repr=False, compare=False)
    _sparing: re.Pattern[str] = field(repr=False, compare=False)

    @property
    def placeholders(self) -> tuple[str, ...]:
        """Names of what is filled in, from left to right."""
        return tuple(self.convertors)

    def kind(self, name: str) -> str:
        """Return how the text of a placeholder is read if nothing else is said."""
        return _KINDS.get(self.convertors[name], "text")

    def matched(self, segments: Sequence[str]) -> dict[str, str] | None:
        """Return what fills the placeholders, None if the path is another template's.

        Args:
            segments: Decoded segments of a path, the last one empty if it ends in a slash.

        Raises:
            MalformedError: The path fills them in two ways.
        """
        path = "/" + "/".join(segments)
        if (found := self._greedy.fullmatch(path)) is None:
            return None
        other = self._sparing.fullmatch(path)
        if other is None or other.groupdict() != found.groupdict():
            raise MalformedError("The path", wanted="one that every server splits alike")
        return found.groupdict()

    def takes(self, path: str) -> bool:
        """Return whether a decoded path fills the template, in whatever way."""
        return self._greedy.fullmatch(path) is not None

    def filled(self, texts: Mapping[str, str]) -> str:
        """Return the escaped path that these texts fill.

        Not checked: that it is read as the same texts again.
        """
        names = zip(self.convertors.items(), self.literals[1:], strict=True)
        rest = (
            quote(texts[name], safe="/" if convertor == "path" else "") + literal
            for (name, convertor), literal in names
        )
        return self.literals[0] + "".join(rest)

    def covers(self, other: Template) -> bool:
        """Return whether this takes every path that another template takes, as far as samples show."""
        return all(self.takes(path) for path in other.samples)

    def may_meet(self, other: Template) -> bool:
        """Return whether some path might be taken by both; True where that is not known."""
        mine, theirs = self.text.split("/"), other.text.split("/")
        for left, right in zip(mine, theirs, strict=False):
            if ":path}" in left or ":path}" in right:
                return True
            if "{" in left and "{" in right:
                continue
            if not (
                _one(left).takes(f"/{right}") if "{" in left else _one(right).takes(f"/{left}")
            ):
                return False
        return len(mine) == len(theirs)


@lru_cache(maxsize=4096)
def template_of(text: str) -> Template:
    """Return the template of a path as it is declared.

    Raises:
        MalformedError: It has another form, or a converter that nobody knows.
    """
    pieces = _PLACEHOLDER.split(text)
    literals, names, said = pieces[::3], pieces[1::3], pieces[2::3]
    kinds = [kind or "str" for kind in said]
    segments = text.split("/")[1:]
    if (
        not text.startswith("/")
        or not all(_LITERAL.fullmatch(literal) for literal in literals)
        or any(segment == "" for segment in segments[:-1])
        or not {".", ".."}.isdisjoint(segments)
    ):
        raise MalformedError(
            "path",
            wanted="a path of plain characters and {names}, such as /orders/{order}",
            remedy="Write it as the application has it, with braces around placeholders: from the slash "
            "after the host to where a query begins.",
        )
    if "" in literals[1:-1]:
        raise MalformedError("path", wanted="a path with something between two placeholders")
    if kinds.count("path") > _MOST_PATHS:
        raise MalformedError(
            "path", wanted=f"a path with at most {_MOST_PATHS} {{name:path}} in it"
        )
    if set(kinds) - _FILLS.keys():
        raise MalformedError("A placeholder's converter", wanted=f"one of {', '.join(_FILLS)}")
    if len(set(names)) != len(names):
        raise MalformedError("path", wanted="each placeholder once")
    convertors = dict(zip(names, kinds, strict=True))
    return Template(
        text,
        convertors,
        tuple(literals),
        tuple(_samples(literals, kinds)),
        _pattern(literals, convertors, _FILLS),
        _pattern(literals, convertors, _SPARING),
    )


def _pattern(
    literals: Sequence[str], convertors: Mapping[str, str], fills: Mapping[str, str]
) -> re.Pattern[str]:
    spelled = (
        f"(?P<{name}>{fills[convertor]}){re.escape(literal)}"
        for (name, convertor), literal in zip(convertors.items(), literals[1:], strict=True)
    )
    return re.compile(re.escape(literals[0]) + "".join(spelled))


def _samples(literals: Sequence[str], convertors: Sequence[str]) -> Iterator[str]:
    for turn in range(3):
        for step in (0, 1):  # all placeholders alike, and each another
            pairs = enumerate(zip(convertors, literals[1:], strict=True))
            yield literals[0] + "".join(
                _SAMPLES[convertor][(turn + step * number) % 3] + literal
                for number, (convertor, literal) in pairs
            )


def _one(segment: str) -> Template:
    return template_of(f"/{segment}")
