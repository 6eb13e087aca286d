"""A tracker and both clients have one protocol: the operations as they are declared, with the same results."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from serving import serving

from delegation import Access, Grant, HolderKey, Tool, anything, email, exact, may
from delegation.client import AsyncClient, Client
from delegation.commands.announce import announcement
from delegation.errors import DelegationError, MalformedError, UnauthenticatedError
from delegation.identity.keyring import KeyRing
from delegation.operations.backend import Operations
from delegation.operations.operation import Operation
from delegation.operations.standing import Following
from delegation.operations.tasks import Tasks
from delegation.tracker import Tracker

DESK = "https://desk.example"
# Who asks: a client's API key says so, and `acting_as` fills it in.
ASKERS = frozenset({"by", "client", "audiences"})
# Of the process that holds store and keys: opening, signing, sessions, chores, keys, readiness, what pages
# and metrics ask.
OF_THE_PROCESS = frozenset(
    [
        "acting_as",
        "announce_key",
        "announced_text",
        "approval_asker",
        "approval_of",
        "approval_states",
        "authenticate",
        "begin_check",
        "begin_session",
        "bound",
        "close",
        "compare_log",
        "confirmed",
        "create_login_link",
        "end_exports",
        "erasable",
        "erase",
        "erasing",
        "erasures",
        "exposure",
        "feed",
        "frozen",
        "health",
        "is_recorded",
        "issuer",
        "keep_log",
        "keep_ring",
        "known_catalogue",
        "leave_ring",
        "log_in",
        "log_out",
        "news",
        "news_of_all",
        "now",
        "numbers",
        "on_approval",
        "on_change",
        "on_decision",
        "open",
        "outline",
        "poll_replica",
        "probe_readiness",
        "readiness",
        "rebuild_log",
        "receipt",
        "recent_decisions",
        "reconcile",
        "register_replica",
        "report",
        "restart_log",
        "revocations_of",
        "rhythm",
        "session_key",
        "sign_event",
        "snapshot",
        "switch_key",
        "update_log",
        "waiting",
        "waiting_approvals",
        "watch_schema",
        "writer_stats",
    ]
)


def operations(kind: type) -> dict[str, Operation]:
    """Return the operations of a class by name."""
    return {
        name: one
        for each in kind.__mro__
        for name, one in vars(each).items()
        if isinstance(one, Operation)
    }


DECLARED = operations(Operations)


def public(kind: type) -> set[str]:
    """Return the names of a class that are promised."""
    return {name for name in dir(kind) if not name.startswith("_")}


def hints_of(method: Any) -> dict[str, Any]:
    """Return a method's annotations, as texts where one names an alias that refers to itself."""
    try:
        return get_type_hints(method)
    except TypeError:
        return dict(method.__annotations__)


def test_a_tracker_has_every_operation_and_nothing_more_by_accident() -> None:
    """What is added to the tracker fails here until it is declared, or of the process by this list."""
    assert public(Tracker) - set(DECLARED) == OF_THE_PROCESS
    assert set(DECLARED) <= public(Tracker)
    assert (
        set(operations(Client))
        == set(operations(AsyncClient))
        == {*DECLARED, *operations(Following)}
    )


def test_a_tracker_takes_what_is_declared() -> None:
    """Names, kinds, defaults and annotations of parameters, and the result's: `acting_as` relies on them."""
    for name, operation in DECLARED.items():
        method = getattr(Tracker, name)
        if method is operation:  # the tracker performs what was declared
            continue
        hints, said = hints_of(method), hints_of(operation.declared)
        own = [
            p
            for p in inspect.signature(method).parameters.values()
            if p.name in operation.parameters or p.name not in {*ASKERS, "self"}
        ]
        _, *declared = inspect.signature(operation.declared).parameters.values()  # but the door
        for there, here in zip(declared, own, strict=True):
            assert (there.name, there.kind, there.default) == (
                here.name,
                here.kind,
                here.default,
            ), name
            if name != "assert_guardrails":  # parsed ones stay in the process
                assert said[there.name] == hints[here.name], (name, there.name)
        if operation.written is not None:
            assert (
                operation.written == hints["return"]
                or get_args(operation.written)[0] == get_args(hints["return"])[0]
            )
        elif name not in {
            "approval",
            "approvals",
        }:  # a service's key sees only how a request stands
            assert said["return"] == hints["return"], name


