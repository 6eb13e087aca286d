"""Logs one line for one event, JSON or text, without tokens, proofs, keys or arguments."""

from __future__ import annotations

import logging
import re
import sys
from collections import Counter
from collections.abc import MutableMapping
from threading import Lock, Timer
from typing import Any, Final

import structlog

from delegation_api.settings import Settings

# The last net: whatever looks like a token, a proof or an API key does not reach a log line.
_EACH_SECOND: Final = 20  # lines of one kind, of warnings and worse
_SECRETS: Final = re.compile(
    r"dct\.[bm]1\.[A-Za-z0-9_.-]+|dk_[A-Za-z0-9_-]{8,}|ey[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_.-]+"
)


def clean(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace what looks like a secret in every text of an event."""
    for name, value in event.items():
        if isinstance(value, str) and _SECRETS.search(value):
            event[name] = _SECRETS.sub("<removed>", value)
    return event


class Pace(logging.Filter):
    """Lets a few warnings of one kind through in a second, and one line that counts the others.

    A kind is what the program says, not what a caller sent: the logger, the level and the sentence.
    Lines below a warning are not counted: whoever asks for each request has each.
    """

    def __init__(self) -> None:
        """Begin with nothing said."""
        super().__init__()
        self._lock = Lock()
        self._said: Counter[tuple[str, int, str]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a line is written."""
        if record.levelno < logging.WARNING or hasattr(record, "omitted"):
            return True
        said = record.msg
        kind = (
            record.name,
            record.levelno,
            str(said.get("event") if isinstance(said, dict) else said),
        )
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
