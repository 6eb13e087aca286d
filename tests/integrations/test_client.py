"""The client: the tracker's methods and errors over HTTP, sync and async, and safe when answers are lost."""

from __future__ import annotations

import asyncio

import pytest
from service import Service
from wire import handler
from world import DESK, NOW, OWNER, World

from delegation import Grant, HolderKey, Tool, anything, may
from delegation.client import AsyncClient, Client
from delegation.commands.open_child import Opening, opening_request
from delegation.errors import (
    ConflictError,
    ForbiddenError,
    IdempotencyError,
    MalformedError,
    NotFoundError,
    ServiceError,
    StoreUnavailableError,
    UnauthenticatedError,
    UnfitError,
    UnverifiedError,
    WiderThanParentError,
)
from delegation.judge.limits import Limits

httpx2 = pytest.importorskip("httpx2")


@pytest.fixture
def service() -> Service:
    """Return a service."""
    return Service(World())


def client(service: Service, role: str | None = "operator", losses=None, **more) -> Client:
    """Return a client in a role."""
    transport = httpx2.MockTransport(handler(service, losses, **more))
    key = service.keys[role] if role else ""
    return Client("http://testserver", api_key=key, transport=transport)


def by_rows(result):
    """Return a result's rows as a list: a Sequence is a list or a tuple."""
    return list(result) if isinstance(result, list | tuple) else result


def test_what_is_read_over_http_is_what_the_tracker_reads(service: Service) -> None:
    """Every question, with its filters, gives the same values on both sides."""
    world, http = service.world, client(service)
    world.tracker.add_agent("a", owner="bo@acme.example", keys=[world.key("a").public])
    token = world.chain("boss", "a")
    made = world.check(token, "a")
    world.check(token, "a", world.access("ops.restart", host="h.example"))
    world.tracker.revoke("key", "A" * 43, by="op", reason="lost")
    questions = [
        ("agents", (), {}),
        ("api_keys", (), {}),
        ("revocations", (), {}),
        ("decision", (made.id,), {}),
        ("task", (world.task.id,), {}),
        ("tasks", (), {"owner": OWNER, "is_open": True}),
        ("link", (token.id,), {"at": NOW}),
        ("links", (), {"holder": "a", "key": world.key("a").public, "task": world.task.id}),
        ("ancestors", (token.id,), {}),
        ("descendants", (token.chain.root.id,), {"at": NOW}),
        ("decisions", (), {"tool": "files.read", "since": NOW, "until": NOW + 1}),
        ("decisions", (), {"code": "effect_not_granted", "allowed": False}),
    ]
    for name, given, filters in [
        ("handovers", (), {}), ("owners", (), {}), ("could_do", ("a",), {"at": NOW}), ("reach", (token.id,), {}), ("ways", ("a", "files.read"), {}), ("blast", ("a",), {}),
        ("unused", (token.id,), {}), ("findings", (), {}), ("risks", (), {"limit": 1}), ("compare", (), {"vs": NOW - 1}),
        ("survivors", ("link", token.id), {}), ("account", (made.id,), {}), ("find", ("Ticket",), {}),
    ]:  # fmt: skip
        here = getattr(world.tracker, name)(*given, **filters)
        there = getattr(http, name)(*given, **filters)
        assert by_rows(there) == by_rows(here), name
        assert getattr(there, "extent", None) == getattr(here, "extent", None)
        assert there, name
    for name, given, filters in questions:
        here = getattr(world.tracker, name)(*given, **filters)
        there = getattr(http, name)(*given, **filters)
        assert here
        assert by_rows(there) == by_rows(here), name
    assert http.lineage(world.task, at=NOW) == world.tracker.lineage(world.task, at=NOW)


