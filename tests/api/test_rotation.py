"""Callers of a service learn of a key that is newer than what they asked for once."""

from __future__ import annotations

import asyncio
import time

import httpx2
import pytest
from service import Service
from wire import handler
from world import World

from delegation.client import AsyncClient, Client
from delegation.commands.ring import FixedRing
from delegation.errors import StoreUnavailableError, UnverifiedError
from delegation.identity.keyring import KeyRing


@pytest.fixture
def service() -> Service:
    """Return a service over a store in memory."""
    return Service(World())


def rotate(service: Service) -> KeyRing:
    """Let another issuer's key sign, as a service that has looked does."""
    desk = service.world.tracker._desk
    ring = desk.ring.rotated("issuer", at=service.world.at, keep=1000)
    object.__setattr__(desk, "keys", FixedRing(ring))
    return ring


def test_a_client_that_keeps_keys_asks_again_for_a_newer_one(service: Service) -> None:
    """Both clients: what is issued after the rotation is read, and what was before still is."""
    transport = httpx2.MockTransport(handler(service))
    named = {"api_key": service.keys["operator"], "transport": transport}
    boss = service.world.key("boss").public
    with Client("http://testserver", **named) as client:
        before = client.issue(service.world.task.id, to=boss)
        ring = rotate(service)
        after = client.issue(service.world.task.id, to=boss)
        assert client.public_ring() == ring.public_ring()
        assert service.world.check(before, "boss")
        assert service.world.check(after, "boss")

    async def go() -> None:
        async with AsyncClient("http://testserver", **named) as other:
            await other.issue(service.world.task.id, to=boss)
            newer = rotate(service)
            assert service.world.check(await other.issue(service.world.task.id, to=boss), "boss")
            assert await other.public_ring() == newer.public_ring()

    asyncio.run(go())


def test_a_client_does_not_believe_a_key_that_nobody_published(service: Service) -> None:
    """Asked again, the service does not name it: refused, as before."""
    transport = httpx2.MockTransport(handler(service))
    with Client(
        "http://testserver", api_key=service.keys["operator"], transport=transport
    ) as client:
        told = client.public_ring()
        rotate(service)
        client._http = httpx2.Client(
            base_url="http://testserver",
            headers={"Authorization": f"Bearer {service.keys['operator']}"},
            transport=httpx2.MockTransport(
                lambda request: (
                    httpx2.Response(200, json=told.to_json())
                    if request.url.path == "/v1/keys/public"
                    else handler(service)(request)
                )
            ),
        )
        with pytest.raises(UnverifiedError) as caught:
            client.issue(service.world.task.id, to=service.world.key("boss").public)
        assert caught.value.reason == "key_unknown"


def test_a_replica_that_lacks_a_key_is_not_ready(service: Service) -> None:
    """It may start to sign nothing and would call good tokens unknown: the balancer passes it by."""

    class Behind(FixedRing):
        def signing(self) -> KeyRing:
            raise StoreUnavailableError("This replica's key ring lacks the issuer key 7.")

    assert service.ask("GET", "/readyz", None).status_code == 200
    desk = service.world.tracker._desk
    object.__setattr__(desk, "keys", Behind(desk.ring))
    ends = time.monotonic() + 60
    while (answer := service.ask("GET", "/readyz", None)).status_code == 200:
        assert time.monotonic() < ends  # what was looked at half a second ago is still said
    assert (answer.status_code, "lacks" in answer.text) == (503, True)
    assert service.ask("GET", "/healthz", None).status_code == 200
