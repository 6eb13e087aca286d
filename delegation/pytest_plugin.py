"""Provides fixtures for pytest wherever this package is installed; nothing is opened until one is used.

The names begin with `delegation_`, so that they stand beside a project's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from delegation.testing import Clock, ClockedKey, World
    from delegation.tracker import Tracker


@pytest.fixture
def delegation_clock() -> Clock:
    """Return a clock that stands until a test sets it."""
    from delegation.testing.clock import Clock  # noqa: PLC0415  # not at start-up

    return Clock()


@pytest.fixture
def delegation_world(delegation_clock: Clock) -> Iterator[World]:
    """Return a fresh world in memory; see `delegation.testing.World`."""
    from delegation.testing.world import World  # noqa: PLC0415

    with World(clock=delegation_clock) as world:
        yield world


@pytest.fixture
def delegation_tracker(delegation_world: World) -> Tracker:
    """Return the world's tracker."""
    return delegation_world.tracker


@pytest.fixture
def delegation_key(delegation_world: World) -> Callable[[str], ClockedKey]:
    """Return a function that gives the holder key of a name, made at first use."""
    return delegation_world.key
