"""Lists the roles of API keys, and which of them may do what; whatever lists none is public."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

Role: TypeAlias = Literal["operator", "service", "reviewer", "approver"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
NAMED: Final = f"{', '.join(ROLES[:-1])} or {ROLES[-1]}"
"""The roles as a sentence names them."""

PUBLIC: Final[tuple[Role, ...]] = ()
OPERATOR: Final[tuple[Role, ...]] = ("operator",)
READERS: Final[tuple[Role, ...]] = ("operator", "reviewer")
SERVICES: Final[tuple[Role, ...]] = ("operator", "service")
EVERYONE: Final[tuple[Role, ...]] = ("operator", "service", "reviewer")
APPROVERS: Final[tuple[Role, ...]] = ("approver",)
PERSONS: Final[tuple[Role, ...]] = (*READERS, *APPROVERS)
ASKERS: Final[tuple[Role, ...]] = (*EVERYONE, *APPROVERS)