def test_a_method_of_a_client_shows_what_was_declared() -> None:
    """Its name, sentence and signature, for `help` and editors; the asynchronous one is awaited."""
    here, there = (
        Client("http://127.0.0.1:9").close_task,
        AsyncClient("http://127.0.0.1:9").close_task,
    )
    for method in (here, there):
        assert (method.__name__, method.__doc__) == (
            "close_task",
            Tasks.close_task.declared.__doc__,
        )
        assert inspect.signature(method) == Tasks.close_task.signature
        assert "TaskEntry" in str(inspect.signature(method))
        assert inspect.ismethod(method)
    assert inspect.iscoroutinefunction(there)
    assert not inspect.iscoroutinefunction(here)


def test_nobody_acts_without_a_name_or_answers_without_a_key() -> None:
    """What is done names who did it; requests for approval are answered by people with a key."""
    with Tracker.open("sqlite://") as tracker:
        task = tracker.open_task("T", owner="ana", ceiling=Grant([], audience=[DESK]))
        with pytest.raises(UnauthenticatedError, match="Nobody is named"):
            tracker.acting_as("").revoke("task", task.id)
        with pytest.raises(UnauthenticatedError, match="API key"):
            tracker.acting_as("ana").grant_approval("apr_" + "A" * 22, reason="fine")
        assert tracker.acting_as("ana").revoke("task", task.id).by == "ana"


