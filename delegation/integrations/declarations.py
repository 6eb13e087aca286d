"""Collects a guard's declarations: the routes of an application, which are open, and which closed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from delegation.authority.fields import listed
from delegation.errors import ConfigurationError
from delegation.integrations.dispatch import Place
from delegation.integrations.handler_inputs import AUTHORIZATION
from delegation.integrations.request_headers import (
    NEVER_SHOWN,
    OWN,
    SHOWN,
    STATED_BY_PROXIES,
    is_override,
    is_overriding_parameter,
)
from delegation.integrations.route import Route
from delegation.integrations.routes import Routes, in_order

_HEADER: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_TAKEN: Final = (OWN | NEVER_SHOWN | SHOWN | STATED_BY_PROXIES | {"cookie", "origin"}) - {
    "delegation-token"
}


class Declarations:
    """All that a guard is told.

    Args:
        audience: The service's name in grants.
        token_header: The header in which agents' tokens come, and no other one.
        passes: Headers that each handler is shown unjudged.

    Raises:
        ConfigurationError: A header would pass that never does, or carries something else.
    """

    def __init__(self, audience: str, token_header: str, passes: Iterable[str]) -> None:
        """Begin without routes."""
        self.token_header = token_header.lower()
        if _HEADER.fullmatch(self.token_header) is None or self.token_header in _TAKEN:
            raise ConfigurationError(
                f"The header {token_header} cannot carry tokens.",
                remedy='Leave token_header out, or say token_header="Delegation-Token".',
            )
        self.audience = audience
        self.passes = self._passing(passes)
        self.routes: list[Route] = []
        self.refused: set[Place] = set()
        self.order: list[Place] = []
        self._passes_at: dict[Place, frozenset[str]] = {}
        self._hides_at: dict[Place, frozenset[str]] = {}

    @property
    def places(self) -> dict[Place, Route]:
        """The routes by method and template."""
        return {(route.method, route.path): route for route in self.routes}

    def add(self, route: Route, passes: Iterable[str], hides: Iterable[str]) -> None:
        """Take a route, with the headers that pass and the inputs that are hidden there.

        Raises:
            ConfigurationError: A header would pass that never does, or is an argument as well, or an
                argument makes some readers take the request for another method's.
        """
        for one in route.inputs:
            if one.place in {"query", "member", "field", "file"} and is_overriding_parameter(
                one.name
            ):
                raise ConfigurationError(
                    f"The argument {one.name} is read as another method by some frameworks.",
                    remedy="Give the argument another name.",
                )
        shown = self._passing(passes, is_open=route.is_open)
        stated = {
            one.name if one.place == "header" else one.place
            for one in route.of_place("header", "cookie")
        }
        if stated & (shown | (frozenset() if route.is_open else self.passes)):
            raise ConfigurationError(
                f"{route.method} {route.path} lets a header pass that is an argument of it.",
                remedy="Take it out of passes: the handler gets it as it was judged.",
            )
        place = (route.method, route.path)
        self._passes_at[place] = shown
        self._hides_at[place] = frozenset(name.lower() for name in listed("hides", hides))
        self.routes.append(route)

    def passed(self, place: Place) -> frozenset[str]:
        """Return the headers that the handler at a place is shown unjudged, in lower case."""
        return self.passes | self._passes_at.get(place, frozenset())

    def hidden(self, place: Place) -> frozenset[str]:
        """Return the names of inputs that the handler at a place declares and never gets."""
        return self._hides_at.get(place, frozenset())

    def show(self, place: Place, names: Iterable[str]) -> None:
        """Show the open route at a place what its handler declares: that is its own to read."""
        self._passes_at[place] |= self._passing(names, is_open=True)

    def all_passed(self) -> Mapping[Place, frozenset[str]]:
        """Return by place what passes there."""
        return {place: self.passed(place) for place in self._passes_at}

    def ordered(self) -> Routes:
        """Return all routes, in the order of the application once that is known."""
        return Routes(self.audience, tuple(in_order(self.routes, self.order)), self.token_header)

    def _passing(self, names: Iterable[str], *, is_open: bool = False) -> frozenset[str]:
        """Return names in lower case, as servers hand them on.

        Raises:
            ConfigurationError: One of them never passes.
        """
        found = frozenset(name.lower() for name in listed("passes", names))
        never = NEVER_SHOWN | ({self.token_header} - ({AUTHORIZATION} if is_open else set()))
        for name in sorted(found):
            if is_override(name) or name in never:
                raise ConfigurationError(
                    f"The header {name} never reaches an application behind a guard.",
                    remedy='Let tokens come in another one: Guard(..., token_header="Delegation-Token").'
                    if name == AUTHORIZATION
                    else "Name headers that say nothing of method, path, credentials or connection.",
                )
        return found
