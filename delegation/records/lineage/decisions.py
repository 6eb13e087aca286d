"""Writes decisions as rows and reads them back, denied ones as durably as allowed ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, cast

from sqlalchemy import ColumnElement, Connection, Row, Select, select, text

from delegation import canonical, sent_json
from delegation.authority.access import Access
from delegation.authority.ids import LinkId
from delegation.canonical import Json
from delegation.commands.work import DecisionDetail, Evidence
from delegation.judge.decision import Decision, Denial, Outcome, Step
from delegation.judge.facts import Trace
from delegation.judge.settle import Settlement
from delegation.lineage.entry import DecisionEntry
from delegation.lineage.filter import DecisionFilter
from delegation.records.log.leaves import new_salt
from delegation.records.tables.records import DECISIONS

_LETTERS: Final[dict[Outcome, str]] = {
    "passed": "p",
    "failed": "f",
    "not_reached": "n",
    "not_configured": "c",
}
_OUTCOMES: Final = {letter: outcome for outcome, letter in _LETTERS.items()}
_COLUMNS: Final = tuple(column.name for column in DECISIONS.columns)
_NAMES: Final = ", ".join(_COLUMNS)
_INSERT_SQLITE: Final = f"INSERT INTO decision ({_NAMES}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608  # constants
_INSERT_POSTGRES: Final = text(
    f"INSERT INTO decision ({_NAMES})"  # noqa: S608  # constants
    f" SELECT {_NAMES} FROM json_populate_recordset(NULL::decision, CAST(:rows AS json))"
)
_MAX_DETAIL: Final = 4096  # bytes of an offered or allowed value of a call that nobody proved


# The fields of a decision that are columns as they are; the others are written and read below.
_WRITTEN: Final = {"links", "arguments", "cost", "reserved", "steps", "sequence"}
_OWN: Final = tuple(
    field.name
    for field in fields(Decision)
    if field.name in _COLUMNS and field.name not in _WRITTEN
)
_entry: Final = attrgetter(*(field.name for field in fields(DecisionEntry)))


def _text(value: Json) -> str:
    return sent_json.text_of(value)


@lru_cache(maxsize=4096)
def _ids_text(links: tuple[str, ...]) -> str:
    return _text([*links])


def _short(value: Json) -> Json:
    return value if len(sent_json.encode(value)) <= _MAX_DETAIL else None


def _detail(denial: Denial | None, cut: Callable[[Json], Json] = lambda value: value) -> str:
    if denial is None:
        return "[]"
    words = [denial.allowed_in_words] if denial.allowed_in_words else []  # older rows have none
    return _text([cut(denial.offered), cut(denial.allowed), *words])


def row_of(decision: Decision, *, epoch: int, catalogue: int, client: str) -> dict[str, Any]:
    """Return the columns of a decision, without what only a proven call has."""
    denial = decision.denial
    return {
        **{name: getattr(decision, name) for name in _OWN},
        "link": decision.links[-1] if decision.links else None,
        "links": _ids_text(decision.links),
        "audience": "",
        "purpose": "",
        "allowed": denial is None,
        "step": denial.step if denial else None,
        "code": denial.code if denial else None,
        "message": denial.message if denial else "",
        "denied_link": denial.link if denial else None,
        "denied_depth": denial.depth if denial else None,
        "caveat": denial.caveat if denial else "",
        "detail": _detail(denial, _short),
        "remedy": denial.remedy if denial else "",
        "cost": _text(dict(decision.cost)),
        "reserved": " ".join(decision.reserved),
        "resources": "[]",
        "steps": "".join(_LETTERS[step.outcome] for step in decision.steps),
        "trace": None,
        "epoch": epoch,
        "catalogue": catalogue,
        "arguments_digest": b"",
        "arguments_salt": new_salt(),
        "access": None,
        "arguments": None,
        "proof": None,
        "client": client,
    }


def proven_row(
    settlement: Settlement, access: Access, proof: str, *, catalogue: int, client: str
) -> dict[str, Any]:
    """Return all columns of a proven decision.

    Arguments are stored beside a salted digest of theirs: they can be erased and the digest stays,
    from which low-entropy arguments cannot be guessed once the salt is erased too.
    """
    decision = settlement.decision
    row = row_of(decision, epoch=settlement.epoch, catalogue=catalogue, client=client)
    salt = row["arguments_salt"]
    sent = _text(dict(access.arguments))
    return {
        **row,
        "audience": access.audience,
        "purpose": access.purpose,
        "resources": _text([*settlement.resources]),
        "detail": _detail(decision.denial),  # whole: it is the evidence of the denial
        "trace": None if settlement.trace is None else _trace_text(settlement.trace),
        "arguments_digest": canonical.digest(b"dct-arguments-v1" + salt, sent.encode()),
        "access": access.encoded.decode(),
        "arguments": _text(dict(decision.arguments)),
        "proof": proof,
    }


@lru_cache(maxsize=4096)
def _trace_text(trace: Trace) -> str:
    """Return a trace as a decision's row keeps it."""
    body: dict[str, Json] = {
        "agent": trace.actor.agent,
        "owner": trace.actor.owner,
        "marks": [*trace.marks],
    }
    return canonical.encode(body).decode()


