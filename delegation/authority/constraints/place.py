"""Constrains places on the web and in names: `url`, `glob`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

from delegation.authority.arguments import ArgumentType, NoCanonicalFormError
from delegation.authority.arguments.families import FREE_TEXTS
from delegation.authority.arguments.host import is_special_host
from delegation.authority.arguments.path import is_under, refuse_odd_path
from delegation.authority.arguments.relative_path import leads
from delegation.authority.arguments.url import UrlParts, parse_url
from delegation.authority.constraints.constraint import Constraint, Value
from delegation.authority.constraints.wording import Wording, names, one_of_texts
from delegation.authority.fields import closed_object, list_of
from delegation.authority.pattern import segments_match, segments_within
from delegation.canonical import Json, refuse_odd_text
from delegation.errors import MalformedError
from delegation.lookalikes import readings

MAX_ENTRIES: Final = 64
# Some clients (yarl) send these as the characters that they are: another path than was granted.
_ESCAPED_PLAIN: Final = re.compile(r"%(?:2[1467-9A-C]|3[AD]|40)")
MAX_GLOB: Final = 256  # characters
_SEGMENTED: Final = FREE_TEXTS | {"path", "relative_path"}
# Besides what no path holds: what ends the path of a URL, and a brace that another segment closes.
_CUT: Final = re.compile(r"[#{}]")


def entries(kind: str, texts: Iterable[object]) -> tuple[str, ...]:
    """Return a constraint's entries in their one order, each once.

    Raises:
        MalformedError: None, too many, or one that is no text.
    """
    unique: set[str] = set()
    for text in texts:
        if type(text) is not str:
            raise MalformedError(kind, wanted="a list of texts")
        unique.add(text)
    if not 0 < len(unique) <= MAX_ENTRIES:
        raise MalformedError(kind, wanted=f"1 to {MAX_ENTRIES} entries")
    return tuple(sorted(unique))


@dataclass(frozen=True, slots=True)
class UrlUnder(Constraint):
    """A URL that is one of these or below it: scheme, host and port equal, path by whole segments.

    Args:
        under: Canonical URLs without query or trailing slash.
        query: Whether a query may follow.
    """

    kind: ClassVar[str] = "url"
    under: tuple[str, ...]
    query: bool = False
    _tops: tuple[UrlParts, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "under", entries("url", self.under))
        if type(self.query) is not bool:
            raise MalformedError("url query", wanted="a boolean")
        tops = []
        for text in self.under:
            try:
                parts = parse_url(text, special=True)
            except NoCanonicalFormError as error:
                raise MalformedError("url under", wanted="canonical URLs") from error
            if parts.query is not None or (parts.path != "/" and parts.path.endswith("/")):
                raise MalformedError("url under", wanted="URLs without query or trailing slash")
            if parts.text != text:
                raise MalformedError("url under", wanted="canonical URLs")
            if _ESCAPED_PLAIN.search(parts.path):
                raise MalformedError("url under", wanted="!$&'()*+,:=@ written without escapes")
            tops.append(parts)
        object.__setattr__(self, "_tops", tuple(tops))

    def admits(self, value: Value) -> bool:
        """Return whether it is a URL below one of the tops."""
        if not isinstance(value, str):
            return False
        try:
            parts = parse_url(value, special=True)
        except NoCanonicalFormError:
            return False
        return (
            parts.text == value
            and (self.query or parts.query is None)
            and any(_is_below(parts, top) for top in self._tops)
        )

    def names_special(self, value: Value) -> bool:
        """Return whether it is below one of the tops, since each names its host."""
        return self.admits(value)

    def special_parts(self) -> tuple[Constraint, ...]:
        """Return each top whose host is special by itself."""
        return tuple(
            UrlUnder((top.text,), self.query) for top in self._tops if is_special_host(top.host)
        )

    def holds_special(self, part: Constraint) -> bool:
        """Return whether the part's tops are below these."""
        return part.lies_within(self)

    def fits(self, of: ArgumentType) -> bool:
        """Return whether the type is a URL's."""
        return of.name == "url"

    def lies_within(self, parent: Constraint) -> bool:
        """Return whether every top is below one of the parent's, and queries are no freer."""
        return (
            isinstance(parent, UrlUnder)
            and (parent.query or not self.query)
            and all(any(_is_below(mine, top) for top in parent._tops) for mine in self._tops)  # noqa: SLF001
        )

    def body(self) -> Json:
        """Return the tops and whether queries are admitted."""
        return {"under": [*self.under], "query": self.query}

    def probes(self) -> Iterable[Value]:
        """Return the tops, URLs below, siblings that begin alike, and ones with a query."""
        for top in self.under:
            stem = top.rstrip("/")
            yield from (top, f"{stem}/x", f"{stem}x", f"{top}?x", f"{stem}/x?x")

    @classmethod
    def parse(cls, body: Json) -> UrlUnder:
        """Return the constraint that this body states.

        Raises:
            MalformedError: A field is missing, unknown or of another form.
        """
        fields = closed_object("url", body, frozenset({"under", "query"}))
        under = list_of("url under", fields["under"], MAX_ENTRIES)
        return cls(tuple(under), fields["query"])  # type: ignore[arg-type]  # checked at birth

    def _wording(self, _: ArgumentType | None) -> Wording:
        query, any_query = ("", " with any query") if self.query else (", without a query", "")
        must = f"a URL under {one_of_texts(self.under)}{query}"
        return Wording(must, f"under {names(self.under)}{any_query}")


