"""Calls a service by the same methods as the embedded tracker, synchronous and asynchronous."""

from importlib.util import find_spec

from delegation.errors import MissingExtraError

if not all(map(find_spec, ("httpx2", "tenacity"))):
    raise MissingExtraError("client", "The HTTP client")

from delegation.client.http import AsyncClient, Client  # needs both

__all__ = ["AsyncClient", "Client"]
