"""Runs one worker process: reads settings, opens the store, makes the service, closes all again."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

from starlette.types import Message, Receive, Scope, Send

from delegation.judge.limits import DEFAULTS
from delegation.tracker import Tracker, store_url
from delegation_api import logs
from delegation_api.app import create_service
from delegation_api.client_address import Trusted
from delegation_api.connections import Connections, PortBounds
from delegation_api.pages.shell import prepare
from delegation_api.port import STATE
from delegation_api.settings import Settings
from delegation_api.starts import SHARED, Starts
from delegation_api.stopping import end_for_another_release, leave_for_another_release
from delegation_api.supervisor import made, served
from delegation_api.tracing import Tracing


class Process:
    """The service of one worker; the store is closed when the server shuts it down.

    Args:
        settings: All of them resolved: store, ring and issuer are named.
        starts: When workers of this service were started, where there are several.
    """

    def __init__(self, settings: Settings, starts: Starts | None = None) -> None:
        """Open the store."""
        self._stack = ExitStack()
        logs.configure(settings)
        tracing = Tracing.to(settings.otlp_endpoint) if settings.otlp_endpoint else None
        if tracing is not None:
            self._stack.callback(tracing.close)
        self.tracker = self._stack.enter_context(
            Tracker.open(
                store_url(settings.store),
                ring_file=Path(settings.ring),
                issuer=settings.issuer,
                bound=settings.revocation_bound,
                log_dir=settings.log_dir or None,
                log_memory=settings.log_memory or None,
                limits=DEFAULTS.changed(settings.limits),
                kept_denials=settings.kept_denials,
            )
        )
        self.tracker.keep_ring()
        self.tracker.keep_log(retain_days=settings.retain_days, required=settings.log_required)
        if starts is not None:
            self.tracker.probe_readiness(starts.reasons)
        self.tracker.watch_schema(end_for_another_release)
        self._app = create_service(self.tracker, settings, tracing)
        self._connections = Connections(
            PortBounds.of(settings), Trusted(settings.trusted_proxies), self._app.metrics
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, or the server's own start and end."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        while True:
            message: Message = await receive()
            if message["type"] == "lifespan.startup":
                scope["state"][STATE] = self._connections
                prepare()
                # What stands now stands for ever: a full collection need not walk it each time, or
                # whoever asks meanwhile waits for that.
                gc.collect()
                gc.freeze()
                served()
                await send({"type": "lifespan.startup.complete"})
            else:
                # What was accepted is written before the process ends.
                self._stack.close()
                self._app.metrics.close()
                leave_for_another_release()
                await send({"type": "lifespan.shutdown.complete"})
                return


def make() -> Process:
    """Return a worker's service; what `delegation serve --workers` starts in each process."""
    Thread(target=_end_with_parent, name="delegation-parent", daemon=True).start()
    settings = Settings()
    logs.configure(settings)
    logs.catch_all()
    folder = os.environ.get(SHARED)
    starts = Starts(Path(folder), settings.workers) if folder else None
    if starts is not None:
        starts.note()  # before the store is opened: what fails there is started again and again
    return made(lambda: Process(settings, starts))


def _end_with_parent() -> None:
    """End this worker when its parent is gone: killed, it would leave us on the port for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
