"""Routes exports of any view: at once, or as jobs that belong to the caller who asked."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse

from delegation.errors import MalformedError
from delegation.lineage.selection import MAX_TEXT, Selection
from delegation.messages.answers import answer_json
from delegation.messages.requests import ExportBody
from delegation.operations.exports import Exports
from delegation_api.auth import At
from delegation_api.export_answer import file_answer
from delegation_api.mounting import EMPTY, Asked, given_of, mount, mount_all

router = APIRouter(tags=["exports"])
Text = Annotated[str | None, Query(min_length=1, max_length=MAX_TEXT)]
Flag = Annotated[bool | None, Query()]


_WIRE: Final = {str: Text, bool: Flag, int: At}
# A view refuses those that it does not have.
FiltersDep = Annotated[
    dict[str, Any], given_of({n: (_WIRE[kind], None) for n, kind in Selection.kinds().items()})
]


def _export(asked: Asked) -> Response:
    return file_answer(asked.tracker.export(**asked.given, **asked.more["filters"]))


def _ask(asked: Asked) -> JSONResponse:
    given = asked.given
    filters = _named(given["filters"])
    job = asked.tracker.ask_export(given["view"], given["form"], by=asked.caller.name, **filters)
    return JSONResponse(answer_json(job), 202, {"Location": f"/v1/exports/{job.id}"})


def _file(asked: Asked) -> Response:
    return file_answer(asked.tracker.export_file(asked.given["job"], by=asked.caller.name))


def _named(filters: dict[str, Any]) -> dict[str, Any]:
    """Return filters that cannot be taken for something else than filters.

    Raises:
        MalformedError: One is called like what says who asks, or what for.
    """
    if filters.keys() & {"by", "view", "form"}:
        raise MalformedError("The filters", wanted="those that the view has")
    return filters


mount(router, Exports.export, _export, filters=(FiltersDep, EMPTY))
mount_all(
    router, Exports, but=("export",), bodies={"ask_export": ExportBody}, ask_export=_ask,
    export_file=_file,
)  # fmt: skip
