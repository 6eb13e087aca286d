"""The tracker over HTTP: the same methods as the embedded one."""

from __future__ import annotations

from delegation.client.http import Client

__all__ = ["Client"]
