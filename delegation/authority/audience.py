"""Compares audiences as exact text, and warns where two texts may mean one service."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)(.*)", re.DOTALL)
_DEFAULT: Final = {"http": ":80", "https": ":443", "ws": ":80", "wss": ":443"}


def respelled(entry: str, held: Iterable[str]) -> str:
    """Return which held audience an entry is in another spelling; empty for none.

    Letters' case, a scheme's default port, a final dot of the host and final slashes are spelling. Only
    for sentences: nothing is ever admitted because it is spelled like something.

    Args:
        entry: An audience that is none of those held.
        held: The audiences as they are written.
    """
    meant = _bare(entry)
    return next((one for one in held if one != entry and _bare(one) == meant), "")


def plainly(audience: str) -> str:
    """Return an audience in the spelling that a guard demands of its own; unchanged if it is no URL."""
    if (found := _URL.fullmatch(audience)) is None or not found[2]:
        return audience
    scheme, host = found[1].lower(), found[2].lower()
    name, colon, port = host.removesuffix(_DEFAULT.get(scheme, "")).rpartition(":")
    if not port.isdecimal():  # none, or a piece of an IPv6 address
        name, colon, port = name + colon + port, "", ""
    return f"{scheme}://{name.rstrip('.')}{colon}{port}{found[3].rstrip('/')}"


def _bare(entry: str) -> str:
    if (found := _URL.fullmatch(entry.lower())) is None:
        return entry.lower().rstrip("/")
    scheme, host, rest = found.groups()
    return f"{scheme}://{host.removesuffix(_DEFAULT.get(scheme, '')).rstrip('.')}{rest.rstrip('/')}"
