"""Reads and writes an operation's parameters: how each type of argument stands in a request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import or_
from types import GenericAlias, NoneType
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from delegation.authority.access import Access
from delegation.authority.catalogue import Tool
from delegation.authority.grant import Grant
from delegation.canonical import Json, b64u
from delegation.commands.open_child import Opening
from delegation.identity.principal import PublicKey, public_key
from delegation.judge.in_process import Holder
from delegation.judge.limits import Limits
from delegation.lineage.entry import TaskEntry
from delegation.tokens.token import Token


class Told:
    """What is said of a parameter beside its type.

    Args:
        said: What it means, for readers of the published description.
        name: What the request calls it, if not so.
        wire: Its type in a request, if not the one that follows from its own.
        sent: How it stands in a request, if not as its type does.
        is_path: Whether it takes several segments of the path.
        bounds: What a request may hold there, in Pydantic's words: `max_length`, `ge` and so on.
    """

    def __init__(
        self,
        said: str = "",
        /,
        *,
        name: str = "",
        wire: Any = None,
        sent: Sent | None = None,
        is_path: bool = False,
        **bounds: Any,
    ) -> None:
        """Say it."""
        self.said, self.name, self.wire = said, name, wire
        self.sent, self.is_path, self.bounds = sent, is_path, bounds

    @classmethod
    def of(cls, hint: Any) -> Told:
        """Return what a type hint says; a hint of a lower room says a range alone."""
        for said in hint.__metadata__ if get_origin(hint) is Annotated else ():
            if isinstance(said, Told):
                return said
            if isinstance(said, range):
                return cls(ge=said.start, le=said.stop - 1)
        return cls()


@dataclass(frozen=True, slots=True)
class Sent:
    """How arguments of one type stand in a request.

    Args:
        wire: Their type there.
        send: Writes one, given the parameter's name.
        take: Reads one, given a name for whoever holds it.
    """

    wire: Any
    send: Callable[[Any, str], Any]
    take: Callable[[Any, str], Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of an operation.

    Args:
        name: What Python calls it.
        wire: What a request calls it.
        told: What is said of it.
        sent: How it stands in a request.
        default: What is meant where it is left out; `inspect.Parameter.empty` where it never is.
        is_rest: Whether it stands for all others by their names.
    """

    name: str
    wire: str
    told: Told
    sent: Sent
    default: Any
    is_rest: bool = False


def partial(grant: Grant) -> dict[str, Json]:
    """Return a grant's JSON without its unset fields, for the service to fill in."""
    return {name: value for name, value in grant.to_json().items() if name not in grant.unset}


def _json(value: Any, _: str) -> Any:
    return value.to_json()


def _as_it_is(value: Any, _: str) -> Any:
    return value


_OBJECT: Final = dict[str, Any]
KINDS: Final[Mapping[object, Sent]] = {
    Grant: Sent(
        _OBJECT,
        lambda grant, _: partial(grant),
        lambda body, _: Grant.from_json(body, partial=True),
    ),
    Tool: Sent(_OBJECT, _json, lambda body, _: Tool.from_json(body)),
    Opening: Sent(_OBJECT, _json, lambda body, _: Opening.from_json(body)),
    Access: Sent(_OBJECT, _json, _as_it_is),
    Limits: Sent(dict[str, int], _json, lambda body, _: Limits.from_json(body)),
    PublicKey: Sent(
        str,
        lambda key, name: public_key(name, key).text,
        lambda text, name: PublicKey.from_text(name, text),
    ),
    Token: Sent(str, lambda token, _: token.text, _as_it_is),
    TaskEntry: Sent(str, lambda task, _: task.id, _as_it_is),
    Holder: Sent(_OBJECT, lambda one, _: {"key": b64u(one.key), "name": one.name}, _as_it_is),
}


@lru_cache(maxsize=512)
def kind_of(hint: Any) -> Sent:
    """Return how arguments of a type hint stand in a request."""
    if hint in KINDS:
        return KINDS[hint]
    origin, inside = get_origin(hint), get_args(hint)
    if origin is Annotated:
        sent, wire = kind_of(inside[0]), Told.of(hint).wire
        return sent if wire is None else Sent(wire, sent.send, sent.take)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return Sent(GenericAlias(dict, inside), lambda value, _: dict(value), _as_it_is)
    if isinstance(origin, type) and issubclass(origin, Iterable):
        return _listed(kind_of(inside[0]))
    if inside and origin is not Literal:
        return _one_of(inside)
    return Sent(getattr(hint, "__supertype__", hint), _as_it_is, _as_it_is)


def _listed(item: Sent) -> Sent:
    return Sent(
        GenericAlias(list, (item.wire,)),
        lambda values, name: [item.send(one, name) for one in values],
        lambda values, name: [item.take(one, name) for one in values],
    )


def _one_of(inside: tuple[Any, ...]) -> Sent:
    """Return how a union stands: nothing as nothing, and values of none of our types as they are."""
    kinds = {one: kind_of(one) for one in inside if one is not NoneType}
    wires = dict.fromkeys(sent.wire for sent in kinds.values())
    if NoneType in inside:
        wires[None] = None
    wire = reduce(or_, wires)
    if len(kinds) == 1:
        (only,) = kinds.values()
        return Sent(
            wire,
            lambda value, name: None if value is None else only.send(value, name),
            lambda value, name: None if value is None else only.take(value, name),
        )

    def send(value: Any, name: str) -> Any:
        own = next((one for one in kinds if one in KINDS and isinstance(value, one)), None)
        return value if own is None else KINDS[own].send(value, name)

    return Sent(wire, send, _as_it_is)


MAX_NUMBER = 2**53
Limit = Annotated[int, Told(ge=1, le=1000)]
After = Annotated[int, Told(ge=0, le=MAX_NUMBER)]
At = Annotated[
    int | None, Told("A past instant, Unix seconds; else the present.", ge=0, le=MAX_NUMBER)
]
Name = Annotated[str, Told(min_length=1, max_length=2048)]
