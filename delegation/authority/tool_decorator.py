"""`@tool(...)`: a tool's definition from a function's type hints."""

from __future__ import annotations

import dataclasses
import inspect
import types
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import (
    Annotated,
    Any,
    Literal,
    ParamSpec,
    Protocol,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from delegation.authority.argument import Argument
from delegation.authority.arguments import (
    ArgumentType,
    BooleanType,
    BytesType,
    DecimalType,
    EnumType,
    IntegerType,
    ListType,
    ObjectType,
    TextType,
    parse_type,
)
from delegation.authority.catalogue import Tool
from delegation.errors import MalformedError

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)


class ToolFunction(Protocol[P, R_co]):
    """A function that carries the definition of the tool it implements."""

    tool: Tool

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Call the function."""


def tool(
    name: str | None = None,
    *,
    effect: str,
    system: str = "",
    domain: str = "",
    labels: tuple[str, ...] = (),
    sensitivity: int = 0,
    resource: str | None = None,
    cost: Mapping[str, int | str] | None = None,
) -> Callable[[Callable[P, R_co]], ToolFunction[P, R_co]]:
    """Give a function a tool's definition, made from its parameters.

    `str` is text, `int` an integer, `bool` a boolean, `Decimal` a decimal, `bytes` bytes, `Literal`
    an enum, `list[...]` a list, a dataclass or TypedDict an object; `Annotated[str, "email"]` names
    another type (`url`, `host`, `path`, `opaque`) or gives one. A parameter with a default is optional.

    The function is not wrapped: calling it checks nothing. Register its `.tool` and put a guard
    before it.

    Args:
        name: Dotted tool name; the function's name if left out.
        effect: What a call does: read, write, delete, admin or actuate.
        system: See `Tool`, as all below.
        domain: Business domain.
        labels: What a call brings into a task's history.
        sensitivity: 0 to 3.
        resource: Template of the resources a call touches.
        cost: Units by name.

    Raises:
        MalformedError: A parameter has no hint, or one that no argument type stands for (`float`,
            a union, `*args`).
    """

    def define(function: Callable[P, R_co]) -> ToolFunction[P, R_co]:
        made = Tool(
            name or function.__name__,
            effect=effect,
            arguments=_arguments(function),
            system=system,
            domain=domain,
            labels=labels,
            sensitivity=sensitivity,
            resource=resource,
            cost=cost,
        )
        carrier = cast("ToolFunction[P, R_co]", function)
        carrier.tool = made
        return carrier

    return define


def _arguments(function: Callable[..., object]) -> dict[str, Argument]:
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError) as error:
        raise MalformedError("A tool's hints", wanted="resolvable types") from error
    found = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
            raise MalformedError(f"The parameter {parameter.name}", wanted="a named parameter")
        if parameter.name not in hints:
            raise MalformedError(f"The parameter {parameter.name}", wanted="a type hint")
        hint, is_nullable = _without_none(hints[parameter.name])
        is_required = parameter.default is parameter.empty and not is_nullable
        found[parameter.name] = Argument(type_of(parameter.name, hint), is_required)
    return found


def _without_none(hint: object) -> tuple[object, bool]:
    """Return the hint without None, and whether None was in it."""
    if get_origin(hint) not in {Union, types.UnionType}:
        return hint, False
    rest = [part for part in get_args(hint) if part is not type(None)]
    return (rest[0], True) if len(rest) == 1 else (hint, False)


_PLAIN: dict[object, ArgumentType] = {
    str: TextType(),
    int: IntegerType(),
    bool: BooleanType(),
    Decimal: DecimalType(),
    bytes: BytesType(),
}


def type_of(name: str, hint: object) -> ArgumentType:
    """Return the argument type that a hint stands for.

    Raises:
        MalformedError: It stands for none.
    """
    if isinstance(hint, type) and hint in _PLAIN:
        return _PLAIN[hint]
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _annotated(name, parts)
    if origin is Literal and all(type(part) is str for part in parts):
        return EnumType(tuple(parts))
    if origin is list and len(parts) == 1:
        return ListType(type_of(name, parts[0]))
    fields = _fields(hint)
    if fields is None:
        raise MalformedError(f"The parameter {name}", wanted="a hint with an argument type")
    return ObjectType({key: type_of(name, part) for key, part in fields.items()})


def _annotated(name: str, parts: tuple[Any, ...]) -> ArgumentType:
    for note in parts[1:]:
        if isinstance(note, str | dict):
            return parse_type(note)
        if hasattr(note, "canonicalise"):
            return cast("ArgumentType", note)
    return type_of(name, parts[0])


def _fields(hint: object) -> dict[str, object] | None:
    """Return an object's fields by name, `?` behind those that may be left out."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        hints = get_type_hints(hint, include_extras=True)
        return {
            field.name
            + ("" if field.default is field.default_factory is dataclasses.MISSING else "?"): hints[
                field.name
            ]
            for field in dataclasses.fields(hint)
        }
    if is_typeddict(hint):
        required = cast("frozenset[str]", hint.__required_keys__)  # type: ignore[attr-defined]
        hints = get_type_hints(hint, include_extras=False)
        return {key + ("" if key in required else "?"): part for key, part in hints.items()}
    return None
