"""Lists the names of argument types by what their values have in common, for whoever asks of a type."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

NUMBERS: Final = frozenset({"integer", "decimal", "number", "money"})
FREE_TEXTS: Final = frozenset({"text", "line", "identifier", "opaque", "segment"})
"""Texts that are measured in characters, and that patterns match by segment."""
TEXTS: Final = FREE_TEXTS | {"date", "datetime", "email", "host", "path", "relative_path", "url"}
"""Types whose values are text wherever they stand."""
KINDS_OF: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        **dict.fromkeys(NUMBERS, frozenset({"number"})),
        **dict.fromkeys(("argv", "list"), frozenset({"list"})),
        **dict.fromkeys(("map", "object"), frozenset({"object"})),
        "boolean": frozenset({"boolean"}),
        "decimal": frozenset({"number", "text"}),
    }
)
"""The kinds of JSON that a type reads, where that is not text alone."""
STATED_AS: Final[Mapping[str, str]] = MappingProxyType(
    {"integer": "integer", "money": "integer", "number": "number", "boolean": "boolean"}
)
"""How a text in a URL is read that states a value of a type, where not as text."""
