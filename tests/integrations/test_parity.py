"""`Client` and `AsyncClient` have the tracker's methods: the same signatures, and the same results."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, get_type_hints

from cases import every
from serving import serving

from delegation import Access, Grant, HolderKey, Tool, anything, email, exact, may
from delegation.client import AsyncClient, Client
from delegation.embedded import Tracker
from delegation.errors import DelegationError
from delegation.identity.keyring import KeyRing
from delegation.tracker.announce import announcement

DESK = "https://desk.example"
# Who asks: over HTTP it is the API key that says so, and a claim beside it would be another.
ASKERS = frozenset({"by", "client", "audiences"})
# Said to one side only, with the reason.
ONE_SIDED = {
    "open_task": {"unsafe_wildcards"},  # an operator of the process may; nobody over HTTP
    "feed": {"wait"},  # a process is told by `on_change`
    "poll_replica": {"wait"},
}
# Results that are written for other programs, and stay JSON over HTTP.
AS_JSON = frozenset({"inspect", "plan", "assert_guardrails", "tighten"})
# A key of a service sees only how a request stands; what replicas exchange is the feed's wire.
OTHER_RESULTS = frozenset({"approval", "approvals", "poll_replica", "register_replica"})
GUARDRAILS_AS_TEXT = (
    "assert_guardrails"  # parsed ones are sent as the text that they were read from
)
# Of the process that holds store and keys: opening, signing, sessions, chores, what pages and metrics ask.
OF_THE_PROCESS = frozenset(
    [
        "announced_text",
        "approval_asker",
        "approval_of",
        "approval_states",
        "authenticate",
        "begin_check",
        "begin_session",
        "bound",
        "compare_log",
        "confirmed",
        "create_login_link",
        "end_exports",
        "erase",
        "exposure",
        "frozen",
        "is_recorded",
        "issuer",
        "keep_log",
        "known_catalogue",
        "local_decisions",
        "log_in",
        "log_out",
        "news",
        "news_of_all",
        "now",
        "numbers",
        "on_approval",
        "on_change",
        "open",
        "outline",
        "rebuild_log",
        "receipt",
        "recent_decisions",
        "reconcile",
        "replicas",
        "report",
        "restart_log",
        "revocations_of",
        "rhythm",
        "session_key",
        "snapshot",
        "sign_event",
        "update_log",
        "waiting",
        "waiting_approvals",
        "writer_stats",
    ]
)
# Of an exchange: pictures that need Graphviz are made there, keys are asked for again, reports are sent.
OF_THE_CLIENT = frozenset({"drawing", "fresh_ring", "report_decisions"})


def public(kind: type) -> set[str]:
    """Return the names of a class that are promised."""
    return {name for name in dir(kind) if not name.startswith("_")}


SHARED = sorted(public(Tracker) & public(Client))


def hints_of(method: Any) -> dict[str, Any]:
    """Return a method's annotations, as texts where one names an alias that refers to itself."""
    try:
        return get_type_hints(method)
    except TypeError:
        return dict(method.__annotations__)


def told(method: Any, ignored: frozenset[str] | set[str]) -> list[tuple[Any, ...]]:
    """Return a method's parameters: name, kind, default, annotation."""
    hints = hints_of(method)
    return [
        (p.name, p.kind, p.default, hints.get(p.name))
        for p in inspect.signature(method).parameters.values()
        if p.name not in ignored
    ]


def test_each_has_what_the_other_has_or_it_is_said_why_not() -> None:
    """A method that is added to one side fails here until it is on the other, or in the list."""
    assert public(Tracker) - public(Client) == OF_THE_PROCESS
    assert public(Client) - public(Tracker) == OF_THE_CLIENT
    assert public(Client) == public(AsyncClient)


@every("name", SHARED)
@every("kind", [Client, AsyncClient])
def test_signatures_are_the_same(kind: type, name: str) -> None:
    """Names, kinds, defaults and annotations of the parameters, and the result's."""
    here, there = getattr(Tracker, name), getattr(kind, name)
    ignored = ASKERS | ONE_SIDED.get(name, set())
    if name != GUARDRAILS_AS_TEXT:
        assert told(there, ignored) == told(here, ignored)
    given, asked = hints_of(here).get("return"), hints_of(there).get("return")
    if name in AS_JSON:
        assert "dict[str, typing.Any]" in str(asked)
        assert given is not asked
    elif name in OTHER_RESULTS:
        assert given != asked
    else:
        assert asked == given
    assert inspect.iscoroutinefunction(there) is (kind is AsyncClient)


async def done(result: Any) -> Any:
    """Return a result, awaited where it comes so."""
    return await result if isinstance(result, Awaitable) else result


class Door:
    """One of the three, asked in one way: the tracker is told who asks, the others' key says it."""

    def __init__(self, on: Any) -> None:
        """Ask this one."""
        self.on = on

    async def __call__(self, name: str, *given: Any, **named: Any) -> Any:
        """Return the result, or the class and code of the error."""
        method = getattr(self.on, name)
        if isinstance(self.on, Tracker) and "by" in inspect.signature(method).parameters:
            named["by"] = "operator"
        try:
            return await done(method(*given, **named))
        except DelegationError as error:
            # Over HTTP it is a `ServiceError` too, of a class below the tracker's own.
            return (type(error).__name__.removeprefix("Remote"), error.code)


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
    "feed": ((), {}),
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
        results["here"] = by_value(asyncio.run(story(Door(tracker), lead, mailer)))

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
