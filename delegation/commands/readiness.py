"""Says whether calls can be decided now, and if not, or only just, why: reasons with stable codes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias

from delegation.canonical import Json
from delegation.errors import DelegationError, StoreUnavailableError

State: TypeAlias = Literal["ready", "degraded", "not_ready"]


class StoreMovedError(StoreUnavailableError):
    """The store's file is not the one that was opened: what is recorded in it is lost (503).

    Args:
        which: What is missing or another one at its path: the store's file, or one beside it.
    """

    code: ClassVar[str] = "store_moved"

    def __init__(self, which: str) -> None:
        super().__init__(
            f"{which} was deleted, moved or replaced while it is open.",
            remedy="Put the file back where it was; to go on with another one, restart the service.",
        )


class StoreReadOnlyError(StoreUnavailableError):
    """The store can be read and not written, so nothing can be decided (503)."""

    code: ClassVar[str] = "store_read_only"

    def __init__(self) -> None:
        super().__init__(
            "The store takes no writes: its user may only read, or it is a standby.",
            remedy="Give the service's user the rights to write, or name the server that takes writes.",
        )


class ClockDiffersError(StoreUnavailableError):
    """The service's clock is not the store's: every call would look too old or too new (503)."""

    code: ClassVar[str] = "clock_differs"

    def __init__(self, seconds: int) -> None:
        way = "ahead of" if seconds > 0 else "behind"
        super().__init__(
            f"The service's clock is {abs(seconds)} seconds {way} the store's.",
            remedy="Set both clocks right, by NTP.",
        )


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that is not as it should be. Everybody may read it: no path, no value, no secret.

    Args:
        code: Stable; one heading in docs/reference/errors.md.
        what: One sentence.
        remedy: What to do.
        blocks: Whether calls cannot be decided; else they are, and somebody has to look.
        error: What is raised where calls are not decided for this.
    """

    code: str
    what: str
    remedy: str = ""
    blocks: bool = True
    error: DelegationError | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, error: DelegationError, *, blocks: bool = True) -> Reason:
        """Return what an error says."""
        return cls(error.code, str(error), error.remedy, blocks, error)

    def to_json(self) -> dict[str, Json]:
        """Return its JSON."""
        return {
            "code": self.code,
            "what": self.what,
            "remedy": self.remedy,
            "blocks": self.blocks,
        }


Probe: TypeAlias = Callable[[], Iterable[Reason]]


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether calls can be decided.

    Args:
        reasons: Why not, or what else is wrong, those that block first; empty while all is well.
    """

    reasons: tuple[Reason, ...] = ()

    @classmethod
    def of(cls, reasons: Iterable[Reason]) -> Readiness:
        """Put reasons in order, each code once."""
        found: dict[str, Reason] = {}
        for reason in sorted(reasons, key=lambda one: not one.blocks):
            found.setdefault(reason.code, reason)
        return cls(tuple(found.values()))

    @property
    def is_ready(self) -> bool:
        """Whether calls are decided."""
        return not any(reason.blocks for reason in self.reasons)

    @property
    def state(self) -> State:
        """In one word."""
        if not self.is_ready:
            return "not_ready"
        return "degraded" if self.reasons else "ready"


def tried(look: Callable[[], Iterable[Reason]]) -> list[Reason]:
    """Return what a look finds; one that fails is itself a reason, and nothing is believed."""
    try:
        return list(look())
    except DelegationError as error:
        return [Reason.of(error)]
