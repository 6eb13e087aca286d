"""Parameters that many questions have: pages, instants, names."""

from __future__ import annotations

from typing import Annotated

from delegation.operations.parameters import Told

MAX_NUMBER = 2**53
Limit = Annotated[int, Told(ge=1, le=1000)]
After = Annotated[int, Told(ge=0, le=MAX_NUMBER)]
At = Annotated[
    int | None, Told("A past instant, Unix seconds; else the present.", ge=0, le=MAX_NUMBER)
]
Instant = Annotated[int | None, Told(ge=0, le=MAX_NUMBER)]
Name = Annotated[str, Told(min_length=1, max_length=2048)]
