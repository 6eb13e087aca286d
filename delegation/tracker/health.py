"""Answers whether calls can be decided now, by reasons with stable codes."""

from __future__ import annotations

from functools import partial

from delegation.commands.check import CheckContext
from delegation.commands.log import LogDesk
from delegation.commands.readiness import Probe, Readiness, Reason, tried
from delegation.errors import StoreUnavailableError
from delegation.tracker.review import Review


class Health(Review):
    """Part of `Tracker`. Other parts add what they know with `probe_readiness`."""

    _desk: CheckContext
    _log: LogDesk
    _compares_clocks: bool
    _log_blocks: bool | None = None  # None: this process does not keep the log
    _probes: tuple[Probe, ...] = ()

    def readiness(self) -> Readiness:
        """Return whether calls can be decided, and if not, or only just, why.

        Asks the writer, the database's rights, the file at the path, the line of used nonces, and the
        clocks; the answer takes two seconds at most where nothing hangs.
        """
        asked = partial(
            self._store.reasons, self._clock(), self._clock if self._compares_clocks else None
        )
        looks: list[Probe] = [asked, self._ring_reasons, self._log_reasons, *self._probes]
        return Readiness.of(reason for look in looks for reason in tried(look))

    def probe_readiness(self, probe: Probe) -> None:
        """Have a function asked each time, whose reasons are added: from any thread, soon answered."""
        self._probes = (*self._probes, probe)

    def health(self) -> None:
        """Ask whether calls are decided now.

        Raises:
            StoreUnavailableError: They are not; its code is that of the first reason.
        """
        for reason in self.readiness().reasons:
            if reason.blocks:
                raise reason.error or _NotReadyError(reason)

    def _ring_reasons(self) -> list[Reason]:
        self._desk.keys.signing()  # raises where a key is missing that others sign with
        return []

    def _log_reasons(self) -> list[Reason]:
        if self._log_blocks is None:
            return []
        if self._log.trouble:
            return [
                Reason(
                    "log_stopped",
                    "The log is stopped: what is decided is recorded, and not signed.",
                    "`delegation log status` and `delegation doctor` say why.",
                    blocks=self._log_blocks,
                )
            ]
        if not self._desk.ring.serves("log"):
            return [
                Reason(
                    "log_unsigned",
                    "The ring has no log key: what is decided is recorded, and not signed.",
                    "Run `delegation keys rotate log` and restart the service.",
                    blocks=self._log_blocks,
                )
            ]
        return []


class _NotReadyError(StoreUnavailableError):
    """A reason why calls are not decided, as an error of its code."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.what, remedy=reason.remedy)
        self.code = reason.code  # type: ignore[misc]  # each reason has its own
