"""A running service: ready, of the same issuer, behind TLS, and willing to take the API key."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from delegation.authority.explain import instant
from delegation.cli.checkup.finding import Finding, ok, warn, wrong
from delegation.client import Client
from delegation.errors import ServiceError, UnauthenticatedError


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
        "Put TLS in front (docs/deploy/nginx.conf) and use https://.",
    )


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, as far as its name or address says."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


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
