"""Clients that hang up, stall or send half a request: their call is decided once or not at all."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading

from audit import audit, jti_of
from load import Caller, Load, call
from under_fault import Place, Serving

GONE = 24


def request_of(body: bytes, api_key: str, length: int | None = None) -> bytes:
    """Return a whole request as bytes."""
    head = (
        f"POST /v1/check HTTP/1.1\r\nHost: desk\r\nAuthorization: Bearer {api_key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length or len(body)}\r\n\r\n"
    )
    return head.encode() + body


def connected(service: Serving) -> socket.socket:
    """Return a connection to the service."""
    return socket.create_connection(("127.0.0.1", service.port), timeout=280)


def reset(connection: socket.socket) -> None:
    """Close so that the other side gets a reset rather than an end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_clients_that_are_gone_take_nothing_with_them(place: Place) -> None:
    """Sent and hung up: decided at most once, charged as decided; neighbours get their answers."""
    leaves = place.leaves(900, 300, 300, 300)
    service = place.serving()
    service.start()
    gone = [call(*leaves[2]) for _ in range(GONE)]
    with Load([service.port], place.key, lambda n: call(*leaves[n % 2]), callers=4) as load:
        load.wait_for(10)
        for number, one in enumerate(gone):
            connection = connected(service)
            connection.sendall(request_of(one.body, place.key))
            (reset if number % 2 else socket.socket.close)(connection)
        load.wait_for(len(load.decided) + 40)
    assert {answer.status for answer in load.answers} == {200}
    stored = audit(place.url, load.answers)
    decided = {jti_of(row.proof): row.id for row in stored.values()}
    caller = Caller(service.port, place.key)
    for one in gone:  # whoever asks again under its key gets what was decided
        again = caller.send(one)
        assert again.is_decision
        first = decided.get(one.jti)
        assert first in {None, again.body["decision"]} or again.code == "answer_expired"
    caller.close()
    assert service.end() == 0
    allowed = [row for row in audit(place.url).values() if row.allowed]
    assert {one.jti for one in gone} <= {jti_of(row.proof) for row in allowed}
    said = service.log.read_text()
    assert "Traceback" not in said
    assert "status=500" not in said


def test_half_requests_hold_nobody_up(on_sqlite: Place) -> None:
    """Half a head, half a body, a body that never comes: nothing decided, neighbours answered."""
    leaves = on_sqlite.leaves(400, 200, 200)
    service = on_sqlite.serving(DELEGATION_BODY_SECONDS="1")
    service.start()
    half = call(*leaves[1])
    whole = request_of(half.body, on_sqlite.key)
    cuts = (1, 20, whole.index(b"\r\n\r\n") + 4, len(whole) // 2, len(whole) - 1)
    held = [connected(service) for _ in cuts]
    for cut, connection in zip(cuts, held, strict=True):
        connection.sendall(whole[:cut])
    for cut in cuts:
        connection = connected(service)
        connection.sendall(whole[:cut])
        reset(connection)
    with Load(
        [service.port], on_sqlite.key, lambda _: call(*leaves[0]), callers=4, most=15
    ) as load:
        load.join()
    assert {answer.status for answer in load.answers} == {200}
    # The body's time is bounded; half a head waits for its connection's end, and holds up no end.
    assert [one.recv(65536).split(b" ")[1] for one in held[2:]] == [b"408"] * 3
    assert service.end() == 0
    for connection in held:
        connection.close()
    stored = audit(on_sqlite.url, load.answers)
    assert half.jti not in {jti_of(row.proof) for row in stored.values()}
    said = service.log.read_text()
    assert "Traceback" not in said
    assert "status=500" not in said


def test_a_body_that_trickles_is_decided_once_it_is_whole(on_sqlite: Place) -> None:
    """Byte by byte within its time is a request like any other."""
    leaf = on_sqlite.leaves(10, 10)[0]
    service = on_sqlite.serving()
    service.start()
    one = call(*leaf)
    whole = request_of(one.body, on_sqlite.key)
    found: list[bytes] = []

    def trickle() -> None:
        with contextlib.closing(connected(service)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for at in range(0, len(whole), 40):
                connection.sendall(whole[at : at + 40])
            found.append(connection.recv(65536))

    threads = [threading.Thread(target=trickle) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [answer.split(b" ")[1] for answer in found] == [b"200"] * 3
    stored = audit(on_sqlite.url)
    assert len(stored) == 1, "one key, one decision"
