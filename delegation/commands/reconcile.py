"""Reconciles a service's tool log with the record, line by line, however long it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import BinaryIO, Final

from delegation.authority.catalogue import Catalogue
from delegation.authority.fields import integer
from delegation.commands.work import Reader, Store
from delegation.errors import MalformedError
from delegation.identity.keyring import PublicRing
from delegation.identity.receipt import Receipt, check_receipt_digest
from delegation.lineage.mediation import (
    MAX_LINE,
    Execution,
    Reconciliation,
    Recorded,
    UnreadableLineError,
    read_line,
)

_TOGETHER: Final = 500  # lines whose decisions are asked for by one statement
_PAGE: Final = 1000
MAX_SKEW: Final = 3600  # seconds; a clock that differs more proves nothing


def reconcile(
    store: Store,
    ring: PublicRing,
    log: BinaryIO,
    *,
    skew: int = 5,
    since: int | None = None,
    until: int | None = None,
) -> Reconciliation:
    """Return what in a tool log does not fit what was decided, and what was decided and not executed.

    Memory grows by the id of each decision that was executed, about 130 bytes. The log is the service's word:
    an execution that it does not write down is not found here.

    Args:
        store: Where decisions are recorded.
        ring: The issuer's public keys, for receipts.
        log: The log, opened as bytes.
        skew: How many seconds the service's clock may differ.
        since: Decisions made before this instant are not looked for in the log; its first
            execution's if left out.
        until: Decisions made at it or later, likewise; the last execution's if left out.

    Raises:
        MalformedError: The skew or an instant is out of its bounds.
        StoreUnavailableError: The store does not answer.
    """
    integer("skew", skew, 0, MAX_SKEW)
    for name, instant in (("since", since), ("until", until)):
        if instant is not None:
            integer(name, instant, 0)

    def verify(done: Execution) -> Receipt:
        if done.receipt is None:
            raise MalformedError("receipt", wanted="given")
        return check_receipt_digest(done.receipt, ring, digest=done.digest, at=done.at - skew)

    found = Reconciliation(skew=skew)
    with store.read() as reader:
        lines, catalogue = _lines(log), reader.catalogue()
        while batch := list(islice(lines, _TOGETHER)):
            named = [d.decision for d in batch if isinstance(d, Execution) and d.decision]
            known = reader.recorded(named) if named else {}
            for number, done in enumerate(batch, start=found.lines + 1):
                if isinstance(done, Execution):
                    recorded = None if done.decision is None else known.get(done.decision)
                    found.executed(_by_own_name(done, recorded, catalogue), recorded, verify)
                else:
                    found.unreadable(number, done)
        _look_for_decisions(reader, found, since, until)
    return found


def _by_own_name(done: Execution, recorded: Recorded | None, catalogue: Catalogue) -> Execution:
    """Return an execution by its tool's own name, as the decision's revision has it."""
    if recorded is None or done.tool == recorded.tool:
        return done
    return replace(done, tool=catalogue.names.meant(done.tool, recorded.catalogue) or done.tool)


def _look_for_decisions(
    reader: Reader, found: Reconciliation, since: int | None, until: int | None
) -> None:
    """Look for each allowed decision of the log's time; without a log nothing is known of it."""
    if not found.audiences:
        return
    first = found.first - found.skew if since is None else since
    last = found.last - found.skew if until is None else until
    after = 0
    while True:
        page, after = reader.recorded_for(
            sorted(found.audiences), since=first, until=last, after=after, limit=_PAGE
        )
        for recorded in page:
            found.decided(recorded)
        if len(page) < _PAGE:
            return


def _lines(log: BinaryIO) -> Iterator[Execution | UnreadableLineError]:
    for number, data in enumerate(_bounded(log), start=1):
        try:
            yield read_line(data, number)
        except UnreadableLineError as error:
            yield error


def _bounded(log: BinaryIO) -> Iterable[bytes]:
    """Return lines, of a longer one than is read its beginning: it must not fill the memory."""
    while data := log.readline(MAX_LINE + 2):
        yield data
        while not data.endswith(b"\n") and (data := log.readline(MAX_LINE + 2)):
            pass