def test_errors_are_those_of_the_tracker(service: Service) -> None:
    """Each refusal is a ServiceError and the class that the embedded tracker raises."""
    world = service.world
    op = client(service)
    cases = [
        (NotFoundError, lambda: op.task("tsk_none")),
        (MalformedError, lambda: op.open_task("", owner=OWNER, ceiling=Grant())),
        (ConflictError, lambda: (op.close_task(world.task), op.close_task(world.task))),
        (UnauthenticatedError, lambda: client(service, None).tasks()),
        (ForbiddenError, lambda: client(service, "reviewer").add_tool(Tool("a.b", effect="read"))),
        (UnverifiedError, lambda: op.announce("garbage", "x")),
    ]
    for kind, ask in cases:
        with pytest.raises(kind) as caught:
            ask()
        assert isinstance(caught.value, ServiceError)
        assert caught.value.code == kind.code
    with pytest.raises(UnverifiedError) as caught:
        op.announce("garbage", "x")
    assert caught.value.reason == "token_malformed"
    task = world.open()
    with pytest.raises(WiderThanParentError) as wider:
        op.issue(
            task, to=HolderKey.generate("x").public, grant=Grant(audience=["https://other.example"])
        )
    assert wider.value.reason
    slip = Grant([may("files.read", pth=anything())], audience=[DESK])
    with pytest.raises(UnfitError, match=r"did you mean path\?") as unfit:
        op.open_task("T", owner=OWNER, ceiling=slip)
    assert isinstance(unfit.value, ServiceError)
    assert (unfit.value.code, unfit.value.reason) == ("unfit", "argument_unknown")
    assert unfit.value.remedy == "Write path."
    with pytest.raises(MalformedError, match=r"key\.public"):
        op.issue(task, to=HolderKey.generate("x"))  # type: ignore[arg-type]


def test_a_lost_answer_is_asked_for_again_and_charged_once(service: Service) -> None:
    """Connection lost after the decision, then a 502: the third attempt gets the first decision."""
    world = service.world
    token, access = world.chain("boss", "a"), world.access()
    proof = world.key("a").prove(token, access, at=world.at)
    decision = client(service, "service", losses=[1, 502]).check(token, proof, access)
    assert decision.allowed
    assert [d.id for d in world.tracker.decisions()] == [decision.id]
    assert dict(world.tracker.task(world.task.id).spent)["calls"] == 1


def test_what_is_not_repeatable_is_sent_once(service: Service) -> None:
    """Opening a task twice would open two: its lost answer is the caller's to judge."""
    with pytest.raises(ServiceError) as caught:
        client(service, losses=[1, 0]).open_task("T", owner=OWNER, ceiling=Grant())
    assert caught.value.problem == "unreachable"
    assert len(service.world.tracker.tasks()) == 2


def test_a_service_that_stays_away_is_no_allowance(service: Service) -> None:
    """After its attempts the client raises; a proxy's page is no decision."""
    world = service.world
    token, access = world.chain("boss", "a"), world.access()
    proof = world.key("a").prove(token, access, at=world.at)
    with pytest.raises(ServiceError):
        client(service, "service", losses=[1] * 9, lose_answer=False).check(token, proof, access)
    assert world.tracker.decisions() == []
    with pytest.raises(ServiceError) as caught:
        client(service, losses=[200]).catalogue()
    assert caught.value.problem == "answer_malformed"


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("operation", ["agents", "catalogue", "public_ring", "findings"])
def test_an_answer_deeper_than_is_read_is_an_error_of_ours(status: int, operation: str) -> None:
    """Whoever answers may not be the service: neither a result nor a refusal of it ends in Python's error."""
    deep = b"[" * 100_000 + b"]" * 100_000
    answer = httpx2.MockTransport(lambda _: httpx2.Response(status, content=deep))
    asked = Client("https://x.example", transport=answer)
    with pytest.raises(ServiceError) as caught:
        getattr(asked, operation)()
    assert caught.value.problem == ("answer_malformed" if status == 200 else "http_error")


def test_a_reused_key_is_an_error_of_its_own(service: Service) -> None:
    """A caller that names two requests alike is told so."""
    world = service.world
    token = world.chain("boss", "a")
    asked = client(service, "service")
    for n, kind in ((1, None), (2, IdempotencyError)):
        access = world.access(path=f"/{n}")
        proof = world.key("a").prove(token, access, at=world.at)
        if kind is None:
            assert asked.check(token, proof, access, idempotency_key="k")
        else:
            with pytest.raises(kind):
                asked.check(token, proof, access, idempotency_key="k")


