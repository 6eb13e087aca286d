"""The application: a tracker behind HTTP."""

from __future__ import annotations

from fastapi import FastAPI

from delegation import __version__
from delegation.embedded import Tracker
from delegation_api import problems
from delegation_api.limits import BodyLimits
from delegation_api.routers import desk, health, records, registry, tasks
from delegation_api.settings import Settings


def create_app(tracker: Tracker, settings: Settings | None = None) -> FastAPI:
    """Return the service over a tracker.

    Args:
        tracker: Store and keys; the caller closes it.
        settings: Bounds; the environment's if left out.
    """
    app = FastAPI(
        title="delegation",
        version=__version__,
        summary="Authority for multi-agent systems.",
        docs_url=None,
        redoc_url=None,
    )
    app.state.tracker = tracker
    problems.install(app)
    for part in (tasks, registry, desk, records, health):
        app.include_router(part.router)
    app.add_middleware(BodyLimits, most=(settings or Settings()).max_body)
    return app
