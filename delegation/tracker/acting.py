"""Acts on a tracker in somebody's name, by the same protocol as a client of a service."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from delegation.commands.work import ApiKey
from delegation.errors import MalformedError, UnauthenticatedError
from delegation.operations.backend import Backend
from delegation.operations.operation import Operation

if TYPE_CHECKING:
    from delegation.tracker.tracker import Tracker

T = TypeVar("T")


@lru_cache(maxsize=256)
def _parameters(method: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(method).parameters


class Acting(Backend):
    """The operations of a tracker on behalf of one caller; see `Tracker.acting_as`."""

    def __init__(self, tracker: Tracker, by: str | ApiKey, client: str) -> None:
        """Act for this caller."""
        self._tracker, self._by, self._client = tracker, by, client

    def _perform(self, operation: Operation[Any, T], /, *args: Any, **named: Any) -> T:
        """Return what a client of a service would be given, of the arguments that a client has.

        Raises:
            TypeError: They are not those of the operation: who acts is said by `acting_as` alone.
        """
        operation.signature.bind(*args, **named)
        if "by" in named:  # taken for a filter, of which any name would do
            raise MalformedError("The filter by", wanted="left out; no view has it")
        result: T = self.result_of(operation, *args, **named)
        if operation.written is None or operation.result is None:
            return result
        written: T = operation.result.write(result)
        return written

    def result_of(self, operation: Operation[Any, Any], /, *args: Any, **named: Any) -> Any:
        """Call the tracker's method of the same name, and tell it who asks."""
        method = getattr(self._tracker, operation.name)
        told = _parameters(method.__func__)
        if "client" in told:
            named["client"] = self._client
        if "by" in told:
            named["by"] = self._caller(needs_key="ApiKey" in str(told["by"].annotation))
        return method(*args, **named)

    def _caller(self, *, needs_key: bool) -> str | ApiKey:
        if not self._by:
            raise UnauthenticatedError("Nobody is named who acts.", remedy="Say who it is.")
        if isinstance(self._by, ApiKey):
            return self._by if needs_key else self._by.name
        if needs_key:
            raise UnauthenticatedError(
                "Who answers is known by an API key only.",
                remedy="Act as the key that `authenticate` returns.",
            )
        return self._by