def test_who_acts_cannot_say_to_be_another() -> None:
    """What only a tracker is told (by, client, audiences) is refused as by a client, not passed over."""
    with Tracker.open("sqlite://") as tracker:
        for name, operation in DECLARED.items():
            needed = operation.signature.parameters.values()
            needed = [p for p in needed if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
            given = {p.name: "x" for p in needed if p.kind is p.KEYWORD_ONLY}
            takes_filters = any(p.is_rest for p in operation.parameters.values())
            places = ["decisions", "csv"] if takes_filters else ["x"] * (len(needed) - len(given))
            kind, why = (
                (MalformedError, "filter|selection") if takes_filters else (TypeError, "unexpected")
            )
            for said in ASKERS - operation.parameters.keys():
                with pytest.raises(kind, match=why):
                    getattr(tracker.acting_as("ana"), name)(*places, **given, **{said: "eve"})


def test_a_misspelt_keyword_is_refused_before_anything_is_sent() -> None:
    """At run time too; mypy says it before."""
    with pytest.raises(TypeError, match="reson"):
        Client("http://127.0.0.1:9").revoke("link", "lnk_x", reson="x")


async def done(result: Any) -> Any:
    """Return a result, awaited where it comes so."""
    return await result if isinstance(result, Awaitable) else result


class Door:
    """One of the three, asked in one way."""

    def __init__(self, on: Any) -> None:
        """Ask this one."""
        self.on = on

    async def __call__(self, name: str, *given: Any, **named: Any) -> Any:
        """Return the result, or the class and code of the error."""
        try:
            return await done(getattr(self.on, name)(*given, **named))
        except DelegationError as error:
            # Over HTTP it is a `ServiceError` too, of a class below the tracker's own.
            return (type(error).__name__.removeprefix("Remote"), error.code)


GUARDRAILS = 'version = 1\n[[guardrail]]\nname = "none"\nnever_reach = { tools = ["mail.*"] }\n'
ASKED = {
    "tasks": ((), {}),
    "agents": ((), {}),
    "catalogue": ((), {}),
    "api_keys": ((), {}),
    "decisions": ((), {}),
    "links": ((), {}),
    "handovers": ((), {}),
    "owners": ((), {}),
    "findings": ((), {}),
    "risks": ((), {}),
    "revocations": ((), {}),
    "ended_tools": ((), {}),
    "public_ring": ((), {}),
    "approvals": ((), {}),
    "could_do": (("lead",), {}),
    "blast": (("lead",), {}),
    "ways": (("mailer", "mail.send"), {}),
    "find": (("mailer",), {}),
    "compare": ((), {"vs": 1}),
}


async def story(door: Door, lead: HolderKey, mailer: HolderKey) -> list[Any]:
    """Live through everything once, and return every result."""
    told = [
        await door("add_tool", Tool("mail.send", effect="write", arguments={"to": "email"})),
        await door("label_resources", "mail:acme/**", ["pii"]),
        await door("add_agent", "lead", owner="ana@acme.example", keys=[lead.public]),
    ]
    ceiling = Grant(
        [may("mail.send", to=anything())], audience=[DESK], budget={"calls": 9}, delegations_left=3
    )
    task = await door("open_task", "Ticket 1", owner="ana@acme.example", ceiling=ceiling)
    root = await door("issue", task, to=lead.public)
    grant = root.grant.narrow([may("mail.send", to=email("acme.example"))])
    child = root.delegate(by=lead, to=mailer.public, grant=grant)
    issuer = root.chain.origin.issuer
    told += [task, root, await door("announce", child, mailer.prove(child, announcement(issuer)))]
    for to in ("kim@acme.example", "bo@other.example"):
        access = Access("mail.send", {"to": to}, DESK)
        made = await door("check", child, mailer.prove(child, access), access)
        told += [made, await door("decision", made.id), await door("account", made.id)]
    told.append(await door("report_outcome", told[-3].id, "executed"))
    for name, (given, named) in ASKED.items():
        told.append(await door(name, *given, **named))
    for name in ("link", "ancestors", "descendants", "reach", "unused", "ended_before"):
        told.append(await door(name, root.id))
    for name in ("task", "child_tasks", "lineage"):
        told.append(await door(name, task.id))
    told.append((await door("lineage", task)).as_text())
    told += [
        await door("survivors", "link", root.id),
        await door("inspect", child),
        await door("plan", child, access=Access("mail.send", {"to": "kim@acme.example"}, DESK)),
        await door("assert_guardrails", GUARDRAILS),
        await door("tighten", "link", child.id, minimum=0),
        await door("replicas"),
        await door("local_decisions"),
        await door("suspensions"),
        await door("renewal", root.id),
        await door("preview", "link", root.id),
        await door("last_use", "link", child.id),
        await door("issue", task, to=lead.public, grant=Grant([may("mail.send", to=exact("x"))])),
        await door("issue", "tsk_" + "A" * 22, to=lead.public),
        await door("add_agent", "lead", owner="", keys=[]),
        await door("revoke", "link", child.id, reason="test"),
        await door("suspend", "tool", "mail.send"),
        await door("resume", "tool", "mail.send"),
        await door("freeze"),
        await door("unfreeze"),
        await door("close_task", task),
        await door("lineage", task),
        await door("task", "tsk_" + "B" * 22),
    ]
    return told


def by_value(told: list[Any]) -> list[str]:
    """Return the results' values: ids by the order in which they came, instants and keys' ends left out."""
    ids: dict[str, str] = {}

    def named(found: re.Match[str]) -> str:
        return ids.setdefault(found[0], f"{found[1]}_{len(ids)}")

    def value(result: Any) -> str:
        result = tuple(result) if type(result) is list else result  # a Sequence is either
        text = re.sub(r"(tsk|lnk|dec|apr)_[A-Za-z0-9_-]{22,43}", named, repr(result))
        text = re.sub(r"\b1[789]\d{8}\b", "INSTANT", text)
        return re.sub(
            r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ|sealed='[^']*'|(receipt|digest)='[^']*'", "WHEN", text
        )

    return [value(one) for one in told]


def test_one_story_has_the_same_results_on_all_three(tmp_path: Path) -> None:
    """In process, and over a real server synchronously and asynchronously: equal by value."""
    lead, mailer, ring = (
        HolderKey.generate("lead"),
        HolderKey.generate("mailer"),
        KeyRing.generate(DESK),
    )
    results = {}
    with Tracker.open("sqlite://", ring=ring) as tracker:
        tracker.create_api_key("operator", "operator")
        tracker.create_api_key("reviewer", "reviewer")
        results["here"] = by_value(
            asyncio.run(story(Door(tracker.acting_as("operator")), lead, mailer))
        )

    async def lived(url: str, key: str) -> list[Any]:
        async with AsyncClient(url, api_key=key) as client:
            return await story(Door(client), lead, mailer)

    for name in ("sync", "async"):
        folder = tmp_path / name
        folder.mkdir()
        ring.save(folder / "s.ring.json")
        with serving(folder / "s.db", folder) as told:
            url, key = told["url"], told["api_keys"]["operator"]
            if name == "async":
                results[name] = by_value(asyncio.run(lived(url, key)))
                continue
            with Client(url, api_key=key) as client:
                results[name] = by_value(asyncio.run(story(Door(client), lead, mailer)))
    for name in ("sync", "async"):
        for here, there in zip(results["here"], results[name], strict=True):
            assert there == here
