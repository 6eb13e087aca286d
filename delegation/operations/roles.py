"""Who may ask for an operation: roles of API keys, as operations name them."""

from __future__ import annotations

from typing import Final

from delegation.commands.work import Role

PUBLIC: Final[tuple[Role, ...]] = ()
OPERATOR: Final[tuple[Role, ...]] = ("operator",)
READERS: Final[tuple[Role, ...]] = ("operator", "reviewer")
SERVICES: Final[tuple[Role, ...]] = ("operator", "service")
EVERYONE: Final[tuple[Role, ...]] = ("operator", "service", "reviewer")
APPROVERS: Final[tuple[Role, ...]] = ("approver",)
ASKERS: Final[tuple[Role, ...]] = ("operator", "service", "reviewer", "approver")
