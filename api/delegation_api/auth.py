"""Who calls: an API key with a role. Every endpoint declares the roles that may call it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Request

from delegation.embedded import Tracker
from delegation.errors import ForbiddenError, UnauthenticatedError
from delegation.tracker.work import ApiKey, Role

OPERATOR: Final[tuple[Role, ...]] = ("operator",)
READERS: Final[tuple[Role, ...]] = ("operator", "reviewer")
SERVICES: Final[tuple[Role, ...]] = ("operator", "service")
EVERYONE: Final[tuple[Role, ...]] = ("operator", "service", "reviewer")


@dataclass(frozen=True, slots=True)
class RoleGate:
    """A dependency that lets callers of these roles pass and returns their key.

    Args:
        roles: Roles that may call; empty means that the endpoint is public by design.
    """

    roles: tuple[Role, ...]

    def __call__(self, request: Request) -> ApiKey | None:
        """Return the caller's key, None on a public endpoint."""
        if not self.roles:
            return None
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        tracker: Tracker = request.app.state.tracker
        key = tracker.authenticate(secret.strip()) if scheme.lower() == "bearer" else None
        if key is None:
            raise UnauthenticatedError(
                "The request carries no valid API key.", remedy="Send Authorization: Bearer dk_..."
            )
        if key.role not in self.roles:
            raise ForbiddenError(
                "The API key's role may not do this.",
                remedy=f"Use one of: {', '.join(self.roles)}.",
            )
        return key


def needs(roles: tuple[Role, ...]) -> Callable[[Request], ApiKey | None]:
    """Return the gate of an endpoint, as a dependency."""
    return RoleGate(roles)


def tracker_of(request: Request) -> Tracker:
    """Return the tracker that the application was made with."""
    tracker: Tracker = request.app.state.tracker
    return tracker


TrackerDep = Annotated[Tracker, Depends(tracker_of)]
