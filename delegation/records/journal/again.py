"""Tells an older database again what was ended: each act once, and never over what is newer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, delete, exists, func, select, update

from delegation import canonical
from delegation.authority.catalogue import Tool
from delegation.authority.ids import DecisionId
from delegation.authority.resource_labels import ResourceLabels
from delegation.commands.work import Agent
from delegation.errors import CallerDataError, DelegationError
from delegation.judge.subject import Subject
from delegation.lineage.revocation_effect import holding
from delegation.records.engine.database import upsert
from delegation.records.journal.line import Told
from delegation.records.revocation import changes
from delegation.records.revocation.endings import Ending
from delegation.records.settling.reservation import settle_reservations
from delegation.records.tables.approvals import APPROVALS
from delegation.records.tables.flow import FLOW_HISTORIES, RESOURCE_LABELS
from delegation.records.tables.people import API_KEYS, LOGINS
from delegation.records.tables.records import (
    AGENT_KEYS,
    AGENTS,
    OUTCOMES,
    RESERVATIONS,
    REVOCATIONS,
    TASKS,
    TOOLS,
)
from delegation.records.work import SqlWork

_REASON: Final = 500  # characters, as `commands.revoke` admits them
_OPEN: Final = ("pending", "granted")  # states of a request that may still be used
BY: Final = "restore"  # who suspends what nobody may rely on after a restore


def tell_again(connection: Connection, told: Told, *, at: int) -> bool:
    """Record a change once more, under a new number; return whether it still was one.

    Of a suspension and its end the later instant counts, and of one instant the end of what was ended.
    """
    change, subject = told.change, told.change.subject
    began = datetime.fromtimestamp(max(change.at, change.effective_at), UTC)
    reason = f"{change.reason} (since {began:%Y-%m-%dT%H:%M:%SZ}; told again after a restore)"
    given: dict[str, Any] = {
        "by": change.by,
        "reason": reason.strip()[:_REASON],
        "at": at,
        "cause": told.cause,
    }
    known = changes.of(connection, subject)
    held = holding(known, at=at)
    match change.act:
        case "close":
            gone = update(TASKS).where(TASKS.c.id == subject.id, TASKS.c.state == "open")
            values = gone.values(state=change.reason, closed_at=change.at)
            if connection.execute(values).rowcount != 1:
                return False
        case "revoke":
            begins = max(at, change.effective_at)
            if any(one.act == "revoke" and one.effective_at <= begins for one in known):
                return False
            given["effective_at"] = change.effective_at
        case "suspend":
            moved = [one for one in known if one.act == "resume"]
            if held is not None or (moved and moved[-1].at > change.at):
                return False
        case _:
            if held is None or held.act == "revoke" or held.at > change.at or not told.is_sealed:
                return False
    if change.act in {"suspend", "resume"}:
        given["at"] = change.at  # so that another journal's later ending is known for later
    changes.tell(connection, change.act, subject, **given)
    return True


def has(connection: Connection, told: Told) -> bool:
    """Return whether a change is recorded, under its own number."""
    query = select(REVOCATIONS).where(REVOCATIONS.c.epoch == told.change.epoch)
    row = connection.execute(query).one_or_none()
    return row is not None and changes.change_of(row) == told.change


def end_again(work: SqlWork, connection: Connection, ending: Ending) -> bool:
    """Do an ending once more; return whether the database had forgotten it."""
    return _ACTS[ending.act](work, connection, ending)


def _withdraw(_: SqlWork, connection: Connection, ending: Ending) -> bool:
    # One that was made since, under a name that the backup did not know, is another key.
    gone = update(API_KEYS).where(
        API_KEYS.c.name == ending.id, API_KEYS.c.at == ending.at, API_KEYS.c.is_revoked.is_(False)
    )
    return connection.execute(gone.values(is_revoked=True)).rowcount == 1


def _request(_: SqlWork, connection: Connection, ending: Ending) -> bool:
    gone = update(APPROVALS).where(APPROVALS.c.id == ending.id, APPROVALS.c.state.in_(_OPEN))
    return connection.execute(gone.values(state=ending.act, ended_at=ending.at)).rowcount == 1


def _logout(_: SqlWork, connection: Connection, ending: Ending) -> bool:
    digest = canonical.unb64u(ending.id, what="id")
    return connection.execute(delete(LOGINS).where(LOGINS.c.digest == digest)).rowcount == 1


def _settle(_: SqlWork, connection: Connection, ending: Ending) -> bool:
    held = RESERVATIONS.c.decision == ending.id, RESERVATIONS.c.settled.is_(None)
    if not connection.execute(select(exists().where(*held))).scalar_one():
        return False
    state, detail, by, cost = ending.body
    try:
        settle_reservations(connection, DecisionId(ending.id), cost, by=by, at=ending.at)
    except CallerDataError:  # another reservation of this name: the whole stays charged
        return False
    row = {"decision": ending.id, "state": state, "detail": detail, "by": by, "at": ending.at}
    connection.execute(upsert(connection, OUTCOMES).on_conflict_do_nothing(), row)
    return True


def _tool(work: SqlWork, connection: Connection, ending: Ending) -> bool:
    newest = select(func.max(TOOLS.c.at)).where(TOOLS.c.name == ending.id)
    return _define(
        work,
        connection.execute(newest).scalar_one(),
        ending,
        lambda: work.add_tool(Tool.from_json(ending.body[1]), at=ending.at),
    )


def _labels(work: SqlWork, connection: Connection, ending: Ending) -> bool:
    newest = select(func.max(RESOURCE_LABELS.c.at)).where(RESOURCE_LABELS.c.pattern == ending.id)
    return _define(
        work,
        connection.execute(newest).scalar_one(),
        ending,
        lambda: work.label_resources(
            ResourceLabels.from_json({"pattern": ending.id, "labels": ending.body[1]}), at=ending.at
        ),
    )


def _define(work: SqlWork, newest: int | None, ending: Ending, define: Callable[[], int]) -> bool:
    before = work.catalogue().revision
    if newest is not None and newest > ending.at:
        return False
    try:
        return define() != before
    except DelegationError:  # the names are taken by what was defined since
        return False


def _agent(work: SqlWork, connection: Connection, ending: Ending) -> bool:
    owner, keys, recertify_by = ending.body
    row = connection.execute(select(AGENTS).where(AGENTS.c.name == ending.id)).one_or_none()
    told = [canonical.unb64u(text, what="key") for text in keys]
    known = select(AGENT_KEYS.c.key).where(AGENT_KEYS.c.key.in_(told))
    held_by = set(map(bytes, connection.execute(known).scalars()))  # whoever has one keeps it
    wanted = tuple(key for key in told if key not in held_by)
    held = None if row is None else row.recertify_by
    # Only ever sooner: what was vouched for later is vouched for again by people.
    is_sooner = recertify_by is not None and (row is None or held is None or held > recertify_by)
    if row is not None and not wanted and not is_sooner:
        return False
    try:
        work.add_agent(
            Agent(ending.id, owner, wanted, ending.at, recertify_by if is_sooner else None)
        )
    except DelegationError:  # the name is another's by now
        return False
    return True


def _nothing(_: SqlWork, __: Connection, ___: Ending) -> bool:
    return False


_ACTS: Final[Mapping[str, Callable[[SqlWork, Connection, Ending], bool]]] = {
    "withdraw": _withdraw,
    "refused": _request,
    "used": _request,
    "logout": _logout,
    "settle": _settle,
    "tool": _tool,
    "labels": _labels,
    "agent": _agent,
    "restored": _nothing,
}


def shut(connection: Connection, *, at: int) -> int:
    """End what cannot be known: sessions, consents that wait; suspend tasks whose history counts.

    Returns:
        How many tasks were suspended: what they did since the backup, and rules of flow ask about, is not
        known, so nothing goes on until somebody has looked.
    """
    connection.execute(delete(LOGINS))
    granted = update(APPROVALS).where(APPROVALS.c.state == "granted", APPROVALS.c.expires_at > at)
    connection.execute(granted.values(expires_at=at))
    watched = (
        select(TASKS.c.id)
        .join(FLOW_HISTORIES, FLOW_HISTORIES.c.root == TASKS.c.id)
        .where(TASKS.c.state == "open", TASKS.c.deadline > at)
        .order_by(TASKS.c.id)
    )
    count = 0
    reason = (
        "restored from a backup: its history since is not known, and a rule of flow asks for it"
    )
    for task in connection.execute(watched).scalars().all():
        subject = Subject("task", task)
        if holding(changes.of(connection, subject), at=at) is None:
            changes.tell(connection, "suspend", subject, by=BY, reason=reason, at=at)
            count += 1
    return count


def under_own_number(told: Told, n: int) -> Told:
    """Return a change as it is kept under a number."""
    return replace(told, change=replace(told.change, epoch=n))
