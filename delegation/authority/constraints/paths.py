r"""Constrains paths: `path` admits what is at or below some, `not_below` what is not.

What is left out is left out in every guise: a system that folds case or normal forms takes
`/Data/SECRET` for `/data/secret`, and one that fits letters to a code page `/data/\u015fecret`, so there
both sides are compared folded, as every reader sees them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from delegation.authority.arguments import ArgumentType, NoCanonicalFormError
from delegation.authority.arguments.path import is_under, refuse_odd_path
from delegation.authority.constraints.constraint import Constraint, Value
from delegation.authority.constraints.place import entries
from delegation.authority.constraints.wording import Wording, names, one_of_texts
from delegation.canonical import Json
from delegation.errors import MalformedError
from delegation.ignorable import IGNORABLE
from delegation.lookalikes import letter_readings, readings


@dataclass(frozen=True, slots=True)
class _Paths(Constraint):
    """What both kinds share.

    Args:
        under: Canonical paths, all absolute or, in payload version 2, all relative.
    """

    under: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "under", entries(self.kind, self.under))
        if any(top.startswith("/") != self.is_absolute for top in self.under):
            raise MalformedError(self.kind, wanted="paths that are all absolute or all relative")
        try:
            for top in self.under:
                refuse_odd_path(top if self.is_absolute else f"/{top}")
        except NoCanonicalFormError as error:
            raise MalformedError(self.kind, wanted="canonical paths") from error
        if "" in self.under:
            raise MalformedError(self.kind, wanted="canonical paths")

    @property
    def is_absolute(self) -> bool:
        """Whether it speaks of absolute paths."""
        return self.under[0].startswith("/")

    def _is_path(self, value: Value) -> bool:
        return isinstance(value, str) and value.startswith("/") == self.is_absolute

    def fits(self, of: ArgumentType) -> bool:
        """Return whether the type is that of such paths."""
        return of.name == ("path" if self.is_absolute else "relative_path")


@dataclass(frozen=True, slots=True)
class PathUnder(_Paths):
    """A path that is one of these or below it, by whole segments."""

    kind: ClassVar[str] = "path"

    @property
    def version(self) -> int:
        """2 for relative paths."""
        return 1 if self.is_absolute else 2

    def admits(self, value: Value) -> bool:
        """Return whether it is a path below one of the tops."""
        return self._is_path(value) and any(is_under(str(value), top) for top in self.under)

    def lies_within(self, parent: Constraint) -> bool:
        """Return whether every top is below one of the parent's, or far from what it leaves out."""
        if isinstance(parent, NotBelow):
            left_out = parent.left_out
            return self.is_absolute == parent.is_absolute and not any(
                is_under(mine, theirs) or is_under(theirs, mine)
                for top in self.under
                for mine in guises(top)
                for theirs in left_out
            )
        return isinstance(parent, PathUnder) and all(
            any(is_under(mine, top) for top in parent.under) for mine in self.under
        )

    def body(self) -> Json:
        """Return the tops."""
        return {"under": [*self.under]}

    def probes(self) -> Iterable[Value]:
        """Return the tops, a path below and a sibling that begins alike."""
        for top in self.under:
            stem = top.rstrip("/")
            yield from (top, f"{stem}/x", f"{stem}x" if stem else "/x", "/")

    def _wording(self, _: ArgumentType | None) -> Wording:
        return Wording(f"a path under {one_of_texts(self.under)}", f"under {names(self.under)}")


@lru_cache(maxsize=512)
def guises(path: str) -> frozenset[str]:
    """Return a path as systems see it that fold case, normal forms or letters, or drop characters."""
    seen = {IGNORABLE.sub("", text) for text in readings(path)}
    return frozenset(map(_folded, seen.union(*map(letter_readings, seen))))


def _all_under(paths: Iterable[str], tops: frozenset[str]) -> bool:
    return all(any(is_under(path, top) for top in tops) for path in paths)


def _folded(text: str) -> str:
    # Twice: folding may undo the normal form, and the normal form brings letters that fold.
    for _ in range(2):
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return text


@dataclass(frozen=True, slots=True)
class NotBelow(_Paths):
    """A path that is none of these nor below one, however it is written; not of `/`, which is all."""

    kind: ClassVar[str] = "not_below"
    since: ClassVar[int] = 2

    def __post_init__(self) -> None:
        super(NotBelow, self).__post_init__()  # a slotted dataclass is made anew
        if "/" in self.under:
            raise MalformedError("not_below", wanted="paths other than /, which leaves nothing")

    @property
    def left_out(self) -> frozenset[str]:
        """The paths in all their guises; not kept, since a link may state thousands of them."""
        return frozenset(guise for path in self.under for guise in guises(path))

    def admits(self, value: Value) -> bool:
        """Return whether it is such a path that nobody takes for one of these or what is below."""
        if not self._is_path(value):
            return False
        left_out = self.left_out
        return not any(is_under(seen, top) for seen in guises(str(value)) for top in left_out)

    def lies_within(self, parent: Constraint) -> bool:
        """Return whether all that the parent leaves out is left out here too."""
        return (
            isinstance(parent, NotBelow)
            and self.is_absolute == parent.is_absolute
            and _all_under(parent.left_out, self.left_out)
        )

    def body(self) -> Json:
        """Return the paths."""
        return {"paths": [*self.under]}

    def probes(self) -> Iterable[Value]:
        """Return the paths, what is below, a sibling that begins alike, and other guises."""
        for path in self.under:
            top = path.rpartition("/")[0] or ("/" if self.is_absolute else "x")
            yield from (path, f"{path}/x", f"{path}x", path.upper(), top)

    def _wording(self, _: ArgumentType | None) -> Wording:
        must = f"a path that is not under {one_of_texts(self.under)}"
        return Wording(must, f"not under {names(self.under)}")
