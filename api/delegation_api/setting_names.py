"""Tells settings from what else is called `DELEGATION_...`: others' names, an orchestrator's, mistakes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Final

PREFIX: Final = "DELEGATION_"
# Read by clients, commands, samples and proxies; then by the tests.
OTHERS: Final = frozenset({"URL", "API_KEY", "PROXY_KEY", "PUBLIC_RING"}) | frozenset(
    {"DATA", "LONG", "BEST_FIT", "APPLICATION", "APPS"}
)
# For a service that is called `delegation`, or `delegation-` and more, Kubernetes sets these in every
# container of its namespace, and links of containers the second: a host, a port, a URL.
_INJECTED: Final = re.compile(
    r"(?:[A-Z0-9_]+_)?SERVICE_(?:HOST|PORT(?:_[A-Z0-9_]+)?)"
    r"|(?:[A-Z0-9_]+_)?PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?"
)
_PORT: Final = re.compile(r"(?:[A-Z0-9_]+_)?PORT")
_ADDRESS: Final = re.compile(r"(?:tcp|udp|sctp)://", re.IGNORECASE)


def is_injected_port(value: object) -> bool:
    """Return whether a port's value is an orchestrator's URL of a service called `delegation`."""
    return isinstance(value, str) and _ADDRESS.match(value) is not None


def injected(environment: Mapping[str, str]) -> list[str]:
    """Return the names that an orchestrator sets: they say nothing about this service."""
    return [name for name, rest in _ours(environment) if _is_injected(rest, environment[name])]


def unknown(environment: Mapping[str, str], fields: Iterable[str]) -> dict[str, str]:
    """Return the names that begin like a setting and are none, each with what is likely meant.

    Args:
        environment: Names and values.
        fields: The settings, in small letters.
    """
    known = {*(name.upper() for name in fields), *OTHERS}
    found = {}
    for name, rest in _ours(environment):
        if rest not in known and not _is_injected(rest, environment[name]):
            near = get_close_matches(rest, sorted(known), n=1)
            found[name] = PREFIX + near[0] if near else ""
    return found


def _ours(environment: Iterable[str]) -> list[tuple[str, str]]:
    named = ((name, name.upper()) for name in sorted(environment))
    return [(n, upper.removeprefix(PREFIX)) for n, upper in named if upper.startswith(PREFIX)]


def _is_injected(rest: str, value: str) -> bool:
    is_url = _PORT.fullmatch(rest) is not None and is_injected_port(value)
    return is_url or _INJECTED.fullmatch(rest) is not None
