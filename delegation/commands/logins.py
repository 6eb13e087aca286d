"""Creates API keys and logins for callers that are no agents."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Final

from delegation.authority.approval import APPROVER
from delegation.authority.fields import AUDIENCE, listed, matching_text
from delegation.commands.named import found
from delegation.commands.retry import tried_again
from delegation.commands.work import ApiKey, Login, Store
from delegation.errors import ForbiddenError, MalformedError, UnauthenticatedError
from delegation.identity.roles import NAMED, ROLES, Role

PREFIX: Final = "dk_"  # so that scanners find a leaked one
SECRET: Final = re.compile(r"dk_[A-Za-z0-9_-]{43}")
NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
MAX_ROLES: Final = 32  # of one person in approval rules


@tried_again
def create_api_key(  # what a key is bound to
    store: Store,
    name: str,
    role: Role,
    *,
    audiences: Iterable[str],
    secret: str,
    at: int,
    person: str = "",
    approves_as: Iterable[str] = (),
) -> ApiKey:
    """Record an API key under the digest of its secret.

    A service's key is bound to the audiences it may ask about, else one service could spend another
    one's tokens at the desk. An approver's key is bound to one person, since a quorum counts people;
    who that is, and in which roles, is the operator's word.

    Args:
        store: Where it is recorded.
        name: What people call it.
        role: `operator`, `service`, `reviewer` or `approver`.
        audiences: For a service at least one, for others none.
        secret: `dk_` and 43 base64url characters of 32 random bytes; shown to its owner once.
        at: Unix seconds.
        person: For an approver: who holds it.
        approves_as: For an approver: the roles that this person has in approval rules.

    Raises:
        MalformedError: A field has another form.
        ConflictError: The name is taken.
    """
    matching_text("name", name, NAME, "1 to 64 lower-case characters")
    matching_text("role", role, "|".join(ROLES), NAMED)
    matching_text("secret", secret, SECRET, "dk_ and 43 base64url characters")
    bound = tuple(
        sorted(
            {
                matching_text("audiences", a, AUDIENCE, "printable ASCII texts")
                for a in listed("audiences", audiences)
            }
        )
    )
    if (role == "service") != bool(bound):
        raise MalformedError("audiences", wanted="at least one for a service, none for others")
    roles = tuple(
        sorted({matching_text("approves_as", r, APPROVER, "names of roles") for r in approves_as})
    )
    if role == "approver":
        matching_text("person", person, APPROVER, "the name of the person who holds it")
    elif person or roles:
        raise MalformedError("person", wanted="left out for all but approvers")
    if len(roles) > MAX_ROLES:
        raise MalformedError("approves_as", wanted=f"at most {MAX_ROLES} roles")
    key = ApiKey(name, role, bound, at, person=person, approves_as=roles)
    with store.write() as work:
        work.add_api_key(key, digest(secret))
    return key


def authenticate(store: Store, secret: str) -> ApiKey | None:
    """Return the live API key with this secret, or None.

    Looked up by digest: the comparison's timing tells nothing about a secret of 256 random bits.
    """
    if SECRET.fullmatch(secret) is None:
        return None
    with store.read() as reader:
        key = reader.api_key(digest(secret))
    return None if key is None or key.is_revoked else key


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
        live = {key.name: key for key in work.api_keys() if not key.is_revoked}
        refuse_service(found("API key", api_key, live.get(api_key)))
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
