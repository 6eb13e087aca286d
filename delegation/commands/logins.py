"""Logins of people: a one-time link or an API key becomes a session; only digests are stored.

A link is a ticket that works once, within minutes, and only by being posted: a preview of the link in
a chat must not spend it. A session ends by time, by logging out, or with the API key it came from.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from delegation.commands.retry import tried_again
from delegation.commands.work import ApiKey, Login, Store
from delegation.errors import ForbiddenError, NotFoundError, UnauthenticatedError

TICKET: Final = re.compile(r"lt_[A-Za-z0-9_-]{43}")
SESSION: Final = re.compile(r"ls_[A-Za-z0-9_-]{43}")
TICKET_SECONDS: Final = 900
SESSION_SECONDS: Final = 8 * 3600  # a working day
NO_PAGES: Final = "service"  # a role of programs: it has no pages to see


def digest(secret: str) -> bytes:
    """Return SHA-256 of the secret. No slow hash: there are 256 random bits in it."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


@tried_again
def create_ticket(store: Store, api_key: str, *, secret: str, at: int) -> Login:
    """Record a ticket for an API key, to be sent to a person as a link.

    Args:
        store: Where it is recorded.
        api_key: Name of a live key of a person.
        secret: `lt_` and 43 base64url characters of 32 random bytes.
        at: Unix seconds.

    Raises:
        NotFoundError: There is no live key of that name.
        ForbiddenError: The key is a service's.
    """
    ticket = Login(digest(secret), "ticket", api_key, at + TICKET_SECONDS)
    with store.write() as work:
        found = {key.name: key for key in work.api_keys() if not key.is_revoked}.get(api_key)
        if found is None:
            raise NotFoundError("API key", api_key)
        refuse_service(found)
        work.add_login(ticket, at=at)
    return ticket


@tried_again
def log_in(store: Store, ticket: str, *, secret: str, at: int) -> ApiKey:
    """Spend a ticket for a session.

    Args:
        store: Where both are recorded.
        ticket: The ticket's secret.
        secret: The session's: `ls_` and 43 base64url characters of 32 random bytes.
        at: Unix seconds.

    Raises:
        UnauthenticatedError: The ticket is unknown, spent or expired, or its key was withdrawn.
    """
    with store.write() as work:
        spent = work.take_login(digest(ticket), "ticket", at=at)
        key = None
        if spent is not None:
            key = {key.name: key for key in work.api_keys() if not key.is_revoked}.get(spent)
        if key is not None:
            work.add_login(Login(digest(secret), "session", key.name, at + SESSION_SECONDS), at=at)
    if key is None:
        raise UnauthenticatedError(
            "This link was used, or is too old.", remedy="Ask for a new one."
        )
    return key


@tried_again
def begin_session(store: Store, key: ApiKey, *, secret: str, at: int) -> None:
    """Record a session of an API key that was just authenticated.

    Raises:
        ForbiddenError: The key is a service's.
    """
    refuse_service(key)
    with store.write() as work:
        work.add_login(Login(digest(secret), "session", key.name, at + SESSION_SECONDS), at=at)


def session_key(store: Store, secret: str, *, at: int) -> ApiKey | None:
    """Return the live API key of a session, None when there is no such session any more."""
    if SESSION.fullmatch(secret) is None:
        return None
    with store.read() as reader:
        key = reader.login(digest(secret), "session", at=at)
    return None if key is None or key.is_revoked else key


@tried_again
def log_out(store: Store, secret: str, *, at: int) -> None:
    """End a session; one that is not there is over already."""
    with store.write() as work:
        work.take_login(digest(secret), "session", at=at)


def refuse_service(key: ApiKey) -> None:
    """Refuse a service's key.

    Raises:
        ForbiddenError: It is one.
    """
    if key.role == NO_PAGES:
        raise ForbiddenError(
            "A service's key opens no pages.", remedy="Use a key of a person's role."
        )
