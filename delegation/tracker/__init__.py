"""Runs library and store in one process; see `Tracker`, which is imported when it is first asked for."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

from delegation.errors import MissingExtraError
from delegation.tracker.location import store_url as store_url

if TYPE_CHECKING:
    from delegation.tracker.tracker import Tracker as Tracker

if not all(map(find_spec, ("sqlalchemy", "sqlmodel", "alembic", "pydantic"))):
    raise MissingExtraError("store", "A tracker with its store")

if not TYPE_CHECKING:  # checkers know the name

    def __getattr__(name: str) -> object:
        """Import the tracker with its store."""
        if name != "Tracker":
            raise AttributeError(name)
        from delegation.tracker.tracker import Tracker as Found  # noqa: PLC0415  # slow to start

        globals()[name] = Found
        return Found
