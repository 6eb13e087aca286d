"""Makes a tool's definition from a function's type hints: `@tool(...)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ParamSpec, Protocol, TypeVar, cast

from delegation.authority.argument import Argument
from delegation.authority.arguments import parse_type
from delegation.authority.catalogue import Tool
from delegation.authority.hints import parameters_of, type_json

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
    cost: Mapping[str, int | str | None] | None = None,
    aliases: tuple[str, ...] = (),
) -> Callable[[Callable[P, R_co]], ToolFunction[P, R_co]]:
    """Give a function a tool's definition, made from its parameters.

    What FastAPI takes, it takes: plain types, `Literal`, `Enum`, `UUID`, `datetime`, lists and sets,
    dataclasses, TypedDicts, Pydantic models, and bounds in `Annotated`. A parameter with a default is
    optional; one with `| None` is nullable, and null reaches the function as None. Unions and dicts
    are free JSON, bounded in size. `Annotated[str, "email"]` names another type (`line` for a subject
    or a header's value), or gives one.

    The function is not wrapped: calling it checks nothing. Register its `.tool`, put a guard before
    it, and call it with `handed(function, decision.arguments)`.

    Args:
        name: Dotted tool name; the function's name if left out.
        effect: What a call does: read, write, delete, admin or actuate.
        system: See `Tool`, as all below.
        domain: Business domain.
        labels: What a call brings into a task's history.
        sensitivity: 0 to 3.
        resource: Template of the resources a call touches.
        cost: Units by name.
        aliases: Names that it has elsewhere.

    Raises:
        MalformedError: A parameter has no hint, or one that no argument type stands for (a callable,
            `*args`), or a bound that none keeps.
    """

    def define(function: Callable[P, R_co]) -> ToolFunction[P, R_co]:
        made = Tool(
            name or function.__name__,
            effect=effect,
            arguments={
                key: Argument(parse_type(type_json(key, hint)), is_required)
                for key, (hint, is_required) in parameters_of(function).items()
            },
            system=system,
            domain=domain,
            labels=labels,
            sensitivity=sensitivity,
            resource=resource,
            cost=cost,
            aliases=aliases,
        )
        carrier = cast("ToolFunction[P, R_co]", function)
        carrier.tool = made
        return carrier

    return define
