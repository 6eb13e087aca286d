"""Exports over HTTP: files with digests and manifests, for those who may read, by both clients."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json

import httpx2
import pytest
from service import Service
from wire import handler
from world import World

from delegation.client import AsyncClient, Client
from delegation.errors import ExportTooLargeError, MalformedError, NotFoundError, ServiceError
from delegation.export.forms import FORMS
from delegation.lineage.selection import VIEWS


@pytest.fixture(scope="module")
def service() -> Service:
    """Return a service with something in it."""
    world = World()
    token = world.chain("boss", "a", "b")
    world.check(token, "b")
    world.check(token, "b", world.access("ops.restart", host="h.example"))
    return Service(world)


def client(service: Service, kind=Client, role: str = "reviewer", handle=None):
    """Return a client of the service."""
    transport = httpx2.MockTransport(handle or handler(service))
    return kind("http://testserver", api_key=service.keys[role], transport=transport)


def test_every_view_comes_in_every_form_as_a_file(service: Service, needs_dot: str) -> None:
    """A file to keep, sandboxed, with its SHA-256 and what it states of itself in headers."""
    assert needs_dot
    for view, one in VIEWS.items():
        for form in one.forms:
            query = {"task": service.world.task.id} if view == "timeline" else {}
            answer = service.ask("GET", f"/v1/exports/{view}.{form}", "reviewer", params=query)
            assert answer.status_code == 200, answer.text
            digest = base64.b64encode(hashlib.sha256(answer.content).digest()).decode()
            assert answer.headers["repr-digest"] == f"sha-256=:{digest}:"
            said = json.loads(answer.headers["delegation-export"])
            assert (said["view"], said["form"]) == (view, form)
            assert {"task", "filter", "at", "epoch", "shown", "total", "version", "checkpoint", "complete"} < set(said)  # fmt: skip
            assert answer.headers["content-disposition"].startswith("attachment; ")
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "sandbox" in answer.headers["content-security-policy"]
            assert answer.headers["content-type"].startswith(FORMS[form].media.partition(";")[0])


def test_both_clients_have_the_trackers_method(service: Service) -> None:
    """The same bytes and manifest whichever way they are asked for."""
    own = service.world.tracker.export("decisions", "ocsf", allowed=False)
    with client(service) as sync:
        assert sync.export("decisions", "ocsf", allowed=False) == own

    async def ask():
        async with client(service, AsyncClient) as found:
            return await found.export("decisions", "ocsf", allowed=False)

    assert asyncio.run(ask()) == own


def test_a_file_that_was_changed_on_the_way_is_not_returned(service: Service) -> None:
    """The client holds the bytes against the digest; without one, or with odd headers, it refuses."""
    inner = handler(service)

    def changed(request):
        answer = inner(request)
        return httpx2.Response(200, headers=dict(answer.headers), content=answer.content + b"x")

    def bare(request):
        return httpx2.Response(200, content=inner(request).content)

    def odd(request):
        answer = inner(request)
        headers = {**answer.headers, "delegation-export": '{"view": []}'}
        return httpx2.Response(200, headers=headers, content=answer.content)

    for handle in (changed, bare, odd):
        with client(service, handle=handle) as found, pytest.raises(ServiceError) as caught:
            found.export("tasks", "csv")
        assert caught.value.problem == "answer_malformed"


def test_refusals_have_their_codes(service: Service, monkeypatch) -> None:
    """Unknown views and filters are 422, unknown tasks 404, too much is 422 with the way out."""
    with client(service) as found:
        for view, form, given in (
            ("x", "csv", {}),
            ("tasks", "exe", {}),
            ("tasks", "csv", {"at": 1}),
        ):
            with pytest.raises(MalformedError):
                found.export(view, form, **given)
        with pytest.raises(NotFoundError):
            found.export("lineage", "svg", task="tsk_none")
        monkeypatch.setattr("delegation.embedded.exports.AT_ONCE", _small())
        with pytest.raises(ExportTooLargeError) as caught:
            found.export("links", "csv")
        assert caught.value.problem == "export_too_large"
    for path in ("/v1/exports/tasks.csv?x=1", "/v1/exports/tasks.csv?owner=a&owner=b", "/v1/exports/../tasks.csv", "/v1/exports/tasks", "/v1/exports/TASKS.csv"):  # fmt: skip
        assert service.ask("GET", path, "reviewer").status_code in {404, 405, 422}


def _small():
    from delegation.tracker.export import Bounds

    return Bounds(rows=1, links=1)


@pytest.mark.parametrize("role", ["service", "approver", None])
def test_who_may_not_read_may_not_export(service: Service, role: str | None) -> None:
    """The roles are those of the views."""
    answer = service.ask("GET", "/v1/exports/tasks.csv", role)
    assert answer.status_code == (401 if role is None else 403)


def test_hostile_filters_stay_text_in_headers(service: Service) -> None:
    """A filter that is refused nowhere is one line of ASCII in the manifest's header."""
    for name in ("é\u202e", "a\r\nX-Evil: 1", '"},{', "\ufeff" * 10, "漢" * 128):
        answer = service.ask("GET", "/v1/exports/links.csv", "reviewer", params={"holder": name})
        assert answer.status_code == 200, answer.text
        said = answer.headers["delegation-export"]
        assert said.isascii()
        assert said.isprintable()
        assert json.loads(said)["shown"] == 0
        assert "x-evil" not in answer.headers
