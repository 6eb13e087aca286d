"""Manages API keys and logins: callers of the tracker that are no agents."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from delegation.canonical import b64u
from delegation.commands import logins
from delegation.commands.retry import tried_again
from delegation.commands.work import ApiKey
from delegation.errors import NotFoundError
from delegation.identity.roles import Role
from delegation.tracker.review import Review

if TYPE_CHECKING:
    from delegation.operations.backend import Backend
    from delegation.tracker.tracker import Tracker


class Callers(Review):
    """API keys and logins, and whoever acts."""

    def acting_as(self, by: str | ApiKey, *, client: str = "") -> Backend:
        """Return the same operations with the caller filled in, as a client of a service has them.

        Not checked here: whether the caller may do what it asks for (`delegation_api`).

        Args:
            by: Who acts, as it is recorded; to answer requests for approval, the person's API key.
            client: Where checks are said to come from; the same name if left out.
        """
        from delegation.tracker.acting import Acting  # noqa: PLC0415  # all that is declared

        name = by if isinstance(by, str) else by.name
        return Acting(cast("Tracker", self), by, client or name)

    def create_api_key(
        self,
        name: str,
        role: Role,
        audiences: Iterable[str] = (),
        *,
        person: str = "",
        approves_as: Iterable[str] = (),
    ) -> str:
        """Make an API key and return its secret, which is shown this once."""
        secret = logins.PREFIX + b64u(secrets.token_bytes(32))
        logins.create_api_key(
            self._store,
            name,
            role,
            audiences=audiences,
            secret=secret,
            at=self._clock(),
            person=person,
            approves_as=approves_as,
        )
        return secret

    def authenticate(self, secret: str) -> ApiKey | None:
        """Return the live API key with this secret, or None."""
        return logins.authenticate(self._store, secret)

    def create_login_link(self, api_key: str, base: str) -> str:
        """Return a link that logs a person in once, within minutes; see `commands.logins`.

        Args:
            api_key: Name of a live key of a person's role.
            base: The service's URL as that person reaches it.

        Raises:
            NotFoundError: There is no live key of that name.
            ForbiddenError: The key is a service's.
        """
        ticket = "lt_" + b64u(secrets.token_bytes(32))
        logins.create_ticket(self._store, api_key, secret=ticket, at=self._clock())
        return f"{base.rstrip('/')}/login?ticket={ticket}"

    def log_in(self, ticket: str) -> str:
        """Spend a link's ticket and return the secret of a new session.

        Raises:
            UnauthenticatedError: The ticket is unknown, spent or expired.
        """
        session = "ls_" + b64u(secrets.token_bytes(32))
        logins.log_in(self._store, ticket, secret=session, at=self._clock())
        return session

    def begin_session(self, key: ApiKey) -> str:
        """Return the secret of a new session of a key that was just authenticated.

        Raises:
            ForbiddenError: The key is a service's.
        """
        session = "ls_" + b64u(secrets.token_bytes(32))
        logins.begin_session(self._store, key, secret=session, at=self._clock())
        return session

    def session_key(self, session: str) -> ApiKey | None:
        """Return the live API key of a session, or None."""
        return logins.session_key(self._store, session, at=self._clock())

    def log_out(self, session: str) -> None:
        """End a session."""
        logins.log_out(self._store, session, at=self._clock())

    @tried_again
    def revoke_api_key(self, name: str) -> None:
        """Withdraw an API key.

        Raises:
            NotFoundError: There is none of that name.
        """
        with self._store.write() as work:
            if not work.revoke_api_key(name):
                raise NotFoundError("API key", name)
