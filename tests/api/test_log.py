"""The log over HTTP: public hashes, entries for reviewers, a service's own proofs, both clients."""

from __future__ import annotations

import asyncio

import httpx2
import pytest
from service import Service
from world import DESK, World

from delegation.cli.log import AskedSource
from delegation.client import AsyncClient, Client
from delegation.errors import ForbiddenError, MalformedError, NotFoundError, UnauthenticatedError
from delegation.transparency.audit import audit
from delegation.transparency.checkpoint import LogProof, read_checkpoint
from delegation.transparency.merkle import verify_consistency


@pytest.fixture(scope="module")
def service() -> Service:
    """Return a service with an allowed and a denied decision of its own, signed twice."""
    found = Service(World())
    world = found.world
    token = world.chain("boss", "a")
    found.mine = ask(found, token, world.access())
    world.tracker.update_log()
    found.old = world.tracker.log_checkpoint()
    ask(found, token, world.access(path="relative"))
    other = world.tracker.create_api_key("svc2", "service", [DESK])
    found.keys["other"] = other
    world.tracker.update_log()
    return found


def ask(service: Service, token, access) -> str:
    """Have a call decided over HTTP and return the decision's id."""
    world = service.world
    body = {
        "token": token.text,
        "proof": world.key("a").prove(token, access, at=world.at),
        "access": access.to_json(),
    }
    return service.ask("POST", "/v1/check", "service", json=body).json()["decision"]


def transport(service: Service) -> httpx2.BaseTransport:
    """Return a transport to the application in this process."""

    def handle(request: httpx2.Request) -> httpx2.Response:
        answer = service.http.request(
            request.method, str(request.url.copy_with(scheme="http", host="testserver")),
            headers=dict(request.headers), content=request.content,
        )  # fmt: skip
        return httpx2.Response(answer.status_code, content=answer.content, headers=answer.headers)

    return httpx2.MockTransport(handle)


def client(service: Service, role: str | None) -> Client:
    """Return a client of a role."""
    key = service.keys[role] if role else ""
    return Client("http://testserver", api_key=key, transport=transport(service))


def test_checkpoint_and_hashes_are_public_and_cached_as_they_change(service: Service) -> None:
    """Nobody needs a key to keep a checkpoint; full tiles are for ever, partial ones are not."""
    answer = service.ask("GET", "/v1/log/checkpoint", None)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    head = read_checkpoint(answer.text)
    assert head.is_signed_by(service.world.tracker.log_status().keys)
    tile = service.ask("GET", f"/v1/log/tile/0/000.p/{head.size}", None)
    assert (len(tile.content), tile.headers["cache-control"]) == (head.size * 32, "no-cache")
    smaller = service.ask("GET", "/v1/log/tile/0/000.p/1", None)
    assert smaller.content == tile.content[:32]


@pytest.mark.parametrize(
    ("path", "status"),
    [("0/000", 404), ("0/000.p/200", 404), ("1/000.p/1", 404), ("7/000", 404), ("0/001.p/1", 404),
     ("0/0", 422), ("8/000", 422), ("-1/000.p/1", 422), ("entries/000.p/1", 401), ("%65ntries/000.p/1", 401),
     ("0/%2e%2e/checkpoint", 422), ("0/..%2f..%2fcheckpoint", 422), ("0/000.p/0", 422), ("999999999999999999999/000", 422),
     ("0/x999/x999/x999/x999/x999/x999/999", 404)],
)  # fmt: skip
def test_no_path_leads_to_entries_or_out_of_the_log(service: Service, path, status) -> None:
    """However it is spelled: hashes, or a refusal."""
    assert service.ask("GET", f"/v1/log/tile/{path}", None).status_code == status


def test_entries_are_for_reviewers(service: Service) -> None:
    """They hold what was decided; a service asks for the proof of its own decision instead."""
    path = f"/v1/log/tile/entries/000.p/{service.old.size}"
    answers = {role: service.ask("GET", path, role).status_code for role in service.keys}
    refused = dict.fromkeys(("service", "other", "approver"), 403)
    assert answers == {"operator": 200, "reviewer": 200, **refused}
    assert service.ask("GET", path, None).status_code == 401


