"""Authority for multi-agent systems: tokens that only narrow, verified whole on every call.

The face of the library. What stands in `__all__` is promised, and so are `Tracker`, `Client` and
`AsyncClient`, which need the extras `store` and `client`; all else may change.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from delegation.distribution import VERSION

if TYPE_CHECKING:
    from delegation.authority.access import Access
    from delegation.authority.capability import Capability, may
    from delegation.authority.catalogue import Catalogue, Tool
    from delegation.authority.constraints import (
        absent,
        all_of,
        any_of,
        anything,
        argv,
        between,
        cidr,
        contains,
        count,
        during,
        each,
        email,
        exact,
        glob,
        host,
        links,
        members,
        not_below,
        not_one_of,
        one_of,
        path,
        subset,
        text,
        url,
    )
    from delegation.authority.grant import Grant
    from delegation.client import AsyncClient as AsyncClient
    from delegation.client import Client as Client
    from delegation.identity.keyring import KeyRing, PublicRing
    from delegation.identity.keys import HolderKey
    from delegation.identity.principal import PublicKey
    from delegation.judge.decision import Decision, Denial
    from delegation.tokens.token import Token
    from delegation.tracker import Tracker as Tracker

__version__ = VERSION

__all__ = [
    "Access",
    "Capability",
    "Catalogue",
    "Decision",
    "Denial",
    "Grant",
    "HolderKey",
    "KeyRing",
    "PublicKey",
    "PublicRing",
    "Token",
    "Tool",
    "absent",
    "all_of",
    "any_of",
    "anything",
    "argv",
    "between",
    "cidr",
    "contains",
    "count",
    "during",
    "each",
    "email",
    "exact",
    "glob",
    "host",
    "links",
    "may",
    "members",
    "not_below",
    "not_one_of",
    "one_of",
    "path",
    "subset",
    "text",
    "url",
]

# Each is imported when it is first asked for: a program that uses one does not wait for all.
_WHERE: Final = {
    "authority.access": "Access",
    "authority.capability": "Capability may",
    "authority.catalogue": "Catalogue Tool",
    "authority.constraints": (
        "absent all_of any_of anything argv between cidr contains count during each email "
        "exact glob host links members not_below not_one_of one_of path subset text url"
    ),
    "authority.grant": "Grant",
    "client": "AsyncClient Client",
    "identity.keyring": "KeyRing PublicRing",
    "identity.keys": "HolderKey",
    "identity.principal": "PublicKey",
    "judge.decision": "Decision Denial",
    "tokens.token": "Token",
    "tracker": "Tracker",
}
_HOME: Final = {name: room for room, names in _WHERE.items() for name in names.split()}

if not TYPE_CHECKING:  # checkers know the names, and no other

    def __getattr__(name: str) -> object:
        """Import a name of the face."""
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(import_module(f"delegation.{_HOME[name]}"), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    """Name the face beside what is imported."""
    return sorted({*globals(), *_HOME})
