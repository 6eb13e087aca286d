"""Tells whose connection or request it is, and how it came: as an address or a trusted proxy says."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from delegation.errors import ConfigurationError

_NAMED_BY: Final = b"x-forwarded-for"
_SCHEME_BY: Final = b"x-forwarded-proto"
_MOST_HOPS: Final = 32  # from the right; who needs more is counted as one
_NETWORK_OF_6: Final = 64  # one customer has at least so much of IPv6, and each address in it
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Trusted:
    """The proxies whose word about their clients counts.

    Args:
        text: Addresses and networks, separated by commas; empty trusts nobody.

    Raises:
        ConfigurationError: One of them is neither.
    """

    def __init__(self, text: str) -> None:
        """Read the addresses."""
        self._networks: tuple[Network, ...]
        try:
            self._networks = tuple(
                ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip()
            )
        except ValueError:
            raise ConfigurationError(
                "A trusted proxy is no address and no network.",
                remedy="Name them like 10.0.0.5, 10.1.0.0/16 or fd00::/8, separated by commas.",
            ) from None
        self.trusts = lru_cache(maxsize=1024)(self._trusts)

    def _trusts(self, host: str) -> bool:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return host == ""  # a socket in the file system: whoever may open it is of this host
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)

    def named(self, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """Return the client that a trusted proxy names, as it is counted; empty if it names nobody.

        The last address in X-Forwarded-For that is not itself trusted: what stands before it is
        what that client says of itself. Other headers are not looked at: a proxy that writes one
        of them passes the others on as they were sent.
        """
        said = b",".join(value for name, value in headers if name == _NAMED_BY)
        if not said:
            return ""
        hops = said.rsplit(b",", _MOST_HOPS)
        last = ""
        for hop in reversed(hops[-_MOST_HOPS:]):
            host = _host(hop.strip().decode("latin-1"))
            if not host:
                break
            last = host
            if not self.trusts(host):
                break
        return counted(last)

    def scheme(self, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """Return the scheme by which a trusted proxy was asked; empty where it does not say one."""
        said = [value.strip() for name, value in headers if name == _SCHEME_BY]
        return said[0].decode() if said in ([b"http"], [b"https"]) else ""


def _host(text: str) -> str:
    """Return a hop's address without its port, empty if it is none."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""


@lru_cache(maxsize=4096)
def counted(host: str) -> str:
    """Return what an address is counted as: itself, or its /64."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        packed = int(address) >> _NETWORK_OF_6 << _NETWORK_OF_6
        return f"{ipaddress.IPv6Address(packed)}/{_NETWORK_OF_6}"
    return host
