"""Answers reverse proxies whether a request may pass: one mount for each header convention."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from delegation.commands.work import ApiKey
from delegation.errors import NotFoundError
from delegation_api.auth import PROXIES, PROXY_KEY, TrackerDep, needs
from delegation_api.forward_auth import FORWARD, NGINX, answer_proxy
from delegation_api.openapi import published

router = APIRouter(prefix="/verify", tags=["proxies"])
Proxy = Annotated[ApiKey, Depends(needs(PROXIES, header=PROXY_KEY))]
_PUBLISHED: Final = published(PROXIES, {200: {"description": "It may pass."}}, NotFoundError)
# Proxies ask with GET; one that keeps the client's method is answered alike.
_OTHERS: Final = ["HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@router.get("/nginx", operation_id="verify_nginx", **_PUBLISHED)
@router.api_route("/nginx", methods=_OTHERS, include_in_schema=False)
async def verify_nginx(request: Request, proxy: Proxy, tracker: TrackerDep) -> Response:
    """Decide a request that nginx shows in X-Original-Method, -URI and -Host."""
    return await answer_proxy(request.headers, NGINX, proxy, request.app.state.mounts, tracker)


@router.get("/forward", operation_id="verify_forward", **_PUBLISHED)
@router.api_route("/forward", methods=_OTHERS, include_in_schema=False)
async def verify_forward(request: Request, proxy: Proxy, tracker: TrackerDep) -> Response:
    """Decide a request that Caddy or Traefik shows in X-Forwarded-Method, -Uri and -Host."""
    return await answer_proxy(request.headers, FORWARD, proxy, request.app.state.mounts, tracker)
