"""Query parameters of listings: pages, instants, and the refusal of names that nobody declared."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, Final, TypeVar

from fastapi import Query, Request
from fastapi.dependencies.models import Dependant

from delegation.errors import MalformedError, NotFoundError

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
