"""Translates database errors into this project's own, and tells which of them are worth a retry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionError

from delegation import cancellation
from delegation.errors import StoreUnavailableError
from delegation.records.engine import postgres, sqlite


def described(error: BaseException) -> str:
    """Return what may be logged of a database's error: kinds and codes, never its own sentences.

    They quote the row that was refused, arguments of calls among it.
    """
    driver = getattr(error, "orig", None)
    state = getattr(driver, "sqlstate", None) or getattr(driver, "sqlite_errorname", None)
    parts = [type(error).__name__, type(driver).__name__ if driver else "", str(state or "")]
    return " ".join(part for part in parts if part)


@contextmanager
def translated() -> Iterator[None]:
    """Turn whatever the database raises before COMMIT into a refusal that says nothing of it."""
    try:
        yield
    except SQLAlchemyError as error:
        cancellation.look()  # it may have failed because nobody wants its answer
        raise refusal_of(is_undone=is_undone(error)) from error


def refusal_of(*, is_undone: bool) -> StoreUnavailableError:
    """Return the refusal for a database's error, of which nothing is told: it quotes rows.

    Args:
        is_undone: Whether the same may be done again at once.
    """
    return StoreUnavailableError(
        "The store could not be read or written; nothing was changed.",
        remedy="Try again; if it persists, run `delegation doctor` and look at the disk.",
        is_undone=is_undone,
    )


def why_unconnected(error: BaseException | None) -> str:
    """Return what the driver says of a connection that it did not get; empty where it had one.

    No row is in it, since nothing was asked: a name, a port, that a password is missing or wrong.
    For whoever runs the service, and no client.
    """
    while error is not None:
        if isinstance(error, DBAPIError) and not error.statement:
            said = " ".join(str(error.orig).split())
            return (
                "" if "@" in said else said
            )  # a part of a password that was not quoted in its URL
        error = error.__cause__
    return ""


def is_undone(error: BaseException) -> bool:
    """Return whether an error before COMMIT passes by itself; nothing is left of what was begun.

    A database that refuses a row, is full or takes no connection does not pass by itself.
    """
    if isinstance(error, NoConnectionError):  # all connections of this process are taken
        return True
    if not isinstance(error, DBAPIError):
        return False
    slow = type(error.orig).__name__ == "ConnectionTimeout"
    is_known = sqlite.is_undone(error.orig) or postgres.is_undone(error.orig)
    return slow or is_known or error.connection_invalidated


def is_outage(error: DBAPIError) -> bool:
    """Return whether the database failed rather than refused a row."""
    return type(error).__name__ in {"OperationalError", "InterfaceError", "InternalError"}


def is_fault(error: BaseException) -> bool:
    """Return whether a batch failed for what the next one will meet as well."""
    if isinstance(error, StoreUnavailableError):
        return not error.is_undone
    return isinstance(error, DBAPIError) and is_outage(error) and not is_undone(error)
