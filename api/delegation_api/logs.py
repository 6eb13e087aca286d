"""Logs one line for one event, JSON or text, without tokens, proofs, keys or arguments.

In JSON every line is an object, from the first to the last: warnings of Python, what ends a thread and
what ends the process are lines like all others.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections import Counter
from collections.abc import MutableMapping
from threading import Lock, Timer
from types import TracebackType
from typing import Any, Final

import structlog

from delegation_api.asked_request import ASKED
from delegation_api.settings import Settings

# The last net: whatever looks like a token, a proof or an API key does not reach a log line.
REFUSED: Final = "refused"  # the event of a request that was answered with a problem
_EACH_SECOND: Final = 20  # lines of one kind, of warnings and worse, and of requests refused
_LOG: Final = logging.getLogger("delegation")
_SECRETS: Final = re.compile(
    r"dct\.[bm]1\.[A-Za-z0-9_.-]+|dk_[A-Za-z0-9_-]{8,}|ey[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_.-]+"
)


def clean(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace what looks like a secret in every text of an event."""
    for name, value in event.items():
        if isinstance(value, str) and _SECRETS.search(value):
            event[name] = _SECRETS.sub("<removed>", value)
    return event


def join(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Name the request that is being answered, and its trace, in what is logged meanwhile."""
    asked = ASKED.get()
    if asked is not None:
        event.update(asked.names())
    return event


class Pace(logging.Filter):
    """Lets a few warnings of one kind through in a second, and one line that counts the others.

    A kind is what the program says, not what a caller sent: the logger, the level, the sentence, and
    the code of a refused request. Other lines below a warning are not counted: whoever asks for each
    request has each.
    """

    def __init__(self) -> None:
        """Begin with nothing said."""
        super().__init__()
        self._lock = Lock()
        self._said: Counter[tuple[str, int, str]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a line is written."""
        said: Any = record.msg
        event = said.get("event") if isinstance(said, dict) else said
        is_refused = event == REFUSED and isinstance(said, dict)
        if (record.levelno < logging.WARNING and not is_refused) or hasattr(record, "omitted"):
            return True
        code = f": {said.get('code', said.get('status'))}" if is_refused else ""
        kind = (record.name, record.levelno, f"{event}{code}")
        with self._lock:
            self._said[kind] += 1
            if self._said[kind] == 1:
                timer = Timer(1.0, self._end_second, (kind,))
                timer.daemon = True
                timer.start()
            return self._said[kind] <= _EACH_SECOND

    def _end_second(self, kind: tuple[str, int, str]) -> None:
        with self._lock:
            omitted = self._said.pop(kind) - _EACH_SECOND
        if omitted > 0:
            name, level, said = kind
            logging.getLogger(name).log(
                level, "%d more lines in a second: %s", omitted, said, extra={"omitted": omitted}
            )


def configure(settings: Settings) -> None:
    """Send all logging of this process to standard error, in one form."""
    shared: list[Any] = [
        structlog.stdlib.add_logger_name,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        join,
        clean,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(Pace())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for name in ("alembic", "uvicorn.error"):  # they tell of each step of a normal start
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def catch_all() -> None:
    """Send there what Python would write by itself: warnings, and what ends a thread or the process."""
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_end
    threading.excepthook = _log_end_of_thread
    sys.unraisablehook = _log_unraisable


def _log_end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Log what ends the process."""
    _LOG.critical("the process ends", exc_info=(kind, error, trace))


def _log_end_of_thread(told: threading.ExceptHookArgs) -> None:
    """Log what ends a thread."""
    if told.exc_type is not SystemExit:
        _LOG.error("a thread ended", exc_info=told.exc_value)


def _log_unraisable(told: Any) -> None:
    """Log what was raised where nobody could catch it."""
    _LOG.error("raised where nobody could catch it", exc_info=told.exc_value)
