"""Says what amounts of money a call's arguments state: with currency and point, as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from delegation.authority.arguments import ArgumentType, ListType, MapType, MoneyType, ObjectType
from delegation.authority.arguments.nullable import inner
from delegation.authority.catalogue import Catalogue
from delegation.canonical import Json


def amounts_of(
    catalogue: Catalogue, tool: str, at: int | None, arguments: Mapping[str, Json] | None
) -> dict[str, str]:
    """Return every amount in a call's canonical arguments, by place: `{"amount": "12.50 USD"}`.

    Args:
        catalogue: All definitions.
        tool: The call's tool; of an unknown one nothing is said.
        at: The catalogue's revision when it was judged.
        arguments: In canonical form; None once they were erased.
    """
    if (defined := catalogue.tool(tool, at)) is None or not arguments:
        return {}
    return {
        place: said
        for name, value in arguments.items()
        if name in defined.arguments
        for place, said in _amounts(name, value, defined.arguments[name].type)
    }


def _amounts(place: str, value: Json, of: ArgumentType) -> Iterator[tuple[str, str]]:
    if isinstance(of := inner(of), MoneyType):
        if type(value) is int:
            yield place, of.shown(value)
    elif isinstance(of, ListType):
        for number, item in enumerate(value if isinstance(value, list) else ()):
            yield from _amounts(f"{place}[{number}]", item, of.of)
    elif isinstance(of, MapType):
        for name, one in value.items() if isinstance(value, dict) else ():
            yield from _amounts(f"{place}.{name}", one, of.of)
    elif isinstance(of, ObjectType):
        members = value if isinstance(value, dict) else {}
        for name, member in of.members.items():
            if name in members:
                yield from _amounts(f"{place}.{name}", members[name], member)
