"""Builds the application: a tracker behind HTTP."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from fastapi import Depends, FastAPI

from delegation import __version__
from delegation.errors import ConfigurationError
from delegation.tracker import Tracker
from delegation_api import openapi, problems
from delegation_api.asking import Asking
from delegation_api.auth import KeyCache, refuse_odd_request
from delegation_api.check_front import CheckFront
from delegation_api.held_open import HeldOpen
from delegation_api.limits import BodyLimits
from delegation_api.metrics import Metrics
from delegation_api.observing import Observing
from delegation_api.pages import (
    agents,
    assets,
    decisions,
    endings,
    home,
    live,
    login,
    maps,
    overview,
    revoke,
    timeline,
)
from delegation_api.pages import approvals as page_approvals
from delegation_api.pages import exports as page_exports
from delegation_api.pages import log as page_log
from delegation_api.pages import questions as page_questions
from delegation_api.pages import tasks as page_tasks
from delegation_api.readiness import ReadyDesk
from delegation_api.route_table import load_routes
from delegation_api.routers import (
    approvals,
    desk,
    exports,
    health,
    log,
    oversight,
    questions,
    records,
    registry,
    standing,
    tasks,
    verify,
)
from delegation_api.routers import maps as task_maps
from delegation_api.settings import Settings
from delegation_api.tracing import Tracing
from delegation_api.waiting import Waiting
from delegation_api.webhooks import Webhooks


def create_app(tracker: Tracker, settings: Settings | None = None) -> FastAPI:
    """Return the API over a tracker, without the fast front and what watches it.

    Args:
        tracker: Store and keys; the caller closes it.
        settings: Bounds; the environment's if left out.

    Raises:
        ConfigurationError: A webhook is no https URL.
        RouteTableError: The routes behind proxies are declared in a way that cannot be enforced.
    """
    chosen = settings or Settings()
    table = chosen.forward_routes
    app = FastAPI(
        title="delegation",
        version=__version__,
        summary="Authority for multi-agent systems.",
        docs_url=None,
        redoc_url=None,
    )
    app.state.tracker = tracker
    app.state.settings = chosen
    app.state.keys = KeyCache(tracker)
    app.state.mounts = load_routes(Path(table), tracker.catalogue()) if table else {}
    metrics = app.state.metrics = Metrics(tracker, workers=chosen.workers)
    app.state.ready = ReadyDesk(tracker)
    app.state.live = live.Hub(tracker)
    app.state.exports = page_exports.Watched()
    app.state.waiting = Waiting(tracker)
    app.state.held_open = HeldOpen(chosen.max_polls_per_key)
    app.state.webhooks = Webhooks(chosen.approval_webhooks, tracker.sign_event)
    if app.state.webhooks.hooks:
        if not any(k.role == "service" and k.state == "active" for k in tracker.public_ring().keys):
            raise ConfigurationError("Webhooks need a service key, which signs what they are told.")
        tracker.on_approval(app.state.webhooks.tell)
    for hook in app.state.webhooks.hooks:
        for outcome in ("delivered", "failed", "dropped"):
            metrics.watch(
                "delegation_webhook_events_total", partial(getattr, hook, outcome), outcome=outcome
            )
    metrics.watch("delegation_streams_open", lambda: app.state.live.open)
    for kind in ("approvals", "revocations"):
        metrics.watch("delegation_polls_waiting", partial(app.state.waiting.count, kind), kind=kind)
    problems.install(app)
    openapi.install(app)
    for part in (
        tasks,
        task_maps,
        registry,
        desk,
        standing,
        approvals,
        records,
        log,
        health,
        oversight,
        questions,
        exports,
        assets,
        login,
        home,
        page_tasks,
        decisions,
        maps,
        overview,
        timeline,
        live,
        page_approvals,
        agents,
        page_questions,
        revoke,
        page_exports,
        endings,
        page_log,
    ):
        app.include_router(part.router, dependencies=[Depends(refuse_odd_request)])
    app.include_router(verify.router)  # Caddy adds the asked request's query to its own question
    app.add_middleware(Asking, seconds=chosen.question_seconds, most=chosen.max_questions)
    app.add_middleware(BodyLimits, most=chosen.max_body, seconds=chosen.body_seconds)
    return app


def create_service(
    tracker: Tracker, settings: Settings | None = None, tracing: Tracing | None = None
) -> Observing:
    """Return the whole service as `delegation serve` runs it.

    Args:
        tracker: Store and keys; the caller closes it.
        settings: Bounds; the environment's if left out.
        tracing: Where spans go, if anywhere; the caller closes it.
    """
    app = create_app(tracker, settings)
    log_all = bool(app.state.settings.log_requests)
    return Observing(CheckFront(app), app.state.metrics, tracing, log_all=log_all)
