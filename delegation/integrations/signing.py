"""`Auth`: signs each request of an agent to a guarded service with a fresh proof."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final

from delegation.authority.access import Access
from delegation.errors import MissingExtraError
from delegation.identity.keys import HolderKey
from delegation.integrations.routes import WELL_KNOWN, Routes
from delegation.tokens.token import Token

try:
    import httpx2
except ImportError as error:
    raise MissingExtraError("client", "Signing requests") from error

EXTENSION: Final = "delegation"


class Auth(httpx2.Auth):
    """Presents a token and proves each request by its holder's key; works sync and async.

    The access that is proved is built from the request by the service's routes, exactly as its guard
    builds it. Purpose, cost and cause of a single request come by
    `client.post(..., extensions={"delegation": {"purpose": "support/refund"}})`.

    Args:
        token: What is presented.
        key: The holder key of its leaf.
        routes: The service's routes, as read with `discover` or declared by hand.
        purpose: Purpose of requests that state none.
        max_cost: The most that a request may cost which states nothing, by unit.
        announced: Whether the leaf's id is sent instead of the whole token, which must have been
            announced to the service that decides. Proofs cover the whole token all the same.
    """

    requires_request_body = True

    def __init__(
        self,
        token: Token,
        key: HolderKey,
        routes: Routes,
        *,
        purpose: str = "",
        max_cost: dict[str, int] | None = None,
        announced: bool = False,
    ) -> None:
        """Sign with this key."""
        self._token = token
        self._shown = token.id if announced else token.text
        self._key = key
        self._routes = routes
        self._said: dict[str, Any] = {"purpose": purpose, "max_cost": max_cost or {}}

    def auth_flow(
        self, request: httpx2.Request
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Add token and proof to a request.

        Raises:
            NotFoundError: The service declares no such route.
            MalformedError: The request has an input that the route does not declare.
        """
        if b"+" in request.url.query:
            # Clients write a space as `+`, which others read as a plus: one spelling for both sides.
            request.url = request.url.copy_with(query=request.url.query.replace(b"+", b"%20"))
        raw = request.url.raw_path.decode("ascii")
        route, arguments = self._routes.arguments(
            request.method, raw, request.content, request.headers.multi_items()
        )
        if route.is_open:
            yield request
            return
        said = {**self._said, **request.extensions.get(EXTENSION, {})}
        access = Access(route.tool, arguments, self._routes.audience, **said)
        request.headers["Authorization"] = f"Delegation {self._shown}"
        request.headers["Delegation-Proof"] = self._key.prove(self._token, access)
        yield request


def discover(url: str, *, audience: str, http: httpx2.Client | None = None) -> Routes:
    """Return the routes that a guarded service publishes.

    Args:
        url: Where the service listens.
        audience: Its name in grants, known beforehand; a service that calls itself otherwise is
            refused, since proofs for another one would be signed for it.
        http: The client to ask with.

    Raises:
        MalformedError: Something else came back, or another audience.
    """
    asked = http or httpx2.Client(trust_env=False, follow_redirects=False)
    try:
        answer = asked.get(url.rstrip("/") + WELL_KNOWN)
        value = answer.json() if answer.is_success else None
    except ValueError:
        value = None
    finally:
        if http is None:
            asked.close()
    return Routes.from_json(value, audience=audience)
