"""Reports an import: the tools made of a document, and the bounds that could not be kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from delegation.authority.catalogue import Tool
from delegation.authority.documents.inputs import Input

_MAX_SHOWN: Final = 300  # characters of a place or a reason


class UnmappableError(Exception):
    """A part of a document that no definition can state; its operation is left out with this reason."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a document.

    Args:
        tools: Definitions, by name.
        skipped: Each operation that could not be mapped, and why.
        notes: Places of the document and what was not kept of them, or is read more narrowly.
        lost: Those of the notes that tell of a bound that is lost, or of what else is not kept.
        prefix: First segments of all names; empty where the definitions are a list of ours.
        bounds_kept: How many of the document's bounds (validation keywords) bound the arguments.
        bounds_lost: How many do not; each is under a place in `notes`.
        operations: By tool what it was made of, such as `GET /users/{id}`.
        inputs: By tool where each of its arguments stands in a request, for those that are requests.
        media: By tool the media type of its request's body, for those that have one.
    """

    tools: tuple[Tool, ...]
    skipped: tuple[tuple[str, str], ...]
    notes: tuple[tuple[str, str], ...] = ()
    bounds_kept: int = 0
    bounds_lost: int = 0
    lost: frozenset[tuple[str, str]] = frozenset()
    prefix: str = ""
    operations: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, tuple[Input, ...]] = field(default_factory=dict)
    media: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Report:
    """Gathers what is kept and lost of a document while it is read; each place and keyword counts once.

    Args:
        looks: How many schemas of the document were looked at so far.
    """

    looks: int = 0
    _notes: dict[tuple[str, str], bool] = field(default_factory=dict)
    _kept: set[tuple[str, str]] = field(default_factory=set)
    _lost: set[tuple[str, str]] = field(default_factory=set)

    def note(self, place: str, what: str) -> None:
        """Name something that is read otherwise than the document says."""
        self._note(place, what, is_loss=False)

    def _note(self, place: str, what: str, *, is_loss: bool) -> None:
        self._notes.setdefault((shown(place), shown(what)), is_loss)

    def keep(self, places: Iterable[str], keyword: str) -> None:
        """Count a bound that the arguments keep."""
        self._kept.update((place, keyword) for place in places)

    def lose(self, places: Iterable[str] | str, keyword: str, why: str) -> None:
        """Count and name a bound that they do not keep."""
        for place in [places] if isinstance(places, str) else places:
            self._lost.add((place, keyword))
            self._note(place, f"{keyword} is not kept: {why}", is_loss=True)

    def leave(self, place: str, keyword: str, why: str) -> None:
        """Name a keyword that is no bound itself, and is not kept."""
        self._note(place, f"{keyword} is not kept: {why}", is_loss=True)

    @property
    def notes(self) -> tuple[tuple[str, str], ...]:
        """All notes, in the order in which they came."""
        return tuple(self._notes)

    @property
    def losses(self) -> frozenset[tuple[str, str]]:
        """Those of the notes that tell of what is not kept."""
        return frozenset(note for note, is_loss in self._notes.items() if is_loss)

    @property
    def lost(self) -> list[tuple[str, str]]:
        """Place and keyword of each bound that is lost, in the order of both."""
        return sorted(self._lost)

    @property
    def bounds_lost(self) -> int:
        """How many bounds are lost, at one of the places where they are used at least."""
        return len(self._lost)

    @property
    def bounds_kept(self) -> int:
        """How many bounds are kept wherever they are used."""
        return len(self._kept - self._lost)


def shown(text: str) -> str:
    """Return a text of a document on one line, cut where it is long, for people to read."""
    plain = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return plain if len(plain) <= _MAX_SHOWN else plain[: _MAX_SHOWN - 1] + "…"
