"""Sends webhooks: tells URLs that the operator configured of changes to a request for approval.

Beside the deciding path: events wait in a bounded queue for one thread a URL. What is lost (queue full,
receiver gone, process dead) is found by polling; the record is the truth. A URL never comes from a
token. The transport follows no redirect, reads no proxy of the environment and logs no address; whose
address a name has is believed to nobody but the certificate, on each connection.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import ssl
import threading
from collections.abc import Callable, Sequence
from typing import Final

import httpx2
import tenacity

from delegation.errors import ConfigurationError
from delegation.identity.approval import ApprovalEvent
from delegation.traceparent import trace_headers

CAPACITY: Final = 1024  # events that may wait
PAUSES: Final = (1.0, 5.0)  # seconds before each further attempt; then it is given up
SECONDS: Final = 5.0  # for each step of one attempt
MAX_URLS: Final = 8
_LOG: Final = logging.getLogger("delegation.webhooks")


class _PassingError(Exception):
    """A receiver that did not take an event may take it later."""


class Webhook:
    """One configured URL, told by one thread: a receiver that is gone delays no other.

    Args:
        url: Where events go.
        sign: Returns the body of an event.
        pauses: Seconds before each further attempt.
    """

    def __init__(
        self, url: httpx2.URL, sign: Callable[[ApprovalEvent], str], pauses: Sequence[float]
    ) -> None:
        """Read the URL; the thread begins with the first event."""
        self.url = url
        self.delivered = self.failed = self.dropped = 0
        self._sign = sign
        self._queue: queue.Queue[tuple[ApprovalEvent, dict[str, str]] | None] = queue.Queue(
            CAPACITY
        )
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._attempts = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_PassingError),
            stop=tenacity.stop_after_attempt(len(pauses) + 1),
            wait=tenacity.wait_chain(*map(tenacity.wait_fixed, pauses)),
            sleep=tenacity.sleep_using_event(self._ended),
            reraise=True,
        )
        # Nothing of the environment: a proxy there would read events and answer for receivers.
        self._http = httpx2.HTTPTransport(
            ssl.create_default_context(),
            trust_env=False,
            limits=httpx2.Limits(max_keepalive_connections=0),
        )

    def tell(self, event: ApprovalEvent) -> None:
        """Queue an event and return at once; a full queue drops it."""
        if self._ended.is_set():
            return
        try:
            self._queue.put_nowait((event, trace_headers()))
        except queue.Full:
            self.dropped += 1
            _LOG.warning("an event was dropped: too many wait")
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="webhook", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Give up what waits, and end."""
        self._ended.set()
        if self._thread is not None:
            with contextlib.suppress(queue.Full):  # the thread looks at `_ended` after each event
                self._queue.put_nowait(None)
            self._thread.join(timeout=SECONDS + 1)
        self._http.close()

    def _run(self) -> None:
        while not self._ended.is_set():
            waiting = self._queue.get()
            if waiting is None:
                return
            try:
                self._deliver(*waiting)
            except Exception as error:  # noqa: BLE001  # one event must not end the thread
                self.failed += 1
                _LOG.warning("an event could not be sent: %s", type(error).__name__)

    def _deliver(self, event: ApprovalEvent, trace: dict[str, str]) -> None:
        body = self._sign(event).encode("ascii")
        try:
            if self._attempts(self._is_taken, body, trace):
                self.delivered += 1
                return
        except _PassingError:
            if self._ended.is_set():
                return
        self.failed += 1
        # The host only: a path may hold the receiver's secret.
        _LOG.warning("a webhook at %s did not take an event", self.url.host)

    def _is_taken(self, body: bytes, trace: dict[str, str]) -> bool:
        """Send an event once and return whether it was taken; what is answered beside is not read."""
        if self._ended.is_set():
            raise _PassingError
        request = httpx2.Request(
            "POST",
            self.url,
            headers={"Content-Type": "application/jose", **trace},
            content=body,
            extensions={"timeout": httpx2.Timeout(SECONDS).as_dict()},
        )
        try:
            with contextlib.closing(self._http.handle_request(request)) as answer:
                if answer.is_server_error or answer.status_code == httpx2.codes.TOO_MANY_REQUESTS:
                    raise _PassingError
                return answer.is_success
        except httpx2.HTTPError as error:
            raise _PassingError from error


class Webhooks:
    """All configured URLs.

    Args:
        urls: `https://` URLs, or `http://` ones of this host; separated by white space.
        sign: Returns the body of an event.
        pauses: Seconds before each further attempt.

    Raises:
        ConfigurationError: A URL has another form, or there are more than 8.
    """

    def __init__(
        self,
        urls: str,
        sign: Callable[[ApprovalEvent], str],
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        """Read the URLs."""
        self.hooks = tuple(Webhook(checked(url), sign, pauses) for url in urls.split())
        if len(self.hooks) > MAX_URLS:
            raise ConfigurationError(f"At most {MAX_URLS} webhooks are told.")

    def tell(self, event: ApprovalEvent) -> None:
        """Queue an event for each URL and return at once."""
        for hook in self.hooks:
            hook.tell(event)

    def close(self) -> None:
        """Give up what waits, and end."""
        for hook in self.hooks:
            hook.close()


def checked(text: str) -> httpx2.URL:
    """Return a webhook's URL.

    Raises:
        ConfigurationError: It is no https URL, nor http of this host; or it has an account.
    """
    with contextlib.suppress(httpx2.InvalidURL):
        url = httpx2.URL(text)
        is_local = url.host in {"127.0.0.1", "::1", "localhost"}
        is_safe = url.scheme == "https" or (url.scheme == "http" and is_local)
        is_one = ",http" not in text  # else two were meant, and neither would be told
        if (
            url.host and is_safe and is_one and not url.userinfo
        ):  # events are signed: no password is sent
            return url
    raise ConfigurationError(
        "A webhook is no https URL.", remedy="Name https:// URLs; http:// only of this host."
    )
