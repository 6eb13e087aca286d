"""Options that state a grant: a file, or its common fields one by one. What is left out stays unset."""

from __future__ import annotations

import re
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer

from delegation import canonical
from delegation.authority.capability_text import read_capability
from delegation.authority.grant import Grant
from delegation.canonical import Json
from delegation.cli.console import USAGE, fail, read_text
from delegation.errors import MalformedError

GrantOption = Annotated[
    str | None,
    typer.Option("--grant", help="File with a grant's fields, JSON or TOML, or -; see caveats."),
]
MayOption = Annotated[
    list[str] | None,
    typer.Option("--may", help='Like mail.send(to=email("acme.example")); repeatable.'),
]
AudienceOption = Annotated[
    list[str] | None, typer.Option("--audience", help="Service that may act on it; repeatable.")
]
BudgetOption = Annotated[
    list[str] | None, typer.Option("--budget", help="UNIT=NUMBER, such as calls=3; repeatable.")
]
DelegationsOption = Annotated[
    int | None, typer.Option("--delegations", help="How many further links may follow.")
]
LastsOption = Annotated[int | None, typer.Option("--lasts", help="Seconds until it ends.")]

_NUMBER: Final = re.compile(r"[0-9]{1,16}")


@dataclass(frozen=True, slots=True)
class Stated:
    """What options said of a grant.

    Args:
        file: File with fields of a grant, or -.
        may: Capabilities as text.
        audience: Services.
        budget: `UNIT=NUMBER` each.
        delegations: How many further links may follow.
        lasts: Seconds from now until it ends.
    """

    file: str | None = None
    may: Sequence[str] | None = None
    audience: Sequence[str] | None = None
    budget: Sequence[str] | None = None
    delegations: int | None = None
    lasts: int | None = None

    def grant(self) -> Grant:
        """Return the grant; a field that is said in the file and by an option is said twice.

        Raises:
            MalformedError: A field has another form.
        """
        fields: dict[str, Any] = {} if self.file is None else _fields(self.file)
        said: dict[str, Any] = {
            "capabilities": [read_capability(text).to_json() for text in self.may or ()] or None,
            "audience": list(self.audience or ()) or None,
            "budget": numbers("--budget", self.budget or ()) or None,
            "delegations_left": self.delegations,
            "expires_at": None if self.lasts is None else int(time.time()) + self.lasts,
        }
        given = {name: value for name, value in said.items() if value is not None}
        twice = sorted(given.keys() & fields.keys())
        if twice:
            message = f"The file and an option both say {', '.join(twice)}."
            fail(message, "Say each once.", code="usage", status=USAGE)
        return Grant.from_json({**fields, **given}, partial=True)


def _fields(file: str) -> dict[str, Json]:
    text = read_text(file)
    if text.startswith("{"):
        body: Any = canonical.parse(text)
    else:
        try:
            body = tomllib.loads(text)
        except (ValueError, RecursionError):
            raise MalformedError("The grant", wanted="a JSON object, or TOML") from None
        # As `tighten --format toml` prints it, or bare.
        body = body["grant"] if body.keys() == {"grant"} else body
    if not isinstance(body, dict):
        raise MalformedError("The grant", wanted="an object")
    return body


def numbers(option: str, given: Sequence[str]) -> dict[str, int]:
    """Return the numbers by unit that `UNIT=NUMBER` texts state.

    Raises:
        MalformedError: One states none, or a unit is named twice.
    """
    found: dict[str, int] = {}
    for text in given:
        unit, _, number = text.partition("=")
        if not _NUMBER.fullmatch(number) or unit in found:
            raise MalformedError(option, wanted="UNIT=NUMBER, such as calls=3, each unit once")
        found[unit] = int(number)
    return found
