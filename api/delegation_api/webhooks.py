"""Webhooks: URLs that the operator configured are told that something happened to a request.

Beside the deciding path: events wait in a bounded queue for one thread a URL. What is lost (queue full,
receiver gone, process dead) is found by polling; the record is the truth. A URL never comes from a
token, no redirect is followed, no proxy of the environment is used.
"""

from __future__ import annotations

import contextlib
import http.client
import logging
import queue
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from email.message import Message
from typing import IO, Final
from urllib.parse import urlsplit

from delegation.errors import ConfigurationError
from delegation.identity.approval import ApprovalEvent

CAPACITY: Final = 1024  # events that may wait
PAUSES: Final = (0.0, 1.0, 5.0)  # seconds before each attempt; then it is given up
SECONDS: Final = 5.0  # for one attempt
MAX_URLS: Final = 8
_LOG: Final = logging.getLogger("delegation.webhooks")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Whoever answers at the configured URL does not choose another one."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message,
        newurl: str,
    ) -> None:
        """Return no request, so that the answer counts as a failure."""


class Webhook:
    """One configured URL, told by one thread: a receiver that is gone delays no other.

    Args:
        url: Where events go.
        sign: Returns the body of an event.
        pauses: Seconds before each attempt.
    """

    def __init__(
        self, url: str, sign: Callable[[ApprovalEvent], str], pauses: Sequence[float]
    ) -> None:
        """Read the URL; the thread begins with the first event."""
        self.url = url
        self.delivered = self.failed = self.dropped = 0
        self._sign = sign
        self._pauses = pauses
        self._queue: queue.Queue[ApprovalEvent | None] = queue.Queue(CAPACITY)
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        # Nothing of the environment: a proxy there would read events and answer for receivers.
        self._http = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)

    def tell(self, event: ApprovalEvent) -> None:
        """Queue an event and return at once; a full queue drops it."""
        if self._ended.is_set():
            return
        try:
            self._queue.put_nowait(event)
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

    def _run(self) -> None:
        while not self._ended.is_set():
            event = self._queue.get()
            if event is None:
                return
            try:
                self._deliver(event)
            except Exception as error:  # noqa: BLE001  # one event must not end the thread
                self.failed += 1
                _LOG.warning("an event could not be sent: %s", type(error).__name__)

    def _deliver(self, event: ApprovalEvent) -> None:
        body = self._sign(event).encode("ascii")
        for pause in self._pauses:
            if self._ended.wait(pause):
                return
            request = urllib.request.Request(  # noqa: S310  # the scheme was checked
                self.url, body, {"Content-Type": "application/jose"}, method="POST"
            )
            try:
                with self._http.open(request, timeout=SECONDS):
                    self.delivered += 1
                    return
            except urllib.error.HTTPError as error:
                error.close()
                if error.code < 500 and error.code != 429:  # noqa: PLR2004  # it will not change its mind
                    break
            except (OSError, ValueError, http.client.HTTPException):
                continue
        self.failed += 1
        # The host only: a path may hold the receiver's secret.
        _LOG.warning("a webhook at %s did not take an event", urlsplit(self.url).hostname)


class Webhooks:
    """All configured URLs.

    Args:
        urls: `https://` URLs, or `http://` ones of this host; separated by white space.
        sign: Returns the body of an event.
        pauses: Seconds before each attempt.

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
        self.hooks = tuple(Webhook(_checked(url), sign, pauses) for url in urls.split())
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


def _checked(url: str) -> str:
    parts = urlsplit(url)
    is_local = parts.hostname in {"127.0.0.1", "::1", "localhost"}
    if (parts.scheme == "https" or (parts.scheme == "http" and is_local)) and parts.hostname:
        return url
    raise ConfigurationError(
        "A webhook is no https URL.", remedy="Name https:// URLs; http:// only of this host."
    )
