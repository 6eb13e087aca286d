"""Limits a task's growth and pace: how wide, how deep and how fast agents may make it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Final

from delegation.authority.fields import integer
from delegation.canonical import Json
from delegation.errors import MalformedError

LASTS: Final = 3600  # seconds until a task's deadline, unless whoever opens it says otherwise
MAX_LIMIT: Final = 1_000_000  # also the fastest pace a minute: one call each 60 microseconds


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that a task may grow, and how fast it may call. None sets no limit.

    Args:
        tasks: Child tasks under one root task that are not over.
        depth: Links of one chain, the root included.
        links_per_parent: Links delegated from one link.
        links_per_task: Links of one task, its roots included.
        links_per_minute: Links that are first seen in one minute of the clock, in one task.
        calls_per_minute: Allowed calls of one task and its child tasks, evenly.
        holder_calls_per_minute: Allowed calls of one holder key in one task, evenly.
        branch_calls_per_minute: Allowed calls under any one link below a root, evenly.
        burst: Calls that may come at once; a whole minute's if left out.
        denials_per_minute: Denials at steps 7 to 13 in one minute of the clock, after which the
            task's circuit breaker opens.

    Raises:
        MalformedError: A limit is no integer from 1 to 1,000,000.
    """

    tasks: int | None = None
    depth: int | None = None
    links_per_parent: int | None = None
    links_per_task: int | None = None
    links_per_minute: int | None = None
    calls_per_minute: int | None = None
    holder_calls_per_minute: int | None = None
    branch_calls_per_minute: int | None = None
    burst: int | None = None
    denials_per_minute: int | None = None

    def __post_init__(self) -> None:
        for entry in fields(self):
            if (value := getattr(self, entry.name)) is not None:
                integer(f"limits.{entry.name}", value, 1, MAX_LIMIT)

    @property
    def is_paced(self) -> bool:
        """Whether any limit of pace is set."""
        return (
            self.calls_per_minute is not None
            or self.holder_calls_per_minute is not None
            or self.branch_calls_per_minute is not None
        )

    def within(self, other: Limits) -> Limits:
        """Return the tighter of both, limit by limit: what an opener sets only lowers."""
        if other == UNLIMITED:
            return self
        both = {
            one.name: (getattr(self, one.name), getattr(other, one.name)) for one in fields(self)
        }
        return Limits(
            **{name: min(filter(None, set_), default=None) for name, set_ in both.items()}
        )

    def to_json(self) -> dict[str, Json]:
        """Return the limits that are set."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, value: Json | Mapping[str, Json]) -> Limits:
        """Return the limits that this JSON states; those left out are not set.

        Raises:
            MalformedError: A field is unknown or of another form.
        """
        names = {entry.name for entry in fields(cls)}
        if not isinstance(value, Mapping) or not value.keys() <= names or None in value.values():
            raise MalformedError("limits", wanted="an object of " + ", ".join(sorted(names)))
        return cls(**value)  # type: ignore[arg-type]  # checked by __post_init__

    def changed(self, text: str) -> Limits:
        """Return these limits with those that a line of settings names; 0 takes a limit away.

        Args:
            text: Such as `calls_per_minute=600, links_per_parent=50`; empty changes none.

        Raises:
            MalformedError: A name is no limit, or a value is no integer from 0 to 1,000,000.
        """
        values = self.to_json()
        for entry in filter(None, (part.strip() for part in text.split(","))):
            name, _, value = (part.strip() for part in entry.partition("="))
            if not (value.isascii() and value.isdigit() and len(value) <= len(str(MAX_LIMIT))):
                raise MalformedError("limits", wanted="names with integers, such as depth=8")
            values[name] = int(value)
        found = Limits.from_json({name: value for name, value in values.items() if value != 0})
        known = {entry.name for entry in fields(self)}
        if not values.keys() <= known:
            raise MalformedError("limits", wanted="of " + ", ".join(sorted(known)))
        return found


UNLIMITED: Final = Limits()
DEFAULTS: Final = Limits(
    tasks=100,
    depth=16,
    links_per_parent=1_000,
    links_per_task=20_000,
    links_per_minute=2_000,
    denials_per_minute=1_000,
)