def _is_below(parts: UrlParts, top: UrlParts) -> bool:
    return (parts.scheme, parts.host, parts.port) == (top.scheme, top.host, top.port) and is_under(
        parts.path, top.path
    )


@dataclass(frozen=True, slots=True)
class Glob(Constraint):
    """A text of segments between slashes that matches one of these patterns.

    What a wildcard stands for must be one segment to every reader, of a file, URL, list or command
    line: what a path's segment may be, less `# { }`; the first of a text without `:`, and without
    `- ~ @` at its beginning. What a pattern spells out is its author's.

    Args:
        patterns: `*` is exactly one whole segment, `**` at the end one or more.
    """

    kind: ClassVar[str] = "glob"
    patterns: tuple[str, ...]
    _segments: tuple[tuple[str, ...], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "patterns", entries("glob", self.patterns))
        split = []
        for pattern in self.patterns:
            refuse_odd_text(pattern, "glob")
            segments = tuple(pattern.split("/"))
            inner = segments[1:] if pattern.startswith("/") else segments
            if (
                len(pattern) > MAX_GLOB
                or any("*" in s and s not in {"*", "**"} for s in segments)
                or "**" in segments[:-1]
                or any(s in {"", ".", ".."} for s in inner)
            ):
                raise MalformedError(
                    "glob",
                    wanted="plain segments, * alone or ** at the end",
                    remedy="Let a wildcard stand for a whole segment, as in reports/*: no constraint "
                    "compares how a text begins. Name the texts, one_of(...), or bound them, text(max=...).",
                )
            split.append(segments)
        object.__setattr__(self, "_segments", tuple(split))

    def admits(self, value: Value) -> bool:
        """Return whether it matches a pattern, each wildcard by what all read as one segment."""
        if not isinstance(value, str):
            return False
        segments = value.split("/")
        return any(
            segments_match(pattern, segments) and _is_plain(pattern, segments)
            for pattern in self._segments
        )

    def fits(self, of: ArgumentType) -> bool:
        """Return whether the type may hold segments."""
        return of.name in _SEGMENTED

    def lies_within(self, parent: Constraint) -> bool:
        """Return whether every pattern is within one of the parent's."""
        return isinstance(parent, Glob) and all(
            any(
                segments_within(mine, theirs) and _is_plain(theirs, list(map(_literal, mine)))
                for theirs in parent._segments  # noqa: SLF001
            )
            for mine in self._segments
        )

    def body(self) -> Json:
        """Return the patterns."""
        return [*self.patterns]

    def probes(self) -> Iterable[Value]:
        """Return names that match each pattern, with one segment or several for a wildcard."""
        for pattern in self.patterns:
            yield pattern.replace("**", "x/y").replace("*", "x")
            yield pattern.replace("**", "x").replace("*", "y")
            yield pattern.replace("*", "x") + "/z"

    def _wording(self, _: ArgumentType | None) -> Wording:
        return Wording(f"text like {one_of_texts(self.patterns)}", f"like {names(self.patterns)}")


def _literal(segment: str) -> str:
    """Return a pattern's segment, for a wildcard a plain one that it stands for."""
    return "x" if segment in {"*", "**"} else segment


def _is_plain(pattern: Sequence[str], segments: Sequence[str]) -> bool:
    """Return whether each segment under a wildcard is one to every reader."""
    return not any(
        pattern[min(index, len(pattern) - 1)] in {"*", "**"} and _is_odd(segment, first=index == 0)
        for index, segment in enumerate(segments)
    )


def _is_odd(segment: str, *, first: bool) -> bool:
    try:
        refuse_odd_path(f"/{segment}")
    except NoCanonicalFormError:
        return True
    return (first and leads(segment)) or any(map(_CUT.search, readings(segment)))
