"""Makes a route of each declared operation: its parameters, roles, answer, problems and id.

What a route does is what the tracker's method of the same name does, unless a function is given that
answers in its place.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends, Path, Query, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field, create_model
from starlette.types import Receive, Scope

from delegation.canonical import Json
from delegation.commands.work import ApiKey
from delegation.identity.roles import SERVICES
from delegation.messages import requests
from delegation.operations.operation import Operation
from delegation.operations.parameters import Parameter
from delegation.tracker import Tracker
from delegation.tracker.acting import Acting
from delegation_api.asking import ends_with_client
from delegation_api.auth import KeyCache, RoleGate, TrackerDep, authorized
from delegation_api.limits import EXACT, UnfitBodyError, parse_body
from delegation_api.openapi import described

Serve = Callable[["Asked"], Any]
EMPTY: Final = inspect.Parameter.empty
_BODIES: Final[dict[str, type[BaseModel]]] = {}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for an operation.

    Args:
        tracker: What answers.
        request: As it came.
        by: The caller's API key; None where the operation is public.
        given: The arguments by their names in Python, those that were left out as they are by default.
        more: Parameters of the route that are none of the operation's.
    """

    tracker: Tracker
    request: Request
    by: ApiKey | None
    given: dict[str, Any]
    more: dict[str, Any]

    @property
    def caller(self) -> ApiKey:
        """The caller's API key, of an operation that is not public."""
        if self.by is None:
            raise AssertionError
        return self.by


def mount(
    router: APIRouter,
    operation: Operation[Any, Any],
    serve: Serve | None = None,
    *,
    body: type[BaseModel] | None = None,
    **more: Any,
) -> None:
    """Add the route of an operation.

    Args:
        router: Where to.
        operation: What is asked.
        serve: Answers instead of the tracker's method, with JSON or a response.
        body: The body's model, where it is not one member for each parameter.
        **more: Further parameters of the route, as FastAPI reads them.
    """
    answer = serve or _by_tracker(operation)
    parameters = [*_parameters(operation, body), *(_keyword(n, t, d) for n, (t, d) in more.items())]
    is_async = inspect.iscoroutinefunction(answer)

    def asked(named: dict[str, Any]) -> Asked:
        tracker, request, by = named.pop("tracker_"), named.pop("request_"), named.pop("by_")
        sent = named.pop("body_", None)
        others = {name: named.pop(name) for name in more}
        if sent is not None:
            named |= {name: getattr(sent, name) for name in type(sent).model_fields}
        return Asked(tracker, request, by, named if body else _taken(operation, named), others)

    async def later(**named: Any) -> Any:
        return await answer(asked(named))

    def now(**named: Any) -> Any:
        return answer(asked(named))

    endpoint: Any = later if is_async else now
    endpoint.__signature__ = inspect.Signature(parameters)
    endpoint.__name__ = operation.name
    endpoint.__doc__ = operation.sentence
    router.add_api_route(
        operation.path,
        endpoint,
        methods=[operation.method],
        status_code=operation.status,
        response_model=None,
        operation_id=operation.name,
        dependencies=[Depends(ends_with_client)] if operation.only_asks else [],
        **described(operation),
    )


def mount_all(
    router: APIRouter,
    noun: type,
    *,
    but: Sequence[str] = (),
    bodies: Mapping[str, type[BaseModel]] | None = None,
    **served: Serve,
) -> None:
    """Add the routes of all operations that a class declares, in its order.

    Args:
        router: Where to.
        noun: What declares them; those that are asked at another's route are passed over.
        but: Names of those that are mounted otherwise.
        bodies: Models of bodies, by the operation's name.
        **served: What answers instead of the tracker's method, by the operation's name.

    Raises:
        ValueError: A name is none of an operation: what was meant would be answered otherwise.
    """
    if unknown := {*but, *served, *(bodies or {})} - vars(noun).keys():
        raise ValueError(unknown)
    for name, operation in vars(noun).items():
        if isinstance(operation, Operation) and not operation.of and name not in but:
            mount(router, operation, served.get(name), body=(bodies or {}).get(name))


