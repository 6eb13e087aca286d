"""What Pydantic says of its own types: their JSON Schema, with the bounds that its own leaves out."""

from __future__ import annotations

import functools
import sys
from typing import Any, Final

from delegation.authority.documents.numbers import Digits, pattern_of

_EDGES: Final = {
    "ge": "formatMinimum", "gt": "formatExclusiveMinimum",
    "le": "formatMaximum", "lt": "formatExclusiveMaximum",
}  # fmt: skip


def is_pydantic(hint: object) -> bool:
    """Return whether Pydantic alone knows what a type takes."""
    own = ("__pydantic_core_schema__", "__get_pydantic_core_schema__")
    known = any(hasattr(hint, name) for name in own)
    return known or str(getattr(hint, "__module__", "")).split(".")[0] == "pydantic"


def adapter(hint: object) -> Any | None:
    """Return what Pydantic makes of a hint; None where nobody imported it: no hint is its own then."""
    pydantic = sys.modules.get("pydantic")
    return None if pydantic is None else pydantic.TypeAdapter(hint)


def schema_of(hint: object) -> dict[str, Any]:
    """Return the JSON Schema of what one of Pydantic's types takes, by the names that a call uses.

    Beside what Pydantic writes itself it has the digits of decimals and the ends of times, which no
    keyword of JSON Schema says (`formatMinimum` and its like).

    Args:
        hint: A type that is Pydantic's (`is_pydantic`).
    """
    found: dict[str, Any] = adapter(hint).json_schema(  # type: ignore[union-attr]  # it is imported
        by_alias=True, mode="validation", schema_generator=_generator()
    )
    return found


@functools.cache
def _generator() -> Any:
    base: Any = sys.modules["pydantic"].json_schema.GenerateJsonSchema

    class Generator(base):  # type: ignore[misc]  # of a package that need not be there
        """Writes the bounds too that Pydantic does not write."""

        def decimal_schema(self, schema: Any) -> Any:
            """Return a number or its text, whose pattern says how many digits it has."""
            made = super().decimal_schema(schema)
            digits = Digits(schema.get("decimal_places"), schema.get("max_digits"))
            for branch in made.get("anyOf", [made]):
                if branch.get("type") == "string":
                    branch["pattern"] = pattern_of(digits)
            return made

        def date_schema(self, schema: Any) -> Any:
            """Return a date with its ends."""
            return _edged(super().date_schema(schema), schema)

        def datetime_schema(self, schema: Any) -> Any:
            """Return a moment with its ends."""
            return _edged(super().datetime_schema(schema), schema)

        def time_schema(self, schema: Any) -> Any:
            """Return a time of day with its ends."""
            return _edged(super().time_schema(schema), schema)

        def timedelta_schema(self, schema: Any) -> Any:
            """Return a duration with its ends."""
            return _edged(super().timedelta_schema(schema), schema)

    return Generator


def _edged(made: dict[str, Any], schema: Any) -> dict[str, Any]:
    edges = {name: str(schema[key]) for key, name in _EDGES.items() if key in schema}
    if schema.get("now_op") is not None:
        edges["formatMaximum" if schema["now_op"] == "past" else "formatMinimum"] = "now"
    return {**made, **edges}
