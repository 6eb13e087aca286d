"""The whole path over HTTP, with the client's own methods."""

from __future__ import annotations

import time

import pytest
from service import Service
from world import DESK, NOW, PAY, READ, SEND, TOOLS, World

from delegation import Access, Grant, HolderKey, Token, Tool
from delegation.client import Client
from delegation.errors import ServiceError


@pytest.fixture(scope="module")
def service() -> Service:
    """Return one service."""
    return Service(World())


def transport(service: Service):
    """Return a transport into the application for the client."""
    import httpx2

    def handle(request: httpx2.Request) -> httpx2.Response:
        sent = service.http.request(
            request.method,
            str(request.url.raw_path, "ascii"),
            content=request.content,
            headers=dict(request.headers),
        )
        return httpx2.Response(
            sent.status_code,
            headers={"content-type": sent.headers.get("content-type", "")},
            content=sent.content,
        )

    return httpx2.MockTransport(handle)


@pytest.mark.parametrize("format", ["biscuit", "macaroon"])
def test_the_whole_path_over_http(format: str) -> None:
    """Open, issue, delegate twice offline, announce, check, revoke, draw: with the client's own methods."""
    service = Service(World())
    boss, worker, helper = (HolderKey.generate(n) for n in ("boss", "worker", "helper"))
    with Client(
        "http://testserver", api_key=service.keys["operator"], transport=transport(service)
    ) as client:
        client.health()
        assert (
            client.add_tool(Tool("notes.add", effect="write", arguments={"text": "text"}))
            == len(TOOLS) + 1
        )
        assert client.label_resources("mail:acme/*", ["mail"]) == len(TOOLS) + 2
        assert client.catalogue() == service.world.tracker.catalogue()
        client.add_agent("worker", owner="ana@acme.example", keys=[worker.public])
        task = client.open_task(
            "Over HTTP",
            owner="ana@acme.example",
            ceiling=Grant([READ, SEND, PAY], audience=[DESK], delegations_left=3),
        )
        root = client.issue(task, to=boss.public, format=format)
        child = root.delegate(by=boss, to=worker.public, grant=Grant([READ])).delegate(
            by=worker, to=helper.public, grant=Grant()
        )
        assert isinstance(child, Token)
        assert child.format == format
        from delegation.commands.announce import announcement

        entry = client.announce(
            child, helper.prove(child, announcement(root.chain.origin.issuer), at=NOW)
        )
        assert entry.depth == 2
        access = Access("files.read", {"path": "/a"}, DESK)
        decision = client.check(child, helper.prove(child, access, at=NOW), access)
        assert decision
        assert decision.arguments == {"path": "/a"}
        assert [link.id for link in client.ancestors(child.id)] == list(decision.links)
        denied = client.check(child, helper.prove(child, access, at=NOW - 100), access)
        assert not denied
        assert denied.denial is not None
        assert denied.denial.code == "proof_stale"
        assert client.inspect(child)["denial"] is None
        client.revoke("link", root.id, reason="test")
        assert not client.check(child, helper.prove(child, access, at=NOW), access)
        lineage = client.lineage(task)
        assert lineage == service.world.tracker.lineage(task.id)
        assert b"<svg" in client.drawing(task, "svg")
        assert [d.allowed for d in client.decisions(task=task.id) if d.tool == "files.read"] == [
            True,
            False,
        ]
        assert client.close_task(task).state == "completed"
        assert task.id in {entry.id for entry in client.tasks()}
        with pytest.raises(ServiceError) as caught:
            client.issue(task, to=boss.public)
        assert (caught.value.status, caught.value.problem) == (409, "conflict")
    with (
        Client("http://testserver", transport=transport(service)) as nobody,
        pytest.raises(ServiceError) as refused,
    ):
        nobody.check(child, None, access)
    assert refused.value.status == 401


def test_a_withdrawn_key_opens_nothing(service: Service) -> None:
    """An API key that was revoked is nobody's, once the second is over for which it is believed."""
    secret = service.ask("POST", "/v1/api-keys", json={"name": "gone", "role": "operator"}).json()[
        "secret"
    ]
    service.keys["gone"] = secret
    assert service.ask("GET", "/v1/tasks", "gone").status_code == 200
    assert service.ask("DELETE", "/v1/api-keys/gone").status_code == 204
    service.app.state.keys._clock = lambda: time.monotonic() + 1
    assert service.ask("GET", "/v1/tasks", "gone").status_code == 401
    assert secret not in service.ask("GET", "/v1/api-keys").text


def test_the_client_says_when_nothing_answers() -> None:
    """An unreachable service is an error of its own, and never an allowance."""
    with Client("http://127.0.0.1:9", timeout=1) as client, pytest.raises(ServiceError) as caught:
        client.check("x", None, {})
    assert caught.value.problem == "unreachable"
