"""Authority for multi-agent systems: tokens that only narrow, verified whole on every call.

The face of the library. What stands in `__all__` is promised; all else may change. Nothing here
needs a server or a database: `delegation.embedded.Tracker` adds the store, `delegation.client` HTTP.
"""

from __future__ import annotations

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
from delegation.distribution import VERSION
from delegation.identity.keyring import KeyRing, PublicRing
from delegation.identity.keys import HolderKey
from delegation.identity.principal import PublicKey
from delegation.judge.decision import Decision, Denial
from delegation.tokens.token import Token

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
