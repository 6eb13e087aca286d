"""Defines an operation: one public act or question, with all that routes and clients need of it.

Declared as a method without a body: its signature is what a request carries, its result what the answer
does, its sentence what the published description says. No I/O here: whoever has operations performs them.
"""

from __future__ import annotations

import inspect
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import cached_property, update_wrapper
from types import MethodType
from typing import (
    Any,
    Concatenate,
    Generic,
    ParamSpec,
    TypeVar,
    Unpack,
    get_args,
    get_origin,
    get_type_hints,
    overload,
)
from urllib.parse import quote

from delegation.errors import DelegationError, NotFoundError
from delegation.identity.keyring import PublicRing
from delegation.identity.roles import Role
from delegation.lineage.survey import Counted, Extent
from delegation.messages import answers  # noqa: F401  # the forms of what is answered
from delegation.messages.form import FORMS, Form, extended, form_of, many
from delegation.operations.call import Answer, Call
from delegation.operations.parameters import Parameter, Told, kind_of
from delegation.tokens.token import Token

P = ParamSpec("P")
T = TypeVar("T")
Read = Callable[[Answer], Any]


class Sync(ABC):
    """Whoever performs operations and returns their results."""

    @abstractmethod
    def _perform(self, operation: Operation[Any, T], /, *args: Any, **named: Any) -> T:
        """Perform one."""


class Async(ABC):
    """Whoever performs operations and awaits their results."""

    @abstractmethod
    async def _perform(self, operation: Operation[Any, T], /, *args: Any, **named: Any) -> T:
        """Perform one."""


