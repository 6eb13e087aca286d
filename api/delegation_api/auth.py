"""Authenticates callers by API key and role, and refuses parameters that an endpoint does not declare."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, Query, Request
from fastapi.dependencies.models import Dependant

from delegation.commands.retry import SECONDS
from delegation.commands.work import ApiKey
from delegation.errors import (
    ForbiddenError,
    MalformedError,
    NotFoundError,
    StoreUnavailableError,
    UnauthenticatedError,
)
from delegation.identity.roles import Role
from delegation.tracker import Tracker
from delegation_api.asking import vital
from delegation_api.turns import recognise

PROXIES: Final[tuple[Role, ...]] = ("service",)  # its one audience names the mount

KEY_SECONDS: Final = 1.0  # how long a withdrawn API key may still be believed
LOOK_UP_SECONDS: Final = SECONDS  # a frozen database answers nothing, not even its own deadline
SILENT_SECONDS: Final = 2.0  # after which a store is silent, for what must be read all the same
MAX_KEYS: Final = 1024
# The client's Authorization passes through a proxy untouched, so the proxy's own key has its header.
PROXY_KEY: Final = "delegation-proxy-key"


class KeyCache:
    """Live API keys by their Authorization header, each believed for one second.

    Unknown secrets are never kept: they would push out the known ones.

    Args:
        tracker: Where keys are recorded.
        clock: Monotonic seconds.
    """

    def __init__(self, tracker: Tracker, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with nothing known."""
        self._tracker = tracker
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[float, ApiKey]] = OrderedDict()
        self._asked: dict[bytes, asyncio.Future[ApiKey | None]] = {}

    def held(self, header: bytes) -> ApiKey | None:
        """Return the key of a header that was looked up within the last second."""
        found = self._known.get(header)
        if found is None or self._clock() >= found[0]:
            return None
        return found[1]

    async def find(self, header: bytes) -> ApiKey | None:
        """Return the live key of a header, or None.

        Callers that ask at the same moment share one look-up: else each second would begin with as
        many of them as there are requests.

        Raises:
            StoreUnavailableError: The store failed, or did not answer in time.
        """
        held = self.held(header)
        if held is not None:
            return held
        asked = self._asked.get(header)
        if asked is None:
            asked = asyncio.ensure_future(self._look_up(header))
            self._asked[header] = asked
            asked.add_done_callback(lambda done: self._answered(header, done))
        try:
            return await asyncio.wait_for(asyncio.shield(asked), LOOK_UP_SECONDS)
        except TimeoutError as error:
            raise StoreUnavailableError(
                "The store does not answer, so nothing was decided.",
                remedy="Try again; if it persists, look at the database.",
            ) from error

    async def find_lasting(self, header: bytes, seconds: float) -> ApiKey | None:
        """Return the live key of a header; while the store is silent, one that was live not long ago.

        For what must be read when the store is gone, decides nothing and tells no secret.

        Args:
            header: Authorization.
            seconds: For how long it is believed then.

        Raises:
            StoreUnavailableError: The store did not answer within two seconds, nor was the key known.
        """
        try:
            return await asyncio.wait_for(self.find(header), SILENT_SECONDS)
        except (StoreUnavailableError, TimeoutError) as error:
            found = self._known.get(header)
            if found is None or self._clock() > found[0] + seconds:
                raise StoreUnavailableError(
                    "The store does not answer, and this key is not known here.",
                    remedy="Try again; if it persists, look at the database.",
                ) from error
            return found[1]

    def _answered(self, header: bytes, done: asyncio.Future[ApiKey | None]) -> None:
        self._asked.pop(header, None)
        if not done.cancelled():
            done.exception()  # seen, also when nobody waits any longer

    async def _look_up(self, header: bytes) -> ApiKey | None:
        scheme, _, secret = header.decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return None
        until = self._clock() + KEY_SECONDS
        key = await vital(self._tracker.authenticate, secret.strip())
        if key is None:
            self._known.pop(header, None)
            return None
        self._known[header] = (until, key)
        self._known.move_to_end(header)
        while len(self._known) > MAX_KEYS:
            self._known.popitem(last=False)
        return key


