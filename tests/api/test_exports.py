"""Exports over HTTP: files with digests and manifests, for those who may read, by both clients."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import time

import httpx2
import pytest
from service import Service
from wire import handler
from world import World

from delegation.client import AsyncClient, Client
from delegation.commands.export_jobs import MOST_OF_ONE
from delegation.errors import (
    ConflictError,
    ExportsBusyError,
    ExportTooLargeError,
    MalformedError,
    NotFoundError,
    ServiceError,
)
from delegation.lineage.export_forms import FORMS
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
        monkeypatch.setattr("delegation.tracker.exports.AT_ONCE", _small())
        with pytest.raises(ExportTooLargeError) as caught:
            found.export("links", "csv")
        assert caught.value.problem == "export_too_large"
    for path in ("/v1/exports/tasks.csv?x=1", "/v1/exports/tasks.csv?owner=a&owner=b", "/v1/exports/../tasks.csv", "/v1/exports/tasks", "/v1/exports/TASKS.csv"):  # fmt: skip
        assert service.ask("GET", path, "reviewer").status_code in {404, 405, 422}


def _small():
    from delegation.commands.export_data import Bounds

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


def test_a_job_over_http_with_both_clients(service: Service) -> None:
    """Asked for (202, where it is), seen, fetched, listed, cancelled: as the tracker has it."""
    answer = service.ask("POST", "/v1/exports", "reviewer", json={"view": "links", "form": "json", "filters": {"holder": "a"}})  # fmt: skip
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/exports/{answer.json()['id']}"
    assert answer.json()["state"] == "waiting"
    tracker = service.world.tracker
    with client(service) as found:
        job = waited(found, answer.json()["id"])
        assert job == tracker.export_job(job.id, by="rev")
        assert job.state == "done"
        made = found.export_file(job.id)
        assert made == tracker.export("links", "json", holder="a")
        assert made.digest == job.digest
        assert [one.id for one in found.export_jobs()] == [job.id]
        assert found.cancel_export(job.id).state == "cancelled"
        with pytest.raises(ConflictError):
            found.export_file(job.id)

    async def ask():
        async with client(service, AsyncClient) as other:
            job = await other.ask_export("decisions", "csv", allowed=False, tool=None)
            while (await other.export_job(job.id)).is_active:  # noqa: ASYNC110  # as a caller does
                await asyncio.sleep(0.02)
            made = await other.export_file(job.id)
            assert len(await other.export_jobs()) == 2
            await other.cancel_export(job.id)
            return made

    assert asyncio.run(ask()) == tracker.export("decisions", "csv", allowed=False)


def waited(found: Client, job: str):
    """Return a job once it is over."""
    end = time.monotonic() + 60
    while (seen := found.export_job(job)).is_active and time.monotonic() < end:
        time.sleep(0.02)
    return seen


def test_a_job_is_another_callers_nothing(service: Service) -> None:
    """Another API key of the same role gets 404 for state, file and cancelling, and an empty list."""
    with client(service) as own, client(service, role="operator") as other:
        job = own.ask_export("tasks", "csv")
        for ask in (other.export_job, other.export_file, other.cancel_export):
            with pytest.raises(NotFoundError):
                ask(job.id)
        assert other.export_jobs() == []
        own.cancel_export(job.id)


def test_jobs_that_cannot_be_are_refused(service: Service) -> None:
    """Bodies off their schema, hostile filters, and more jobs than one may have."""
    for body in ({}, {"view": "tasks"}, {"view": "tasks", "form": "csv", "filters": {"by": "op"}}, {"view": "tasks", "form": "csv", "filters": {"view": "x"}},
                 {"view": "tasks", "form": "csv", "filters": {"x": 1}}, {"view": "tasks", "form": "csv", "filters": {"owner": 1.5}}, {"view": "tasks", "form": "csv", "filters": {"owner": []}},
                 {"view": "tasks", "form": "csv", "by": "op"}, {"view": "links", "form": "csv", "filters": {"holder": "a\x00"}}, {"view": "links", "form": "csv", "filters": {"at": True}}):  # fmt: skip
        assert service.ask("POST", "/v1/exports", "reviewer", json=body).status_code == 422, body
    lone = b'{"view": "links", "form": "csv", "filters": {"holder": "\\ud800"}}'
    answer = service.ask("POST", "/v1/exports", "reviewer", content=lone, headers={"content-type": "application/json"})  # fmt: skip
    assert answer.status_code == 400
    with client(service) as found:
        jobs = [found.ask_export("tasks", "csv") for _ in range(MOST_OF_ONE)]
        with pytest.raises(ExportsBusyError):
            found.ask_export("tasks", "csv")
        refused = service.ask(
            "POST", "/v1/exports", "reviewer", json={"view": "tasks", "form": "csv"}
        )
        assert (refused.status_code, refused.json()["code"]) == (429, "exports_busy")
        for job in jobs:
            found.cancel_export(job.id)
