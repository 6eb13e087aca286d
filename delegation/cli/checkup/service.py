"""Checks a running service: ready, of the same issuer, behind TLS, accepting the API key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

import httpx2

from delegation.authority.explain import instant
from delegation.cli.checkup.finding import Finding, ok, warn, wrong
from delegation.cli.loopback import is_loopback
from delegation.client import Client
from delegation.errors import ServiceError, UnauthenticatedError

UNKNOWN_KEY: Final = 401  # the form arrived, and only its key is none


def look_at_service(url: str, *, issuer: str, api_key: str, at: int) -> list[Finding]:
    """Return what is to be said of a service.

    Args:
        url: Where it listens.
        issuer: The issuer of the ring or setting at hand; empty for none.
        api_key: Secret of an API key; empty for none.
        at: Unix seconds.
    """
    found = [judge_transport(url)]
    try:
        with Client(url, attempts=1) as client:
            client.health()
            ring = client.public_ring()
    except ServiceError as error:
        return [
            *found,
            wrong(
                "service",
                f"{url} is not ready: {error} ({error.problem})",
                "It decides no calls, so every call is refused.",
                error.remedy or "Look at its log and its store.",
            ),
        ]
    found.append(ok("service", f"{url} takes decisions."))
    found += look_at_readiness(url)
    if found[0].level == "ok":
        found.append(look_at_pages(url))
    found += judge_ring_of_service(ring.issuer, issuer, [k.not_after for k in ring.keys], at)
    if not api_key:
        return found
    try:
        with Client(url, api_key=api_key, attempts=1) as client:
            client.catalogue()
    except UnauthenticatedError:
        found.append(
            wrong(
                "api_key",
                "The service does not know the key in DELEGATION_API_KEY.",
                "Every request that carries it is refused with 401.",
                "Make another with `delegation keys create`, and set it.",
            )
        )
    except ServiceError as error:
        found.append(warn("api_key", f"The API key could not be tried: {error}", "", "Try again."))
    else:
        found.append(ok("api_key", "The service knows the key in DELEGATION_API_KEY."))
    return found


def look_at_readiness(url: str) -> Iterable[Finding]:
    """Say what a service that decides says of itself."""
    try:
        answer = httpx2.get(f"{url.rstrip('/')}/readyz", timeout=10, trust_env=False)
        reasons = answer.json().get("reasons", ())
    except (httpx2.HTTPError, ValueError):
        return
    for reason in reasons:
        yield wrong(
            "service",
            f"{reason['what']} ({reason['code']})",
            "It decides calls, and something that you rely on does not work.",
            reason["remedy"] or "Look at its log.",
        )


def look_at_pages(url: str, transport: httpx2.BaseTransport | None = None) -> Finding:
    """Send a login without a key as a browser does, and judge whether it arrives as it was sent.

    Args:
        url: As people reach the pages.
        transport: How it is reached, where not by its name.
    """
    try:
        with httpx2.Client(transport=transport, timeout=10) as http:
            page = f"{url.rstrip('/')}/login"
            parts = urlsplit(page)
            headers = {"Origin": f"{parts.scheme}://{parts.netloc}"}
            status = http.post(page, data={"key": ""}, headers=headers).status_code
    except httpx2.HTTPError as error:
        return warn(
            "pages",
            f"The pages could not be tried: {type(error).__name__}.",
            "Nobody knows whether people can log in there.",
            "Try again.",
        )
    if status == UNKNOWN_KEY:
        return ok("pages", "Forms of the pages arrive as they are sent.")
    return wrong(
        "pages",
        f"A form that is sent to {url} is refused ({status}).",
        "Nobody can log in to the pages: what stands in front passes on another Host or scheme.",
        "Have it pass on Host with its port and X-Forwarded-Proto, and name it in"
        " DELEGATION_TRUSTED_PROXIES (docs/deploy/tls.md).",
    )


def judge_transport(url: str) -> Finding:
    """Judge whether API keys travel in the clear."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return ok("tls", "The service is reached over TLS.")
    if is_loopback(parts.hostname or ""):
        return ok("tls", "The service is reached without TLS, on this machine only.")
    return wrong(
        "tls",
        f"{url} is reached without TLS.",
        "API keys, tokens and proofs travel readable to everybody on the way.",
        "Put TLS in front (docs/deploy/tls.md) and use https://.",
    )


def judge_ring_of_service(
    theirs: str, ours: str, ends: Iterable[int], at: int
) -> Iterable[Finding]:
    """Judge the issuer that a service has, and when its keys end."""
    if ours and ours != theirs:
        yield wrong(
            "issuer",
            f"The service issues as {theirs}, here it is {ours}.",
            "Its tokens and proofs do not verify here, nor ours there: another ring or setting.",
            "Give every process the same ring file and DELEGATION_ISSUER.",
        )
    else:
        yield ok("issuer", f"The service issues as {theirs}.")
    coming = sorted(end for end in ends if end > at)
    if coming:
        yield ok("service", f"Its next retired key stops to verify at {instant(coming[0])}.")