def authorized(key: ApiKey | None, roles: tuple[Role, ...]) -> ApiKey:
    """Return a caller's key if its role may do what is asked.

    Raises:
        UnauthenticatedError: There is no live key.
        ForbiddenError: Its role may not.
    """
    if key is None:
        raise UnauthenticatedError(
            "The request carries no valid API key.", remedy="Send Authorization: Bearer dk_..."
        )
    if key.role not in roles:
        raise ForbiddenError(
            "The API key's role may not do this.", remedy=f"Use one of: {', '.join(roles)}."
        )
    return key


@dataclass(frozen=True, slots=True)
class RoleGate:
    """A dependency that lets callers of these roles pass and returns their key.

    Args:
        roles: Roles that may call; empty means that the endpoint is public by design.
        header: Holds the bare key; empty takes Authorization, as a bearer token.
        lasts: Seconds for which a key is still believed while the store is silent.
    """

    roles: tuple[Role, ...]
    header: str = ""
    lasts: float = 0.0

    async def __call__(self, request: Request) -> ApiKey | None:
        """Return the caller's key, None on a public endpoint."""
        if not self.roles:
            return None
        keys: KeyCache = request.app.state.keys
        if self.header:
            given = request.headers.getlist(self.header)
            sent = f"Bearer {given[0]}" if len(given) == 1 else ""
        else:
            sent = request.headers.get("authorization", "")
        shown = sent.encode("latin-1")
        key = await (keys.find_lasting(shown, self.lasts) if self.lasts else keys.find(shown))
        if key is not None:
            recognise(request.scope)
        return authorized(key, self.roles)


def needs(
    roles: tuple[Role, ...], header: str = ""
) -> Callable[[Request], Awaitable[ApiKey | None]]:
    """Return the gate of an endpoint, as a dependency."""
    return RoleGate(roles, header)


def tracker_of(request: Request) -> Tracker:
    """Return the tracker that the application was made with."""
    tracker: Tracker = request.app.state.tracker
    return tracker


TrackerDep = Annotated[Tracker, Depends(tracker_of)]


MAX_IN_PATH: Final = 2048  # characters; names of agents are as long
_UNTOLD: Final = re.compile("[\x00\ud800-\udfff]")
After = Annotated[int, Query(ge=0, le=2**53)]
At = Annotated[
    int | None, Query(ge=0, le=2**53, description="A past instant, Unix seconds; else the present.")
]
_Entry = TypeVar("_Entry")
_Mark = TypeVar("_Mark", int, str)


def following(page: Sequence[_Entry], limit: int, mark: Callable[[_Entry], _Mark]) -> _Mark | None:
    """Return what to send as `after` for the next page, None after the last one."""
    return mark(page[-1]) if len(page) == limit else None


async def refuse_odd_request(request: Request) -> None:
    """Refuse a parameter that the endpoint does not declare, that comes twice, or that is no text.

    A filter that is spelled wrong would otherwise filter nothing, and its answer be believed. A NUL
    or half a surrogate pair is in nothing that was ever recorded, and PostgreSQL does not even read
    it: asked for, it would look like a database that is gone.

    Raises:
        NotFoundError: The path names what cannot be recorded.
        MalformedError: The query is of another form.
    """
    for name, value in request.path_params.items():
        if isinstance(value, str) and (len(value) > MAX_IN_PATH or _UNTOLD.search(value)):
            raise NotFoundError(name, "of that form")
    route = request.scope.get("route")
    dependant = getattr(route, "dependant", None)
    known = set() if dependant is None else set(_declared(dependant))
    sent = Counter(name for name, _ in request.query_params.multi_items())
    if sent.keys() - known or any(count > 1 for count in sent.values()):
        wanted = ", ".join(sorted(known)) or "none"
        raise MalformedError("The query", wanted=f"made of these parameters, each once: {wanted}")
    for name, value in request.query_params.items():
        if _UNTOLD.search(value):
            raise MalformedError(name, wanted="text without NUL and without half a surrogate pair")


def _declared(dependant: Dependant) -> Iterator[str]:
    parameters: list[Any] = dependant.query_params
    yield from (parameter.alias for parameter in parameters)
    for inner in dependant.dependencies:
        yield from _declared(inner)