def test_the_asynchronous_client_does_the_same(service: Service) -> None:
    """Open, issue, check, plan, report, close: awaited."""
    world = service.world

    async def run() -> None:
        make = lambda role, **kw: AsyncClient(  # noqa: E731
            "http://testserver",
            api_key=service.keys[role],
            transport=httpx2.MockTransport(handler(service, **kw)),
        )
        async with make("operator") as op, make("service", losses=[1]) as desk:
            task = await op.open_task("A", owner=OWNER, ceiling=world.task.ceiling)
            boss = HolderKey.generate("boss")
            token = await op.issue(task, to=boss.public)
            access = world.access()
            decision = await desk.check(token, boss.prove(token, access, at=world.at), access)
            assert decision.allowed
            await desk.report_outcome(decision.id, "executed")
            plan = await op.plan(token, access=access, grant=Grant(effects=["write"]))
            assert plan["would_allow"] is False
            assert (await op.close_task(task)).state == "completed"
            with pytest.raises(NotFoundError):
                await op.link("lnk_none")

    asyncio.run(run())


def test_a_full_service_is_an_outage_to_the_client(service: Service, monkeypatch) -> None:
    """503 is raised as the tracker would raise it."""
    world = service.world
    token, access = world.chain("boss", "a"), world.access()
    proof = world.key("a").prove(token, access, at=world.at)
    world.tracker._store.writer.close()
    with pytest.raises(StoreUnavailableError) as caught:
        client(service, "service").check(token, proof, access)
    assert caught.value.status == 503
    assert DESK not in str(caught.value)


def test_a_request_is_waited_for_and_answered_over_http(service: Service) -> None:
    """Both clients: the agent without a key, the approver with one, a service with less to see."""
    from consent import asked, pay, paying

    from delegation.commands.approve import approval_question
    from delegation.errors import ApproverRefusedError
    from delegation.lineage.approval import ApprovalEntry, ApprovalStatus

    world = service.world
    token = paying(world)
    request = asked(world, token)
    question = approval_question(world.tracker.issuer, request)
    proof = world.key("a").prove(token, question, at=world.at)
    agent = client(service, None)
    assert agent.wait_for_approval(token, proof, request).state == "pending"
    assert isinstance(client(service, "service").approval(request), ApprovalStatus)
    bo = client(service, "approver")
    assert [e.id for e in bo.approvals(state="pending")] == [request]
    shown = bo.approval(request)
    assert isinstance(shown, ApprovalEntry)
    assert shown == world.tracker.approval(request)
    assert bo.grant_approval(request, reason="ok").state == "granted"
    assert agent.wait_for_approval(token, proof, request, wait=1).statement
    with pytest.raises(ConflictError):
        bo.refuse_approval(request, reason="no")
    from consent import rule

    other = asked(world, paying(world, rule(approvers="legal")), pay(world, 2))
    with pytest.raises(ApproverRefusedError) as caught:
        bo.grant_approval(other, reason="ok")
    assert caught.value.reason == "approver_not_named"

    async def ask() -> tuple[str, str]:
        transport = httpx2.MockTransport(handler(service))
        async with AsyncClient("http://testserver", transport=transport) as waiting:
            waited = await waiting.wait_for_approval(token, proof, request)
        async with AsyncClient(
            "http://testserver", api_key=service.keys["approver"], transport=transport
        ) as person:
            return waited.state, (await person.approval(request)).state

    assert asyncio.run(ask()) == ("granted", "granted")


def test_an_agent_opens_a_child_task_over_http(service: Service) -> None:
    """No API key: the proof says who asks. The root is verified with the public keys before it is used."""
    world, nobody = service.world, client(service, None)
    opener = world.chain("boss", "a")
    opening = Opening(
        "Part", Grant(), world.key("sub").public, lasts=50, idle=9, limits=Limits(depth=3)
    )
    proof = world.key("a").prove(opener, opening_request(world.tracker.issuer, opening), at=NOW)
    task, root = nobody.open_child_task(opener, proof, opening)
    assert task == world.tracker.task(task.id)
    assert (task.parent, task.idle, task.limits.depth) == (world.task.id, 9, 3)
    assert world.check(root, "sub")
    with pytest.raises(UnverifiedError) as caught:
        nobody.open_child_task(opener, proof, opening)
    assert caught.value.reason == "replayed"
    opened = client(service).open_task(
        "T", owner=OWNER, ceiling=Grant(), idle=60, limits=Limits(calls_per_minute=7)
    )
    assert (opened.idle, opened.limits.calls_per_minute) == (60, 7)
