"""Raw sockets at a service's port."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

from under_fault import Place, Serving

HEAD = b"POST /v1/check HTTP/1.1\r\nHost: desk\r\n"
ASK = b"GET /healthz HTTP/1.1\r\nHost: desk\r\n\r\n"
WAIT = 30  # seconds for what takes two


@contextlib.contextmanager
def started(place: Place, **settings: str) -> Iterator[Serving]:
    """Serve a place."""
    service = place.serving(**settings)
    service.start()
    try:
        yield service
    finally:
        assert service.end() == 0, service.log.read_text()
        assert "Traceback" not in service.log.read_text()


@contextlib.contextmanager
def opened(service: Serving, source: str = "127.0.0.1") -> Iterator[socket.socket]:
    """Yield a connection from an address of this host."""
    with socket.create_connection(("127.0.0.1", service.port), WAIT, (source, 0)) as one:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield one


def answer_to(one: socket.socket) -> bytes:
    """Return all that comes until the other side ends; a reset ends it too."""
    found = b""
    with contextlib.suppress(ConnectionError):
        while part := one.recv(65536):
            found += part
    return found


def status(answer: bytes) -> int:
    """Return an answer's status, 0 if there is none."""
    return int(answer.split(b" ")[1]) if answer else 0


def sent(service: Serving, *parts: bytes, source: str = "127.0.0.1") -> bytes:
    """Send something and return the answer, whether all of it could be sent or not."""
    with opened(service, source) as one:
        with contextlib.suppress(ConnectionError):
            for part in parts:
                one.sendall(part)
        return answer_to(one)
