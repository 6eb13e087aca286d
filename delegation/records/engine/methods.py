"""Turns functions of a connection into methods of snapshots and transactions."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

P = ParamSpec("P")
R = TypeVar("R")


def of_connection(
    function: Callable[Concatenate[Connection, P], R],
) -> Callable[Concatenate[Any, P], R]:
    """Make a method of a function: its first argument is the connection that the object holds."""

    @wraps(function)
    def method(self: Any, /, *args: P.args, **named: P.kwargs) -> R:  # whatever holds one
        return function(self._connection, *args, **named)

    return method
