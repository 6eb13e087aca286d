"""Observes what an unguarded service is asked for: looks at messages as they pass, holds up none.

Nothing is refused and nothing is recorded: what was seen was not verified, so it never enters
lineage. What was seen becomes a draft for people to read (`draft`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from delegation.integrations.asked import SeenRequest
from delegation.integrations.draft import written
from delegation.integrations.judged_request import Message, Receive, Send
from delegation.integrations.seen import Sight

MAX_BODY: Final = 64 * 1024  # bytes of a body that are looked at; of a longer one nothing is
_LOG: Final = logging.getLogger("delegation.guard")


@dataclass(slots=True)
class _Glance:
    """What passes of one connection."""

    request: SeenRequest
    status: int = 0
    is_read: bool = False
    is_long: bool = False
    is_over: bool = False
    is_noted: bool = False
    body: bytearray = field(default_factory=bytearray)

    @property
    def is_ready(self) -> bool:
        """Whether it was answered and no more of the body comes, and it was not noted yet."""
        is_whole = self.is_read or self.is_over or not self.request.has_body
        return bool(self.status) and is_whole and not self.is_noted

    @property
    def whole_body(self) -> bytes | None:
        """The body, None if it was too long or nobody read it to its end."""
        return bytes(self.body) if self.is_read and not self.is_long else None

    def heard(self, message: Message) -> None:
        if message["type"] != "http.request" or self.is_read:
            return
        part = message.get("body", b"")
        self.is_long = self.is_long or len(self.body) + len(part) > MAX_BODY
        if self.is_long:
            self.body.clear()
        else:
            self.body += part
        self.is_read = not message.get("more_body", False)

    def said(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
        elif message["type"] == "websocket.accept":
            self.status = 101


class Observer:
    """Remembers which routes were answered and with which arguments, within bounds, in this process.

    Args:
        audience: The service's name in grants.
    """

    def __init__(self, audience: str) -> None:
        """Begin with nothing seen."""
        self._sight = Sight(audience)

    def look_into(self, app: Any) -> None:
        """Take templates, tools and inputs from an application where it can be looked into."""
        self._sight.look_into(app)

    def draft(self) -> str:
        """Return Python that declares the service and grants what was seen; see `draft.written`."""
        return written(self._sight)

    async def serve(self, app: Any, scope: Message, receive: Receive, send: Send) -> None:
        """Let an application serve a connection as if nobody looked.

        Every message is handed on when it comes and as it is, before anything is made of it; what
        goes wrong with looking is logged, and nobody else notices.

        Args:
            app: The application.
            scope: Of the connection.
            receive: Where its messages come from.
            send: Where the application's go.
        """
        try:
            glance = _Glance(SeenRequest.of(scope))
        except Exception as error:  # noqa: BLE001  # looking must not stop what is looked at
            _LOG.warning("not observed: %s", type(error).__name__)
            await app(scope, receive, send)
            return

        async def heard() -> Message:
            message = await receive()
            self._look(glance, glance.heard, message)
            return message

        async def said(message: Message) -> None:
            await send(message)
            self._look(glance, glance.said, message)

        try:
            await app(scope, heard, said)
        finally:
            glance.is_over = True
            self._look(glance)

    def _look(
        self, glance: _Glance, look: Callable[[Message], None] | None = None, *message: Message
    ) -> None:
        """Look at a message, and note the request once it is whole and answered."""
        try:
            if look is not None:
                look(*message)
            if glance.is_ready:
                glance.is_noted = True
                self._sight.note(glance.request, glance.status, glance.whole_body)
        except Exception as error:  # noqa: BLE001  # likewise
            _LOG.warning("not observed: %s", type(error).__name__)
