"""The event bus by itself: who subscribes is told, or is told that it cannot be."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from delegation.records.revocation import notifier
from delegation.records.revocation.notifier import Notifier


def test_a_listener_that_cannot_start_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No thread is to be had: the subscriber hears so, is not kept, and the store still closes."""

    class Unstarted(notifier.Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    database: Any = SimpleNamespace(is_sqlite=False)
    bus = Notifier(database)
    told: list[object] = []
    monkeypatch.setattr(notifier, "Thread", Unstarted)
    with pytest.raises(RuntimeError):
        bus.subscribe(told.append)
    bus.ring()
    bus.close()
    assert told == []


def test_a_subscriber_that_fails_keeps_nothing_from_the_others() -> None:
    """Whatever one raises, who subscribed after it is told, and whoever rings goes on."""
    database: Any = SimpleNamespace(is_sqlite=True)
    bus = Notifier(database)
    told: list[object] = []

    def failing(_: object) -> None:
        raise KeyError("its own fault")

    ends = [bus.subscribe(failing), bus.subscribe(told.append)]
    bus.ring()
    for end in ends:
        end()
    bus.ring()
    assert told == [None]