def _by_tracker(operation: Operation[Any, Any]) -> Serve:
    """Return what asks the tracker on the caller's behalf."""

    def answer(asked: Asked) -> Any:
        acting = Acting(asked.tracker, asked.by or "", "")
        result = acting.result_of(operation, **asked.given)
        return operation.answer(result, limit=asked.given.get("limit", 0))

    return answer


def _annotated(kind: Any, said: object) -> Any:
    return Annotated[kind, said]


def given_of(parameters: Mapping[str, tuple[Any, Any]]) -> Any:
    """Return what FastAPI hands on of these parameters, each of a type and with a default.

    Those that are given are handed on by name; those that are their default are left out.
    """

    def given(**found: Any) -> dict[str, Any]:
        return {n: value for n, value in found.items() if value != parameters[n][1]}

    endpoint: Any = given
    told = [_keyword(name, kind, default) for name, (kind, default) in parameters.items()]
    endpoint.__signature__ = inspect.Signature(told)
    return Depends(given)


def _keyword(name: str, kind: Any, default: Any = EMPTY) -> inspect.Parameter:
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, keyword, annotation=kind, default=default)


def _parameters(
    operation: Operation[Any, Any], body: type[BaseModel] | None
) -> list[inspect.Parameter]:
    gate = Annotated[ApiKey | None, Depends(RoleGate(operation.roles))]
    found = [_keyword("tracker_", TrackerDep), _keyword("request_", Request), _keyword("by_", gate)]
    inside = []
    for parameter in operation.parameters.values():
        if operation.is_placed(parameter):
            kind = _annotated(parameter.sent.wire, Path(**parameter.told.bounds))
            found.append(_keyword(parameter.wire, kind))
        elif parameter.is_rest:
            continue
        elif operation.has_body:
            inside.append(parameter)
        else:
            said = {**parameter.told.bounds, "description": parameter.told.said or None}
            kind = _annotated(parameter.sent.wire, Query(**said))
            found.append(_keyword(parameter.wire, kind, parameter.default))
    if operation.has_body and (body or inside):
        found.append(_keyword("body_", _annotated(body or _body(operation, inside), Body())))
    return found


def _body(operation: Operation[Any, Any], inside: list[Parameter]) -> type[BaseModel]:
    """Return the model of a body: one member for each parameter."""
    name = operation.body or "".join(map(str.title, operation.name.split("_"))) + "Body"
    if name not in _BODIES:
        members: dict[str, Any] = {
            one.wire: (
                one.sent.wire,
                Field(description=one.told.said or None, **_default(one), **one.told.bounds),
            )
            for one in inside
        }
        _BODIES[name] = create_model(name, __base__=requests.Body, **members)
    return _BODIES[name]


def _default(parameter: Parameter) -> dict[str, Any]:
    if parameter.default is EMPTY:
        return {}
    return {"default_factory": list} if parameter.default == () else {"default": parameter.default}


def _taken(operation: Operation[Any, Any], named: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments in Python; a key is held by whoever is named beside it."""
    given = {}
    for name, parameter in operation.parameters.items():
        if parameter.wire in named:
            holder = str(named.get("name", "holder"))
            given[name] = parameter.sent.take(named[parameter.wire], holder)
    return given


class _ReadRequest(Request):
    """A request whose body was read already."""

    def __init__(self, scope: Scope, receive: Receive, body: bytes, value: Json) -> None:
        super().__init__(scope, receive)
        self._read = body, value

    async def body(self) -> bytes:
        """Return the bytes."""
        return self._read[0]

    async def json(self) -> Any:
        """Return the value; the reader of the standard library would round its numbers."""
        return self._read[1]


class ExactRoute(APIRoute):
    """A route that reads an access exactly, once a service's key was shown: to refuse costs less."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, given a request that is read so."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            if request.scope["path"] in EXACT:
                header = request.headers.get("authorization", "").encode("latin-1")
                keys: KeyCache = request.app.state.keys
                authorized(keys.held(header) or await keys.find(header), SERVICES)
                body = await request.body()
                try:
                    value = parse_body(body, request.scope["path"]) if body else None
                except UnfitBodyError as unfit:
                    return unfit.answer
                request = _ReadRequest(request.scope, request.receive, body, value)
            return await inner(request)

        return handle
