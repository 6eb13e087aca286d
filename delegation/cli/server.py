"""`delegation serve`: the HTTP service over a SQLite store, one process."""

from __future__ import annotations

import json
import os
import socket
from itertools import chain, count
from pathlib import Path
from typing import Annotated

import typer

from delegation.cli.console import OUT, StoreOption, default_store, fail, refusing, ring_file
from delegation.embedded import Tracker
from delegation.errors import MissingExtraError
from delegation.tracker.work import Role


def serve(
    *,
    store: StoreOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8470,
    issuer: Annotated[str, typer.Option(help="URL under which tokens are issued.")] = "",
    ready_file: Annotated[
        Path | None, typer.Option(help="JSON with url and pid is written here once listening.")
    ] = None,
    make_keys: Annotated[
        bool, typer.Option(help="Make and print an operator's and a reviewer's key if none lives.")
    ] = True,
) -> None:
    """Serve the store. The first start makes the store, its ring, and the first API keys."""
    try:
        import uvicorn  # noqa: PLC0415  # an extra

        from delegation_api.app import create_app  # noqa: PLC0415
    except ImportError:
        error = MissingExtraError("server", "Serving")
        fail(str(error), error.remedy)
    file = store or default_store()
    file.parent.mkdir(parents=True, exist_ok=True)
    listener = _listen(host, port)
    url = f"http://{host}:{listener.getsockname()[1]}"
    with (
        refusing(),
        Tracker.open(
            f"sqlite:///{file}", ring_file=ring_file(file), issuer=issuer or url
        ) as tracker,
    ):
        OUT.print(f"delegation serves {file} at {url} (issuer {tracker.issuer})", markup=False)
        if make_keys:
            _make_keys(tracker)
        config = uvicorn.Config(
            create_app(tracker), log_level="warning", access_log=False, server_header=False
        )
        if ready_file is not None:
            body = json.dumps({"url": url, "pid": os.getpid()})
            fresh = ready_file.with_suffix(".part")
            fresh.write_text(body, encoding="utf-8")
            fresh.replace(ready_file)
        uvicorn.Server(config).run(sockets=[listener])


def _make_keys(tracker: Tracker) -> None:
    """Make the first operator's and reviewer's keys where no live one is left."""
    held = {key.role for key in tracker.api_keys() if not key.is_revoked}
    names = {key.name for key in tracker.api_keys()}
    roles: tuple[Role, ...] = ("operator", "reviewer")
    for role in roles:
        if role not in held:
            later = (f"{role}-{number}" for number in count(2))
            name = next(n for n in chain((role,), later) if n not in names)
            secret = tracker.create_api_key(name, role)
            OUT.print(f"{role} API key, shown this once: {secret}", markup=False)


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens already, so that a ready file never promises too much."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        fail(f"Port {port} of {host} cannot be used: {error.strerror}.", "Choose another --port.")
    listener.listen(128)
    return listener
