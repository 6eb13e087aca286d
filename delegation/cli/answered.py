"""What came back as JSON, held to the form that the service writes; whoever answers may not be it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from delegation.errors import ServiceError


def as_written(found: dict[str, Any]) -> dict[str, Any]:
    """Return an inspection if it has the form that the service writes; whoever answers may not be it.

    Raises:
        ServiceError: It has another form.
    """
    try:
        denial, links, entries = found["denial"], found["links"], found["recorded"]
        right = isinstance(found["format"], str) and len(links) == len(entries)
        for link, entry in zip(links, entries, strict=False):
            right = right and isinstance(link["id"], str) and isinstance(link["holder_name"], str)
            right = right and type(link["grant"]["expires_at"]) is int
            right = right and (entry is None or isinstance(entry["standing"], str))
        if denial is not None:
            texts = (denial["code"], denial["message"], denial["remedy"])
            right = right and type(denial["step"]) is int and all(type(t) is str for t in texts)
    except (KeyError, TypeError):
        right = False
    if not right:
        raise ServiceError(
            200, "answer_malformed", "Something else came back than the service writes."
        )
    return found


@contextmanager
def as_answered() -> Iterator[None]:
    """Turn an answer that lacks what the service writes into an error; whoever answers may not be it.

    Raises:
        ServiceError: It does.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise ServiceError(
            200, "answer_malformed", "Something else came back than the service writes."
        ) from error
