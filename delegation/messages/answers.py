"""Answers to reviewers' questions as JSON, and back: every field by its name, nothing that holds a secret."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from delegation.authority.grant import Grant
from delegation.cancellation import look
from delegation.canonical import Json, b64u, unb64u
from delegation.errors import MalformedError
from delegation.judge.facts import Subject
from delegation.lineage.entry import DecisionEntry, LinkEntry, TaskEntry
from delegation.lineage.feed import Revocation
from delegation.lineage.risk import FORMULA, Risk
from delegation.messages.standing import change_json, read_change
from delegation.messages.values import (
    decision_entry_json,
    link_json,
    read_decision_entry,
    read_link,
    read_task,
    task_json,
)

T = TypeVar("T")


def answer_json(value: Any) -> Json:
    """Return an answer's JSON.

    Raises:
        TypeError: It holds something that has no form in an answer.
    """
    match value:
        case None | bool() | int() | str():
            return value
        case bytes():
            return b64u(value)
        case LinkEntry():
            return link_json(value)
        case TaskEntry():
            return task_json(value)
        case DecisionEntry():
            return decision_entry_json(value)
        case Grant():
            return value.to_json()
        case Revocation():
            return change_json(value)
        case Subject():
            return {"kind": value.kind, "id": value.id}
        case Mapping():
            return {str(name): answer_json(item) for name, item in value.items()}
        case list() | tuple():
            return [answer_json(item) for item in value]
    if not is_dataclass(value) or isinstance(value, type):
        raise TypeError(type(value).__name__)
    look()
    body = {field.name: answer_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Risk):
        body |= {"score": value.score, "sum": value.sum, "formula": FORMULA}
    return body


_READ: Final[Mapping[object, Callable[[Any], object]]] = {
    LinkEntry: read_link,
    TaskEntry: read_task,
    DecisionEntry: read_decision_entry,
    Revocation: read_change,
    Grant: Grant.from_json,
    Subject: lambda body: Subject(body["kind"], body["id"]),
    bytes: unb64u,
}


def read_answer(kind: type[T], body: object) -> T:
    """Return the answer that its JSON states; what `answer_json` adds for readers is passed over.

    Args:
        kind: The answer's class.
        body: What the service wrote.

    Raises:
        MalformedError: It is something else.
    """
    try:
        return cast("T", _read(kind, body))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise MalformedError("An answer", wanted="as the service writes it") from error


def _read(kind: Any, body: Any) -> object:
    """Return the value of a type hint; a value of another type is a TypeError."""
    if kind in _READ:
        return _READ[kind](body)
    origin, inside = get_origin(kind), get_args(kind)
    if origin in {Union, UnionType}:  # of one type and null
        (given,) = (one for one in inside if one is not NoneType)
        return None if body is None else _read(given, body)
    if origin is Literal:
        if body not in inside:
            raise TypeError(kind)
        return body
    if origin is tuple:
        if not isinstance(body, list):
            raise TypeError(kind)
        kinds = (inside[0],) * len(body) if inside[1:] == (Ellipsis,) else inside
        return tuple(_read(one, item) for one, item in zip(kinds, body, strict=True))
    if origin is not None:  # a mapping from texts
        return {str(name): _read(inside[1], item) for name, item in body.items()}
    if is_dataclass(kind):
        hints = _hints(cast("type", kind))
        return cast("Any", kind)(**{name: _read(hint, body[name]) for name, hint in hints.items()})
    plain = getattr(kind, "__supertype__", kind)  # ids are texts of their own name
    if type(body) is not plain:
        raise TypeError(kind)
    return body


@lru_cache(maxsize=128)
def _hints(kind: type) -> Mapping[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}
