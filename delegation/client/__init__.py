"""The tracker over HTTP: the same methods as the embedded one, synchronous and asynchronous."""

from __future__ import annotations

from delegation.client.asynchronous import AsyncClient
from delegation.client.http import Client

__all__ = ["AsyncClient", "Client"]