@dataclass(frozen=True, eq=False, repr=False)
class Operation(Generic[P, T]):
    """One public act or question.

    Args:
        declared: The method without a body.
        method: HTTP method.
        path: Its path under the service's URL, with the names of parameters in braces.
        roles: Who may ask for it; empty is everybody, by design.
        status: How it succeeds.
        member: The member of the answer in which the result stands, or its members if there are several;
            empty if the result is the whole answer.
        following: The field of the last row that a next page is asked for by.
        also: Further members of the answer, for readers, by their types.
        body: The name of the body in the published description.
        is_repeatable: Whether sending it twice does what sending it once does.
        only_asks: Whether it changes nothing although it has a body.
        refuses: Errors that it has beside those that follow from its path and its roles.
        written: What a tracker returns, where clients are given its JSON.
        or_else: Other types of answers that its route has, to what is asked of it in another way.
        elsewhere: Returns the path for some arguments, where it is not always the same.
        of: The operation whose route it asks in another way, if it has none of its own.
        send: Makes what is sent of its arguments, and of those that would be sent each by its name.
        fixed: What is always sent in the query.
        read: Reads the result of an answer that is no JSON.
        media: The media types of such an answer.
        waits: Seconds for which an answer may take longer than usual.
        does: Answers a question of a snapshot and an instant, with the arguments by their names; None
            where whoever performs operations knows how.
        of_log: Whether that snapshot is one of the log, rather than of the records.
    """

    declared: Callable[..., T]
    method: str
    path: str
    roles: tuple[Role, ...]
    status: int = 200
    member: str | tuple[str, ...] = ""
    following: str = ""
    also: Mapping[str, Any] | None = None
    body: str = ""
    is_repeatable: bool = False
    only_asks: bool = False
    refuses: tuple[type[DelegationError], ...] = ()
    written: Any = None
    or_else: tuple[Any, ...] = ()
    elsewhere: Callable[[Mapping[str, Any]], str] | None = None
    of: str = ""
    send: Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]] | None = None
    fixed: Mapping[str, Any] | None = None
    read: Read | None = None
    media: tuple[str, ...] = ()
    waits: float = 0
    does: Callable[..., Any] | None = None
    of_log: bool = False

    @property
    def name(self) -> str:
        """What clients call it, and its id in the published description."""
        return self.declared.__name__

    @property
    def sentence(self) -> str:
        """What it does, without its arguments one by one."""
        said = inspect.cleandoc(self.declared.__doc__ or "")
        return re.split(r"\n\n(?:Args|Raises):", said, maxsplit=1)[0]

    @overload
    def __get__(self, door: None, kind: type) -> Operation[P, T]: ...

    @overload
    def __get__(self, door: Sync, kind: type) -> Callable[P, T]: ...

    @overload
    def __get__(self, door: Async, kind: type) -> Callable[P, Coroutine[Any, Any, T]]: ...

    def __get__(self, door: Sync | Async | None, kind: type) -> Any:
        """Return the method of whoever performs operations; the operation itself of a class."""
        if door is None:
            return self
        return MethodType(self._awaited if isinstance(door, Async) else self._called, door)

    @cached_property
    def _called(self) -> Callable[..., Any]:
        def method(door: Sync, /, *args: Any, **named: Any) -> Any:
            return door._perform(self, *args, **named)  # noqa: SLF001  # what a door is for

        return self._shown(method)

    @cached_property
    def _awaited(self) -> Callable[..., Any]:
        async def method(door: Async, /, *args: Any, **named: Any) -> Any:
            return await door._perform(self, *args, **named)  # noqa: SLF001

        return self._shown(method)

    def _shown(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """Return a method with the name, the sentence and the signature that were declared."""
        shown: Any = update_wrapper(method, self.declared)
        door = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
        own = self.signature
        shown.__signature__ = own.replace(parameters=[door, *own.parameters.values()])
        return method

    def __repr__(self) -> str:
        """Return its name and where it is asked for, for who lists a client's members."""
        return f"<operation {self.name}: {self.method} {self.path}>"

    @cached_property
    def _hints(self) -> dict[str, Any]:
        return self._types(include_extras=True)

    def _types(self, *, include_extras: bool = False) -> dict[str, Any]:
        """Return the types of what is declared; of a typed dictionary of arguments those within."""
        found = get_type_hints(self.declared, localns={"Json": Any}, include_extras=include_extras)
        for name, hint in list(found.items()):
            if get_origin(hint) is Unpack:
                found.pop(name)
                found |= get_type_hints(get_args(hint)[0], include_extras=include_extras)
        return found

    @cached_property
    def signature(self) -> inspect.Signature:
        """The signature as people read it, without whoever performs it."""
        plain = self._types()
        signature = inspect.signature(self.declared)
        own = list(signature.parameters.values())[1:]
        shown = [one.replace(annotation=plain[one.name]) for one in own if one.name in plain]
        # Those of a typed dictionary may all be left out, and come before the others that may.
        many = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=hint)
            for name, hint in plain.items()
            if name not in signature.parameters and name != "return"
        ]
        at = sum(one.kind is not one.KEYWORD_ONLY for one in shown) if many else 0
        shown[at:at] = many
        return signature.replace(parameters=shown, return_annotation=plain["return"])

    @cached_property
    def parameters(self) -> Mapping[str, Parameter]:
        """The arguments by their names in Python."""
        found = {}
        for name, one in self.signature.parameters.items():
            hint = self._hints[name]
            told = Told.of(hint)
            is_rest = one.kind is one.VAR_KEYWORD
            sent = told.sent or kind_of(hint)
            found[name] = Parameter(name, told.name or name, told, sent, one.default, is_rest)
        return found

    @property
    def has_body(self) -> bool:
        """Whether what is not in the path stands in a JSON body, rather than in the query."""
        return self.method == "POST"

    def is_placed(self, parameter: Parameter) -> bool:
        """Return whether a parameter stands in the path."""
        return any(f"{{{parameter.wire}{end}" in self.path for end in ("}", ":path}"))

    def call(self, *args: Any, **named: Any) -> Call:
        """Return the request for some arguments; what is left out or is its default is not sent.

        Raises:
            TypeError: They are not those of the signature.
            MalformedError: A key pair stands where a public key is meant.
        """
        given = self.signature.bind(*args, **named).arguments
        placed: dict[str, str] = {}
        sent: dict[str, Any] = {}
        for name, value in given.items():
            parameter = self.parameters[name]
            if parameter.is_rest:
                sent |= {key: one for key, one in value.items() if one is not None}
            elif self.is_placed(parameter):
                text = str(parameter.sent.send(value, name))
                placed[parameter.wire] = quote(text, safe="/" if parameter.told.is_path else "")
            elif value != parameter.default:
                sent[parameter.wire] = parameter.sent.send(value, name)
        body = sent if self.send is None else dict(self.send(given, sent))
        return Call(
            self.method,
            self._path(given).replace(":path}", "}").format(**placed),
            {**(self.fixed or {}), **({} if self.has_body else _spelled(body))},
            body if self.has_body and (body or self.parameters) else None,
            self.is_repeatable,
            self.waits + float(given.get("wait", 0) if self.waits_for_news else 0),
        )

    def _path(self, given: Mapping[str, Any]) -> str:
        return self.path if self.elsewhere is None else self.elsewhere(given)

    @property
    def waits_for_news(self) -> bool:
        """Whether its argument `wait` is a time in seconds."""
        wait = self.parameters.get("wait")
        return wait is not None and wait.sent.wire is float

    # Answers

    @cached_property
    def result(self) -> Form | None:
        """The form of the result, or of a row of it where that is counted; None if there is nothing."""
        hint = self._hints["return"]
        if hint is type(None):
            return None
        if self.written is not None:
            made = form_of(self.written)
            return Form(made.write, form_of(hint).read, made.schema)
        if get_origin(hint) is Counted:
            return many(form_of(get_args(hint)[0]))
        return form_of(hint) if isinstance(self.member, str) and self.read is None else None

    @cached_property
    def _members(self) -> dict[str, Form]:
        if isinstance(self.member, str):
            return {}
        return dict(zip(self.member, map(form_of, get_args(self._hints["return"])), strict=True))

    def answer(self, result: Any, *, limit: int = 0) -> Any:
        """Return the JSON that answers with a result; `limit` is that of a page."""
        if self._members:
            pairs = zip(self._members.items(), result, strict=True)
            return {name: form.write(one) for (name, form), one in pairs}
        if self.result is None:
            return None
        if not self.member:
            return self.result.write(result)
        body = {str(self.member): self.result.write(result)}
        if self.following:
            body["next"] = getattr(result[-1], self.following) if len(result) == limit else None
        if isinstance(result, Counted):
            body["extent"] = form_of(Extent).write(result.extent)
        return body

    def result_of(self, answer: Answer) -> Any:
        """Return the result of an answer; a token is not verified yet, see `believed`.

        Raises:
            MalformedError, ValueError, KeyError, TypeError, AttributeError: It is another's answer.
        """
        if self.read is not None:
            return self.read(answer)
        if self._members:
            body = answer.json()
            return tuple(form.read(body[name]) for name, form in self._members.items())
        if self.result is None:
            return None
        body = answer.json()
        if not self.member:
            return self.result.read(body)
        rows = self.result.read(body[str(self.member)])
        if get_origin(self._hints["return"]) is Counted:
            return Counted(rows, form_of(Extent).read(body["extent"]))
        return rows

    @cached_property
    def has_token(self) -> bool:
        """Whether a token is in the result, which its receiver verifies with the issuer's keys."""
        hint = self._hints["return"]
        return hint is Token or Token in get_args(hint)

    @staticmethod
    def believed(result: Any, ring: PublicRing) -> Any:
        """Return a result with its token verified."""
        if isinstance(result, tuple):
            return tuple(Operation.believed(one, ring) for one in result)
        return Token.read(result.text, ring) if isinstance(result, Received) else result

    def schema(self) -> dict[str, Any] | None:
        """Return the schema of the answer; None if there is no JSON."""
        own = self._schema()
        return (
            {"anyOf": [own, *(form_of(one).schema for one in self.or_else)]}
            if self.or_else
            else own
        )

    def _schema(self) -> dict[str, Any] | None:
        more = {name: form_of(kind).schema for name, kind in (self.also or {}).items()}
        if self._members:
            parts = {name: form.schema for name, form in self._members.items()}
        elif self.result is None:
            return None
        elif not self.member:
            return extended(self.result.schema, more) if more else self.result.schema
        else:
            parts = {str(self.member): self.result.schema}
        if self.following:
            parts["next"] = form_of((int if self.following == "sequence" else str) | None).schema
        if get_origin(self._hints["return"]) is Counted:
            parts["extent"] = form_of(Extent).schema
        parts |= more
        return {"type": "object", "properties": parts, "required": sorted(parts)}

    def problems(self) -> tuple[type[DelegationError], ...]:
        """Return the errors that it has by itself, beside those of its roles."""
        placed = any(self.is_placed(one) for one in self.parameters.values())
        return (*((NotFoundError,) if placed else ()), *self.refuses)


def get(
    path: str, roles: tuple[Role, ...], **said: Any
) -> Callable[[Callable[Concatenate[Any, P], T]], Operation[P, T]]:
    """Declare a question; what it is told stands in its path and its query."""
    return lambda declared: Operation(declared, "GET", path, roles, is_repeatable=True, **said)


def post(
    path: str, roles: tuple[Role, ...], **said: Any
) -> Callable[[Callable[Concatenate[Any, P], T]], Operation[P, T]]:
    """Declare an act, or a question with a body; what it is told stands in its path and its body."""
    return lambda declared: Operation(declared, "POST", path, roles, **said)


def delete(
    path: str, roles: tuple[Role, ...], **said: Any
) -> Callable[[Callable[Concatenate[Any, P], T]], Operation[P, T]]:
    """Declare an act that takes something away, with nothing to answer."""
    return lambda declared: Operation(declared, "DELETE", path, roles, status=204, **said)


def _spelled(query: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in query.items()
    }


@dataclass(frozen=True, slots=True)
class Received:
    """A token's text that nobody has verified yet."""

    text: str


FORMS[Token] = Form(
    lambda token: token.text, lambda text: Received(form_of(str).read(text)), form_of(str).schema
)
