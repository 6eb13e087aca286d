"""Keeps sessions of the pages: a cookie with a key's role, and posted forms with tokens against forgery."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import parse_qsl, urlsplit

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from delegation.commands.logins import SESSION_SECONDS
from delegation.commands.work import ApiKey
from delegation.errors import ForbiddenError, MalformedError, UnauthenticatedError
from delegation.identity.roles import PERSONS, READERS, Role
from delegation_api.auth import TrackerDep
from delegation_api.turns import recognise

COOKIE: Final = "delegation-session"
FORM_FIELD: Final = "csrf"
_PORTS: Final = {"http": 80, "https": 443}  # what an origin leaves out
_MEDIA: Final = "application/x-www-form-urlencoded"
MAX_FIELDS: Final = 64
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1", "testserver"})


@dataclass(frozen=True, slots=True)
class Viewer:
    """A person with a session.

    Args:
        key: The API key whose role the session has.
        csrf: What this session's forms must carry.
    """

    key: ApiKey
    csrf: str


class LoginNeededError(UnauthenticatedError):
    """A page was asked for without a session: the way leads to the login page."""


def cookie_name(request: Request) -> str:
    """Return the session cookie's name.

    With TLS the browser itself refuses one that another host, or a page without TLS, has set. On the
    loopback there is no TLS to demand.
    """
    return f"__Host-{COOKIE}" if is_secure(request) else COOKIE


def is_secure(request: Request) -> bool:
    """Return whether the browser reached this page by TLS."""
    return request.url.scheme == "https"


def refuse_open_network(request: Request) -> None:
    """Refuse to hand out a session where everybody on the way could read it.

    Raises:
        ForbiddenError: Neither TLS nor the loopback.
    """
    if not is_secure(request) and request.url.hostname not in _LOOPBACK:
        raise ForbiddenError(
            "Sessions need TLS.",
            remedy="Put TLS in front of the service, or use it on its own host.",
        )


def start(response: Response, request: Request, secret: str) -> None:
    """Give a session to the browser."""
    response.set_cookie(
        cookie_name(request),
        secret,
        max_age=SESSION_SECONDS,
        path="/",
        httponly=True,
        secure=is_secure(request),
        samesite="strict",
    )


def end(response: Response, request: Request) -> None:
    """Take a session from the browser."""
    response.delete_cookie(
        cookie_name(request), path="/", httponly=True, secure=is_secure(request), samesite="strict"
    )


def secret_of(request: Request) -> str:
    """Return the session's secret that the browser sent, empty when there is none."""
    return request.cookies.get(cookie_name(request), "")


def csrf_of(secret: str) -> str:
    """Return what a session's forms must carry: made of its secret, of no use to learn that."""
    return hmac.new(secret.encode(), b"dct-form-v1", hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class ViewerGate:
    """A dependency that lets people of these roles pass.

    Args:
        roles: Roles that may look or act here.
    """

    roles: tuple[Role, ...]

    async def __call__(self, request: Request, tracker: TrackerDep) -> Viewer:
        """Return the viewer; a post must carry the session's own token and come from this site.

        Raises:
            LoginNeededError: There is no session.
            ForbiddenError: Its role may not, or the post is forged.
        """
        secret = secret_of(request)
        key = await run_in_threadpool(tracker.session_key, secret) if secret else None
        if key is None:
            raise LoginNeededError("Log in to see this page.")
        recognise(request.scope)
        if key.role not in self.roles:
            raise ForbiddenError(
                "Your role may not do this.", remedy=f"It takes one of: {', '.join(self.roles)}."
            )
        viewer = Viewer(key, csrf_of(secret))
        if request.method not in {"GET", "HEAD"}:
            refuse_foreign(request)
            sent = (await form_of(request)).get(FORM_FIELD, "")
            if not hmac.compare_digest(sent.encode("utf-8", "surrogatepass"), viewer.csrf.encode()):
                raise ForbiddenError(
                    "The form is not from this session.", remedy="Load the page again."
                )
        return viewer


def refuse_foreign(request: Request) -> None:
    """Refuse a post that another site made the browser send.

    Compared is the whole origin: scheme, host and port, as the browser names them and as they
    arrived here, the scheme as a trusted proxy says.

    Raises:
        ForbiddenError: Origin or Sec-Fetch-Site say so, or a proxy passed another Host on.
    """
    said = request.headers.get("origin")
    host = request.headers.get("host", "")
    is_own = said is None or origin(said) == origin(f"{request.url.scheme}://{host}") is not None
    if not is_own or request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise ForbiddenError(
            "The form was sent by another site, or by this one under another address.",
            remedy="Behind a proxy, have it pass on Host with its port and X-Forwarded-Proto, and"
            " name it in DELEGATION_TRUSTED_PROXIES: see docs/deploy/tls.md.",
        )


def origin(address: str) -> tuple[str, str, int] | None:
    """Return scheme, host and port of an address without a path, None if it is none."""
    try:
        parts = urlsplit(address)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    plain = f"{parts.scheme}://{parts.netloc}".lower() == address.lower() and "@" not in address
    return (parts.scheme, parts.hostname, port) if plain and parts.hostname else None


# Approvers see requests for approval and nothing else.
PersonDep = Annotated[Viewer, Depends(ViewerGate(PERSONS))]
ViewerDep = Annotated[Viewer, Depends(ViewerGate(READERS))]


async def form_of(request: Request) -> Mapping[str, str]:
    """Return a form's fields; the body's size is bounded for the whole service.

    Raises:
        MalformedError: Another content type, text that is no UTF-8, too many fields, or one twice.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _MEDIA:
        raise MalformedError("The form", wanted=_MEDIA)
    try:
        fields = parse_qsl(
            (await request.body()).decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError as error:
        raise MalformedError(
            "The form", wanted=f"at most {MAX_FIELDS} urlencoded fields"
        ) from error
    if len({name for name, _ in fields}) != len(fields):
        raise MalformedError("The form", wanted="each field once")
    return dict(fields)
