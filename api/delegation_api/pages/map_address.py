"""Reads the address of a map, which holds all of its state, so that a link restores it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Final, cast, get_args
from urllib.parse import urlencode

from fastapi import Depends, Query

from delegation.errors import MalformedError
from delegation.lineage.analysis.focus import Outcome, Wanted
from delegation.lineage.entry import Standing

MAX_OPENED: Final = 24
_STANDINGS: Final = frozenset(get_args(Standing))
_OUTCOMES: Final = frozenset(get_args(Outcome))


@dataclass(frozen=True, slots=True)
class MapAddress:
    """What a map's query says.

    Args:
        path: The page's path.
        wanted: What is looked at.
        at: The past instant as it was written; empty is the present.
    """

    path: str
    wanted: Wanted
    at: str = ""

    def __str__(self) -> str:
        """Return the address."""
        said = {
            "focus": self.wanted.focus,
            "open": ",".join(self.wanted.opened),
            "standing": ",".join(sorted(self.wanted.standing)),
            "outcome": ",".join(sorted(self.wanted.outcome)),
            "at": self.at,
        }
        query = urlencode({k: v for k, v in said.items() if v}, safe=",:")
        return f"{self.path}?{query}" if query else self.path

    def but(self, **changes: object) -> MapAddress:
        """Return the address of the same map with something else looked at."""
        return replace(self, wanted=replace(self.wanted, **changes))  # type: ignore[arg-type]

    def select(self, link: str) -> str:
        """Return the address with this link selected."""
        return str(self.but(focus=link))

    def unfold(self, name: str) -> str:
        """Return the address with this link's or task's children all drawn."""
        opened = [one for one in self.wanted.opened if one != name]
        return str(self.but(opened=(*opened[1 - MAX_OPENED :], name)))

    def fold(self, name: str) -> str:
        """Return the address with them folded again."""
        return str(self.but(opened=tuple(one for one in self.wanted.opened if one != name)))

    def task(self, task: str) -> str:
        """Return the address with no link selected."""
        return str(self.but(focus=""))

    def toggled(self, group: str, word: str) -> str:
        """Return what a filter group's field says once this word is switched."""
        chosen = set(getattr(self.wanted, group)) ^ {word}
        return ",".join(sorted(chosen))


@dataclass(frozen=True, slots=True)
class StoreAddress(MapAddress):
    """The address of the whole store's map, whose nodes lead to the maps of their tasks."""

    tasks: tuple[tuple[str, str], ...] = ()

    def select(self, link: str) -> str:
        """Return the address of the task's map with this link selected."""
        return f"/tasks/{dict(self.tasks).get(link, '')}/map?{urlencode({'focus': link})}"

    def task(self, task: str) -> str:
        """Return the address of a task's map."""
        return f"/tasks/{task}/map"


def read_wanted(
    focus: Annotated[str, Query(max_length=64)] = "",
    open: Annotated[str, Query(max_length=2048)] = "",  # noqa: A002  # the word of the address
    standing: Annotated[str, Query(max_length=128)] = "",
    outcome: Annotated[str, Query(max_length=64)] = "",
) -> Wanted:
    """Return what a map's query asks for.

    Raises:
        MalformedError: A filter has an unknown word, or too much is unfolded.
    """
    standings, outcomes = _words(standing), _words(outcome)
    opened = tuple(dict.fromkeys(_words(open)))
    if not set(standings) <= _STANDINGS:
        raise MalformedError("standing", wanted=f"made of {', '.join(sorted(_STANDINGS))}")
    if not set(outcomes) <= _OUTCOMES:
        raise MalformedError("outcome", wanted=f"made of {', '.join(sorted(_OUTCOMES))}")
    if len(opened) > MAX_OPENED:
        raise MalformedError("open", wanted=f"at most {MAX_OPENED} ids")
    return Wanted(
        focus,
        opened,
        frozenset(cast("list[Standing]", standings)),
        frozenset(cast("list[Outcome]", outcomes)),
    )


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


WantedDep = Annotated[Wanted, Depends(read_wanted)]