def insert_all(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows of decisions by one statement, with as little work on each as the engine allows.

    Args:
        connection: A transaction that writes.
        rows: Of `row_of` or `proven_row`, with their sequence.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(
            _INSERT_SQLITE, [tuple(map(r.__getitem__, _COLUMNS)) for r in rows]
        )
        return
    # One value for the whole batch: a value for each column of each row costs more than the rows.
    sent = [
        {
            name: f"\\x{value.hex()}" if isinstance(value, bytes) else value
            for name, value in r.items()
        }
        for r in rows
    ]
    connection.execute(_INSERT_POSTGRES, {"rows": json.dumps(sent)})


def spent(rows: Iterable[Row[Any]], units: AbstractSet[str]) -> tuple[tuple[str, int], ...]:
    """Return what these decisions charged in each of the units, sorted by unit."""
    used = dict.fromkeys(sorted(units), 0)
    for row in rows:
        for unit, amount in _object(row.cost).items():
            if unit in used:
                used[unit] += cast("int", amount)
    return tuple(used.items())


def entry_of(row: Row[Any]) -> DecisionEntry:
    """Return a row as an entry of the lineage."""
    return DecisionEntry(*_entry(row))


def detail_of(row: Row[Any]) -> DecisionDetail:
    """Return a row with everything that was kept of the decision."""
    denial = None
    if row.step is not None:
        offered, allowed, *words = cast("list[Json]", sent_json.parse(row.detail))
        denial = Denial(
            row.step,
            row.code,
            row.message,
            row.denied_link,
            row.denied_depth,
            row.caveat,
            offered,
            allowed,
            row.remedy,
            *cast("list[str]", words),
        )
    decision = Decision(
        **{name: getattr(row, name) for name in _OWN},
        denial=denial,
        links=tuple(LinkId(str(link)) for link in _list(row.links)),
        arguments=_object(row.arguments),
        cost=cast("dict[str, int]", _object(row.cost)),
        reserved=tuple(row.reserved.split()),
        steps=tuple(Step(n, _OUTCOMES[letter]) for n, letter in enumerate(row.steps, start=1)),
        sequence=row.sequence,
    )
    access = None if row.access is None else _object(row.access)
    return DecisionDetail(
        decision, row.sequence, access, row.epoch, row.catalogue, evidence=_evidence_of(row)
    )


def _evidence_of(row: Row[Any]) -> Evidence:
    """Return what a row says of its own arguments and proof; its leaf's digest is over the same."""
    if row.access is not None:
        return "kept"
    if not row.holder:
        return "unproven"
    return "erased" if row.arguments_salt is None else "over_rate"


def _list(text: str) -> list[Json]:
    return cast("list[Json]", sent_json.parse(text))


def _object(text: str | None) -> dict[str, Json]:
    return cast("dict[str, Json]", sent_json.portable(sent_json.parse(text))) if text else {}


# What a filter asks for, where it is not that the column of its name holds its value.
_FITS: Final[Mapping[str, Callable[[Any], ColumnElement[bool]]]] = {
    "allowed": DECISIONS.c.allowed.is_,
    "since": lambda at: DECISIONS.c.at >= at,
    "until": lambda at: DECISIONS.c.at < at,
}


def filtered(
    wanted: DecisionFilter, after: int, limit: int, *, newest: bool = False
) -> Select[Any]:
    """Return the query for a listing of decisions; backwards with `newest`."""
    query = fitting(select(DECISIONS).where(DECISIONS.c.sequence > after), wanted)
    order = DECISIONS.c.sequence.desc() if newest else DECISIONS.c.sequence
    return query.order_by(order).limit(limit)


def fitting(query: Select[Any], wanted: DecisionFilter) -> Select[Any]:
    """Return a query for decisions, filtered.

    Raises:
        TypeError: There is no such filter.
    """
    if unknown := wanted.keys() - DecisionFilter.__annotations__.keys():
        raise TypeError(f"unexpected filters: {', '.join(sorted(unknown))}")
    for name, value in wanted.items():
        if value is not None:
            query = query.where(_FITS[name](value) if name in _FITS else DECISIONS.c[name] == value)
    return query
