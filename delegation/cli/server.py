"""Runs the HTTP service, in one process or several: `delegation serve`."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from delegation.cli.console import USAGE, JsonOption, fail, say
from delegation.cli.first_keys import keys_file, login_link, make_keys, write_keys
from delegation.cli.loopback import is_loopback, is_of_this_machine
from delegation.cli.settled import aside, settled
from delegation.cli.source import StoreOption, default_store, ring_of
from delegation.distribution import strangers
from delegation.errors import MissingExtraError
from delegation.tracker.location import shown, store_file, store_url

if TYPE_CHECKING:
    from delegation.tracker import Tracker
    from delegation_api.settings import Settings

_LEAVE_SECONDS: Final = 2.0


def serve(
    *,
    store: StoreOption = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="0 takes a free one.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, help="Processes; more than one needs PostgreSQL.")
    ] = None,
    issuer: Annotated[str | None, typer.Option(help="URL under which tokens are issued.")] = None,
    ready_file: Annotated[
        Path | None, typer.Option(help="JSON with url and pid is written here once listening.")
    ] = None,
    make_keys: Annotated[
        bool,
        typer.Option(
            help="Make an operator's and a reviewer's key if none lives, in a file beside the ring."
        ),
    ] = True,
    show_keys: Annotated[
        bool, typer.Option(help="Print those keys instead, with a link to the pages for one login.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Serve the store. The first start makes the store, its ring, and the first API keys.

    What is not given here comes from the environment: DELEGATION_STORE, DELEGATION_PORT and so on.
    A ring of another issuer than the one that is set is refused. With none set a new ring issues as
    the address that is listened on, and only where that is of this machine alone.
    Refused where another distribution claims the package `delegation`: nobody knows whose code runs.
    """
    for what, remedy in strangers():
        fail(what, remedy)
    settings = settled(host=host, port=port, workers=workers, issuer=issuer, store=store)
    if settings is None:
        raise MissingExtraError("server", "Serving")
    place = settings.store or default_store()
    file = store_file(place)
    if settings.workers > 1 and file is not None:
        fail(
            "SQLite has one writer: it serves one worker.",
            "Leave --workers and DELEGATION_WORKERS out, or use a postgresql:// store.",
            code="usage",
            status=USAGE,
        )
    if file is not None and not file.parent.is_dir():
        fail(f"There is no folder {file.parent}.", "Make it, or name another store.")
    ring = Path(settings.ring) if settings.ring else ring_of(place)
    _refuse_unnamed(settings, ring)
    listener = _listen(settings.host, settings.port)
    with listener:
        shown_host = f"[{settings.host}]" if ":" in settings.host else settings.host
        url = f"http://{shown_host}:{listener.getsockname()[1]}"
        from delegation.tracker import Tracker  # noqa: PLC0415  # slow to start

        _configure_logs(settings)
        with Tracker.open(
            store_url(place),
            ring_file=ring,
            issuer=settings.issuer or ("" if ring.exists() else url),
        ) as tracker:
            _refuse_unnamed(settings, ring, held=tracker.issuer)
            update = {"store": place, "ring": str(ring), "issuer": tracker.issuer}
            settings = settings.model_copy(update=update)
            started = {"store": shown(place), "url": url, "issuer": tracker.issuer}
            told = _first_keys(tracker, settings.ring, url, show=show_keys) if make_keys else {}
        _say_started(started, told, as_json=as_json, settings=settings)
        if ready_file is not None:
            fresh = ready_file.with_suffix(".part")
            fresh.write_text(json.dumps({"url": url, "pid": os.getpid()}), encoding="utf-8")
            fresh.replace(ready_file)
        _run(settings, listener)


def _configure_logs(settings: Settings) -> None:
    """Let this process log as its workers do, a parent of several too."""
    from delegation_api import logs  # noqa: PLC0415  # an extra

    logs.configure(settings)
    logs.catch_all()


