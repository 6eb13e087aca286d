"""Calls the service over HTTP, synchronously or not. Delegating and proving stay offline.

Needs the extra `client`. No redirect is followed and no proxy of the environment is used: whoever
answers at this URL decides about calls.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2
import tenacity

from delegation.client.exchange import (
    ATTEMPTS,
    TIMEOUT,
    call_of,
    reaching,
    read_answer,
    refuse_problem,
    request_of,
    retries,
    settings_of,
)
from delegation.errors import UnverifiedError
from delegation.identity.keyring import PublicRing
from delegation.operations.backend import Backend, Operations
from delegation.operations.call import Call
from delegation.operations.operation import Async, Operation
from delegation.operations.registry import Registry
from delegation.operations.standing import Following

T = TypeVar("T")


class AsyncClient(Operations, Following, Async):
    """The service at a URL, called with one API key; the same methods as the embedded `Tracker`.

    What may be sent twice is tried again when the service is out of reach or answers 502 to 504:
    reads, and checks, each of which carries an idempotency key. Errors are those of `delegation.errors`.

    Args:
        url: Where the service listens.
        api_key: Secret of an API key; empty for what is public.
        timeout: Seconds for one attempt.
        attempts: How often what may be repeated is sent at most.
        transport: Another transport, such as one to an application in this process.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str = "",
        timeout: float = TIMEOUT,
        attempts: int = ATTEMPTS,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        """Make a client; nothing is sent yet."""
        self._http = httpx2.AsyncClient(
            **settings_of(url, api_key=api_key, timeout=timeout), transport=transport
        )
        self._attempts = attempts
        self._ring: PublicRing | None = None

    async def __aenter__(self) -> Self:
        """Return the client; it is closed when the block ends."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _sent(self, call: Call) -> httpx2.Response:
        attempts = self._attempts if call.is_repeatable else 1
        async for attempt in tenacity.AsyncRetrying(**retries(attempts)):
            with attempt, reaching():
                answer = await self._http.request(**request_of(call))
                refuse_problem(answer)
                return answer
        raise AssertionError  # the loop returns or raises

    async def _perform(self, operation: Operation[Any, T], /, *args: Any, **named: Any) -> T:
        """Send one call and return its result; the issuer's keys are asked for once.

        Raises:
            ServiceError: The service refused, did not answer, or answered with something else.
        """
        if operation is Registry.public_ring and self._ring is not None:
            return self._ring  # type: ignore[return-value]  # that operation's result
        result = read_answer(await self._sent(call_of(operation, *args, **named)), operation)
        if isinstance(result, PublicRing):
            self._ring = result
        if not operation.has_token:
            return result
        try:
            believed: T = operation.believed(result, await self.public_ring())
        except UnverifiedError as error:
            if error.reason != "key_unknown":  # by a key that is newer than what was asked for once
                raise
            believed = operation.believed(result, await self.fresh_ring())
        return believed


class Client(Backend, Following):
    """The service at a URL, called with one API key; the same methods as the embedded `Tracker`.

    What may be sent twice is tried again when the service is out of reach or answers 502 to 504:
    reads, and checks, each of which carries an idempotency key. Errors are those of `delegation.errors`.

    Args:
        url: Where the service listens.
        api_key: Secret of an API key; empty for what is public.
        timeout: Seconds for one attempt.
        attempts: How often what may be repeated is sent at most.
        transport: Another transport, such as one to an application in this process.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str = "",
        timeout: float = TIMEOUT,
        attempts: int = ATTEMPTS,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        """Make a client; nothing is sent yet."""
        self._http = httpx2.Client(
            **settings_of(url, api_key=api_key, timeout=timeout), transport=transport
        )
        self._attempts = attempts
        self._ring: PublicRing | None = None

    def __enter__(self) -> Self:
        """Return the client; it is closed when the block ends."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _sent(self, call: Call) -> httpx2.Response:
        for attempt in tenacity.Retrying(**retries(self._attempts if call.is_repeatable else 1)):
            with attempt, reaching():
                answer = self._http.request(**request_of(call))
                refuse_problem(answer)
                return answer
        raise AssertionError  # the loop returns or raises

    def _perform(self, operation: Operation[Any, T], /, *args: Any, **named: Any) -> T:
        """Send one call and return its result; the issuer's keys are asked for once.

        Raises:
            ServiceError: The service refused, did not answer, or answered with something else.
        """
        if operation is Registry.public_ring and self._ring is not None:
            return self._ring  # type: ignore[return-value]  # that operation's result
        result = read_answer(self._sent(call_of(operation, *args, **named)), operation)
        if isinstance(result, PublicRing):
            self._ring = result
        if not operation.has_token:
            return result
        try:
            believed: T = operation.believed(result, self.public_ring())
        except UnverifiedError as error:
            if error.reason != "key_unknown":  # by a key that is newer than what was asked for once
                raise
            believed = operation.believed(result, self.fresh_ring())
        return believed
