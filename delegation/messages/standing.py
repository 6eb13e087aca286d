"""What stands, as answers carry it, written and read in one place so that both sides agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from delegation.authority.ids import DecisionId, LinkId, TaskId
from delegation.canonical import Json, b64u, unb64u
from delegation.errors import MalformedError
from delegation.judge.facts import AgentFact, Subject, TaskFact
from delegation.judge.lease import Barrier
from delegation.judge.outside import Holder, RootStanding
from delegation.lineage.ending import Ending
from delegation.lineage.feed import Feed, Revocation
from delegation.lineage.freeze import Freeze
from delegation.lineage.preview import Preview
from delegation.lineage.renewal import Renewal
from delegation.lineage.usage import LastUse
from delegation.messages.values import decision_entry_json, read_decision_entry


def change_json(change: Revocation) -> dict[str, Json]:
    """Return a change as an answer carries it."""
    body: dict[str, Json] = {
        "epoch": change.epoch,
        "act": change.act,
        "kind": change.subject.kind,
        "id": change.subject.id,
        "by": change.by,
        "reason": change.reason,
        "at": change.at,
        "effective_at": change.effective_at,
    }
    if change.barrier is not None:
        body["everywhere"] = {
            "how": "confirmed" if change.barrier.is_confirmed else "waited",
            "confirmed": list(change.barrier.confirmed),
            "silent": list(change.barrier.silent),
        }
    return body


def read_change(body: Mapping[str, Any]) -> Revocation:
    """Return the change that an answer carries.

    Raises:
        MalformedError: It carries none.
    """
    try:
        held = body.get("everywhere")
        barrier = None
        if held is not None:
            barrier = Barrier(tuple(held["confirmed"]), tuple(held["silent"]))
        return Revocation(
            _whole(body["epoch"]),
            Subject(body["kind"], _text(body["id"])),
            _text(body["by"]),
            _text(body["reason"]),
            _whole(body["at"]),
            body["act"],
            _whole(body["effective_at"]),
            barrier,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise MalformedError("A change", wanted="as the service writes it") from error


def preview_json(found: Preview) -> dict[str, Json]:
    """Return a preview as an answer carries it."""
    return {
        "kind": found.subject.kind,
        "id": found.subject.id,
        "links": list(found.links),
        "tasks": list(found.tasks),
        "holders": list(found.holders),
        "surviving": found.surviving,
        "is_complete": found.is_complete,
    }


def read_preview(body: Mapping[str, Any]) -> Preview:
    """Return the preview that an answer carries.

    Raises:
        MalformedError: It carries none.
    """
    try:
        return Preview(
            Subject(body["kind"], _text(body["id"])),
            tuple(LinkId(_text(link)) for link in body["links"]),
            tuple(TaskId(_text(task)) for task in body["tasks"]),
            tuple(map(_text, body["holders"])),
            _whole(body["surviving"]),
            body["is_complete"] is True,
        )
    except (KeyError, TypeError) as error:
        raise MalformedError("A preview", wanted="as the service writes it") from error


def freeze_json(found: Freeze) -> dict[str, Json]:
    """Return a freeze as an answer carries it."""
    last = found.last_allowance
    return {
        **change_json(found.change),
        "last_allowance": None if last is None else decision_entry_json(last),
        "receipt": found.receipt,
    }


def read_freeze(body: Mapping[str, Any]) -> Freeze:
    """Return the freeze that an answer carries.

    Raises:
        MalformedError: It carries none.
    """
    try:
        last, receipt = body["last_allowance"], body["receipt"]
        return Freeze(
            read_change(body),
            None if last is None else read_decision_entry(last),
            None if receipt is None else _text(receipt),
        )
    except (KeyError, TypeError) as error:
        raise MalformedError("A freeze", wanted="as the service writes it") from error


def ending_json(found: Ending) -> dict[str, Json]:
    """Return what came of a change as an answer carries it."""
    last = found.last_allowance
    return {
        **change_json(found.change),
        "last_allowance": None if last is None else decision_entry_json(last),
        "refused_since": found.refused_since,
        "holds": found.holds,
        "is_complete": found.is_complete,
        "newest": found.newest,
        "receipt": found.receipt,
    }


def read_ending(body: Mapping[str, Any]) -> Ending:
    """Return what came of a change, as an answer carries it.

    Raises:
        MalformedError: It carries nothing of the kind.
    """
    try:
        last, receipt = body["last_allowance"], body["receipt"]
        return Ending(
            read_change(body),
            None if last is None else read_decision_entry(last),
            _whole(body["refused_since"]),
            body["holds"] is True,
            body["is_complete"] is True,
            _whole(body["newest"]),
            None if receipt is None else _text(receipt),
        )
    except (KeyError, TypeError) as error:
        raise MalformedError("What came of a change", wanted="as the service writes it") from error


def last_use_json(found: LastUse) -> dict[str, Json]:
    """Return a last use as an answer carries it."""
    return {
        "kind": found.subject.kind,
        "id": found.subject.id,
        "decision": found.decision,
        "at": found.at,
        "allowed": found.allowed,
    }


def read_last_use(body: Mapping[str, Any]) -> LastUse:
    """Return the last use that an answer carries.

    Raises:
        MalformedError: It carries none.
    """
    try:
        decision = body["decision"]
        return LastUse(
            Subject(body["kind"], _text(body["id"])),
            None if decision is None else DecisionId(_text(decision)),
            _whole(body["at"]),
            body["allowed"] is True,
        )
    except (KeyError, TypeError) as error:
        raise MalformedError("A last use", wanted="as the service writes it") from error


def feed_json(feed: Feed) -> dict[str, Json]:
    """Return a part of the feed as an answer carries it."""
    return {
        "revocations": [change_json(change) for change in feed.changes],
        "epoch": feed.epoch,
        "newest": feed.newest,
        "next": feed.epoch if feed.epoch < feed.newest else None,
        "catalogue": feed.catalogue,
    }


def read_feed(body: Mapping[str, Any]) -> Feed:
    """Return the part of the feed that an answer carries.

    A reader relies on its order and its end, so both must agree with each other.

    Raises:
        MalformedError: It carries none, out of order, or with changes beyond its own epoch.
    """
    try:
        feed = Feed(
            tuple(read_change(one) for one in body["revocations"]),
            _whole(body["epoch"]),
            _whole(body["newest"]),
            _whole(body["catalogue"]),
        )
    except (KeyError, TypeError) as error:
        raise MalformedError("A feed", wanted="as the service writes it") from error
    epochs = [change.epoch for change in feed.changes]
    if epochs != sorted(set(epochs)) or (epochs and epochs[-1] > feed.epoch):
        raise MalformedError("A feed", wanted="in order")
    return feed


def standing_json(found: RootStanding) -> dict[str, Json]:
    """Return what step 10 asks about a root, as an answer carries it."""
    return {
        "root": found.root,
        "tasks": [
            {"id": t.id, "is_open": t.is_open, "deadline": t.deadline, "owner": t.owner}
            for t in found.tasks
        ],
        "agents_by_key": {b64u(key): _agent_json(a) for key, a in found.agents_by_key.items()},
        "agents_by_name": {name: _agent_json(a) for name, a in found.agents_by_name.items()},
        "needs_service": list(found.needs_service),
        "epoch": found.epoch,
    }


def _agent_json(agent: AgentFact) -> dict[str, Json]:
    return {"name": agent.name, "owner": agent.owner, "recertify_by": agent.recertify_by}


def read_standing(body: Mapping[str, Any]) -> RootStanding:
    """Return what an answer says about a root.

    Raises:
        MalformedError: It says nothing of the kind.
    """
    try:
        return RootStanding(
            LinkId(_text(body["root"])),
            tuple(
                TaskFact(
                    TaskId(_text(t["id"])), t["is_open"] is True, _whole(t["deadline"]),
                    _text(t["owner"]),
                )
                for t in body["tasks"]
            ),
            {
                unb64u(key, what="key"): AgentFact(**cast("dict[str, Any]", agent))
                for key, agent in body["agents_by_key"].items()
            },
            {name: AgentFact(**agent) for name, agent in body["agents_by_name"].items()},
            tuple(map(_text, _listed(body["needs_service"]))),
            _whole(body["epoch"]),
        )  # fmt: skip
    except (KeyError, TypeError, AttributeError) as error:
        raise MalformedError("A standing", wanted="as the service writes it") from error


def holder_of(body: Any) -> Holder:
    """Return a holder as a request names it.

    Raises:
        MalformedError: The key is none.
    """
    return Holder(unb64u(body.key, what="key"), body.name)


def _whole(value: object) -> int:
    if type(value) is not int:
        raise TypeError
    return value


def _listed(value: object) -> list[object]:
    if not isinstance(
        value, list
    ):  # a text would be read letter by letter, an empty one as nothing
        raise TypeError
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def read_renewal(body: Mapping[str, Any]) -> Renewal:
    """Return how a link stands in its line of renewals, from the link's own answer.

    Raises:
        MalformedError: It carries none.
    """
    try:
        return Renewal(body["id"], body["renews"], tuple(body["renewed_by"]))
    except (KeyError, TypeError) as error:
        raise MalformedError("A link", wanted="as the service writes it") from error
