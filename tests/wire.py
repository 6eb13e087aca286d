"""A transport into the application, which loses answers on demand."""

from __future__ import annotations

import httpx2
from service import Service


def handler(service: Service, losses: list[int] | None = None, lose_answer: bool = True):
    """Return the service as a transport's handler that loses some answers."""

    def handle(request):
        lost = losses is not None and losses and losses.pop(0)
        if lost and not lose_answer:
            raise httpx2.ConnectError("down")
        sent = service.http.request(
            request.method,
            str(request.url.raw_path, "ascii"),
            content=request.content,
            headers=dict(request.headers),
        )
        if lost:
            if lost == 1:
                raise httpx2.ReadError("reset")
            return httpx2.Response(lost, content=b"<html>proxy</html>")
        return httpx2.Response(
            sent.status_code,
            headers={
                name: sent.headers[name]
                for name in ("content-type", "repr-digest", "delegation-export")
                if name in sent.headers
            },
            content=sent.content,
        )

    return handle
