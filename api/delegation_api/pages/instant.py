"""`?at=` of a page: a past instant, as people and permalinks write it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import Depends, Query

from delegation.errors import MalformedError

_SECONDS: Final = re.compile(r"[0-9]{1,11}")


def read_instant(at: Annotated[str, Query(max_length=40)] = "") -> int | None:
    """Return Unix seconds of `2026-11-25T22:00:00Z` or of a number; None for the present.

    Raises:
        MalformedError: It is neither.
    """
    if not at:
        return None
    if _SECONDS.fullmatch(at):
        return int(at)
    try:
        given = datetime.fromisoformat(at)
    except ValueError as error:
        raise MalformedError("at", wanted="an instant such as 2026-11-25T22:00:00Z") from error
    if given.tzinfo is None:
        given = given.replace(tzinfo=UTC)
    return int(given.timestamp())


AtDep = Annotated[int | None, Depends(read_instant)]
