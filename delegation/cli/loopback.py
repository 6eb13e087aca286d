"""Tells whether a host is this machine."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, as far as its name or address says."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def is_of_this_machine(url: str) -> bool:
    """Return whether a URL names this machine alone."""
    return is_loopback(urlsplit(url).hostname or "")