def _run(settings: Settings, listener: socket.socket) -> None:
    """Run one process, or a parent of several that share the listening socket."""
    import uvicorn  # noqa: PLC0415  # an extra

    from delegation_api.port import Port  # noqa: PLC0415
    from delegation_api.process import Process  # noqa: PLC0415

    options: dict[str, Any] = {
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "http": Port,
        "ws": "none",
        "proxy_headers": False,  # the port believes whom the setting names, in this, too
        "timeout_graceful_shutdown": 10,
        "lifespan": "on",
    }
    if settings.workers == 1:
        # Once all is answered and written, uvicorn raises the signal again: that end is a good one.
        signal.signal(signal.SIGTERM, _end)
        uvicorn.Server(uvicorn.Config(Process(settings), **options)).run(sockets=[listener])
        return
    from delegation_api.supervisor import Supervisor  # noqa: PLC0415

    for name, value in settings.model_dump().items():
        os.environ[f"DELEGATION_{name.upper()}"] = str(value)
    with tempfile.TemporaryDirectory(prefix="delegation-metrics-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        config = uvicorn.Config(
            "delegation_api.process:make",
            factory=True,
            workers=settings.workers,
            # A busy machine starts a worker more slowly than uvicorn's five seconds, and it would be
            # replaced again and again.
            timeout_worker_healthcheck=60,
            **options,
        )
        failed = Supervisor(config, listener, Path(folder)).serve()
    if failed is not None:
        fail(failed["message"], failed["remedy"], code=failed["code"])


def _end(*_: object) -> None:
    """Leave: all is answered and written, and a thread that works on for nobody holds up nothing."""
    last = threading.Timer(_LEAVE_SECONDS, os._exit, (0,))
    last.daemon = True
    last.start()
    raise SystemExit(0)


def _refuse_unnamed(settings: Settings, ring: Path, *, held: str = "") -> None:
    """Refuse to serve others as an issuer that nobody named: it would be theirs for good.

    Args:
        settings: As they were given.
        ring: Where the ring is, or will be.
        held: The issuer of the ring; empty before it is read.
    """
    if settings.issuer:
        return
    is_new = not held and not ring.exists()
    if is_loopback(settings.host):
        if held and is_of_this_machine(held):
            said = (
                f"Nobody set an issuer: {held} is for this machine alone (see `delegation init`)."
            )
            aside(settings, said)
    elif is_new:
        fail(
            f"No issuer is set, there is no key ring at {ring}, and the service listens on "
            f"{settings.host or 'all addresses'}.",
            "Set DELEGATION_ISSUER to the URL that clients know, such as https://authority.example.",
        )
    elif held and is_of_this_machine(held):
        fail(
            f"The key ring at {ring} issues as {held}, which nobody set, and the service listens on "
            f"{settings.host or 'all addresses'}.",
            f"Put store and ring away and make new ones: delegation init --issuer "
            f"https://authority.example; or say DELEGATION_ISSUER={held} if that is meant.",
        )


def _first_keys(tracker: Tracker, ring: str, url: str, *, show: bool) -> dict[str, Any]:
    """Make the first keys and return what is said of them: a secret only where it was asked for."""
    if show:
        return {"api_keys": make_keys(tracker), "pages": login_link(tracker, url)}
    file = keys_file(ring)
    made = write_keys(tracker, file)
    return {"keys_file": str(file)} if made else {}


def _say_started(
    started: dict[str, str], told: dict[str, Any], *, as_json: bool, settings: Settings
) -> None:
    """Say what is served, in the form that was asked for; a line of the log is one without secrets."""
    logs_json = settings.log_format == "json"
    if as_json or (logs_json and "api_keys" in told):  # the log itself never holds a secret
        sys.stdout.write(json.dumps({**started, "pid": os.getpid(), **told}) + "\n")
        sys.stdout.flush()
        return
    if logs_json:
        import structlog  # noqa: PLC0415  # an extra

        log = structlog.get_logger("delegation.serve")
        log.info("serving", pid=os.getpid(), **started, **told)
        return
    say(f"delegation serves {started['store']} at {started['url']} (issuer {started['issuer']})")
    for role, secret in told.get("api_keys", {}).items():
        say(f"{role} API key, shown this once: {secret}")
    if told.get("keys_file"):
        say(f"The first API keys are in {told['keys_file']}, mode 0600; move them to a safe place.")
    if told.get("pages"):
        say(f"Reviewer's pages, a link for one login: {told['pages']}")


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens already, so that a ready file never promises too much."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, ValueError, TypeError) as error:  # the last two: no host name at all
        listener.close()
        why = getattr(error, "strerror", None) or "it is no address"
        fail(
            f"Port {port} of {host} cannot be used: {why}.",
            "Choose another --port (DELEGATION_PORT) or --host (DELEGATION_HOST).",
        )
    listener.listen(128)
    return listener