def test_a_service_gets_the_proofs_of_its_own_decisions_only(service: Service) -> None:
    """Another's is as unknown as none; a reviewer gets all; each is believed with the key alone."""
    keys = service.world.tracker.log_status().keys
    for role in ("service", "reviewer"):
        proof = client(service, role).decision_proof(service.mine)
        assert proof.verify(keys).id == service.mine
        assert LogProof.from_json(proof.to_json()) == proof
    for name in (service.mine, "dec_unknown"):
        with pytest.raises(NotFoundError):
            client(service, "other").decision_proof(name)
    link = service.world.tracker.links()[0].id
    assert client(service, "reviewer").link_proof(link).verify(keys).id == link
    with pytest.raises(ForbiddenError):
        client(service, "service").link_proof(link)


def test_a_changed_proof_is_not_believed(service: Service) -> None:
    """Another leaf, place, path or checkpoint: refused, and JSON of another form is no proof."""
    from dataclasses import replace

    from delegation.errors import UnverifiedError

    proof = client(service, "reviewer").decision_proof(service.mine)
    keys = service.world.tracker.log_status().keys
    for changed in (
        replace(proof, entry=proof.entry.replace(b'"allowed":true', b'"allowed":false')),
        replace(proof, index=proof.index - 1),
        replace(proof, path=proof.path[1:]),
        replace(proof, checkpoint=service.old.text),
    ):
        with pytest.raises(UnverifiedError) as caught:
            changed.verify(keys)
        assert caught.value.reason == "log_inclusion"
    with pytest.raises(UnverifiedError) as caught:
        proof.verify([])
    assert caught.value.reason == "log_signature"
    whole = proof.to_json()
    for body in (
        {}, {**whole, "index": "1"}, {**whole, "entry": 1}, {**whole, "path": "x"},
        {**whole, "path": ["AA"] * 65}, {**whole, "path": ["?"]}, {**whole, "checkpoint": None},
    ):  # fmt: skip
        with pytest.raises(MalformedError):
            LogProof.from_json(body)


def test_both_clients_ask_what_the_tracker_asks(service: Service) -> None:
    """Checkpoint, tiles, proofs, status: the same answers over HTTP, sync and async."""
    tracker = service.world.tracker
    old, new = service.old, tracker.log_checkpoint()
    one = client(service, "reviewer")
    assert one.log_checkpoint() == new
    assert one.log_status() == tracker.log_status()
    assert one.log_inclusion(1, new.size) == tracker.log_inclusion(1, new.size)
    path = one.log_consistency(old.size, new.size)
    assert verify_consistency(old.size, new.size, old.root, new.root, path)
    with pytest.raises(MalformedError):
        one.log_tile("../checkpoint")
    with pytest.raises(UnauthenticatedError):
        client(service, None).log_status()

    class Handler(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request):
            return await asyncio.to_thread(transport(service).handle_request, request)

    async def run() -> None:
        async with AsyncClient(
            "http://testserver", api_key=service.keys["reviewer"], transport=Handler()
        ) as two:
            assert await two.log_checkpoint() == new
            assert await two.log_status() == tracker.log_status()
            assert await two.log_inclusion(1, new.size) == tracker.log_inclusion(1, new.size)
            assert await two.log_consistency(old.size, new.size) == path
            assert await two.log_tile("tile/0/000.p/1") == tracker.log_tile("tile/0/000.p/1")
            assert (await two.decision_proof(service.mine)).index == 2
            link = tracker.links()[0].id
            assert (await two.link_proof(link)).index == 0

    asyncio.run(run())


def test_a_whole_log_is_audited_over_http(service: Service) -> None:
    """With a reviewer's key everything, without one the tree of hashes."""
    keys = service.world.tracker.log_status().keys
    ring = service.world.tracker.public_ring()
    done = audit(
        AskedSource(client(service, "reviewer")), keys, since=service.old.text, issuer_keys=ring
    )
    assert done
    assert len(done.forest.decisions) == 2
    assert audit(AskedSource(client(service, None)), keys, reads_entries=False)


def test_an_empty_log_has_no_checkpoint() -> None:
    """Before the first record: 404, and nothing is made up."""
    service = Service(World())
    service.world.tracker.update_log()
    assert service.ask("GET", "/v1/log/checkpoint", None).status_code == 404
    assert service.ask("GET", "/v1/log/proof/inclusion?index=0&size=0", None).status_code == 404
    assert service.ask("GET", "/v1/log/proof/consistency?old=0&new=0", None).status_code == 404
    assert service.ask("GET", "/v1/log/tile/0/000.p/1", None).status_code == 404
    assert service.ask("GET", "/v1/log/status", "reviewer").json()["size"] == 0
