"""Helps to test services and agents that use delegation: a world in memory, and assertions.

Under pytest the fixtures of `delegation.pytest_plugin` give the same without an import.
"""

from __future__ import annotations

from delegation.testing.asserting import assert_allowed, assert_denied, trail_text
from delegation.testing.clock import Clock, ClockedKey
from delegation.testing.world import AUDIENCE, OWNER, World

__all__ = [
    "AUDIENCE",
    "OWNER",
    "Clock",
    "ClockedKey",
    "World",
    "assert_allowed",
    "assert_denied",
    "trail_text",
]
