"""Posted forms: one value for each name, urlencoded and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from fastapi import Request

from delegation.errors import MalformedError

_MEDIA: Final = "application/x-www-form-urlencoded"
MAX_FIELDS: Final = 64


async def form_of(request: Request) -> Mapping[str, str]:
    """Return a form's fields; the body's size is bounded for the whole service.

    Raises:
        MalformedError: Another content type, text that is no UTF-8, too many fields, or one twice.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _MEDIA:
        raise MalformedError("The form", wanted=_MEDIA)
    try:
        fields = parse_qsl(
            (await request.body()).decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError as error:
        raise MalformedError(
            "The form", wanted=f"at most {MAX_FIELDS} urlencoded fields"
        ) from error
    if len({name for name, _ in fields}) != len(fields):
        raise MalformedError("The form", wanted="each field once")
    return dict(fields)
