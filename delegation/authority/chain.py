"""Reads links and chains: the payload that a delegator signs, and the sequence from root to leaf.

Source: docs/reference/token-format.md sections 2 and 3. A `Link` here is *read*, which says nothing about its
author: `delegation.tokens` makes a `Chain` only of links whose signatures it checked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from delegation import canonical, ed25519
from delegation.authority.agent_name import AGENT_NAME, NAME, WANTED, claim_of
from delegation.authority.constraints.table import NEWEST
from delegation.authority.fields import closed_object, integer, matching_text
from delegation.authority.grant import Grant
from delegation.authority.ids import LinkId, TaskId
from delegation.canonical import Json
from delegation.errors import MalformedError

MAX_LINKS: Final = 16  # a chain deeper than this is a finding, not a use
MAX_PAYLOAD_BYTES: Final = 16 * 1024
SALT_BYTES: Final = 16
LINK_TAG: Final = b"dct-link-v1"

ISSUER: Final = re.compile(r"https?://[!-~]{1,300}")
TASK_ID: Final = re.compile(r"tsk_[A-Za-z0-9_-]{22}")
LINK_ID: Final = re.compile(r"lnk_[A-Za-z0-9_-]{43}")

_ROOT: Final = frozenset({"v", "issuer", "task", "under", "catalogue", "salt", "holder", "grant"})
_CHILD: Final = frozenset({"v", "parent", "salt", "holder", "grant"})
_HOLDER: Final = frozenset({"key", "name"})


def link_id(payload: bytes) -> LinkId:
    """Return `lnk_` + base64url(SHA-256("dct-link-v1" 0x00 payload))."""
    return LinkId("lnk_" + canonical.b64u(canonical.digest(LINK_TAG, payload)))


@dataclass(frozen=True, slots=True)
class Origin:
    """What only a root link states.

    Args:
        issuer: The service that opened the task, an http(s) URL.
        task: The task under which all of this stands.
        under: The opener's link when an agent opened the task.
        catalogue: The catalogue revision that the grant's tool names refer to.
    """

    issuer: str
    task: TaskId
    under: LinkId | None
    catalogue: int


@dataclass(frozen=True, slots=True)
class Link:
    """One delegation, as its payload states it.

    Args:
        payload: The canonical JSON that was signed.
        parent: Id of the link above, None for a root.
        origin: A root's own fields, None below it.
        holder_key: The 32-byte key of whoever may present or delegate it.
        holder_name: What the delegator calls that holder: a claim.
        grant: What is passed on, complete.
        id: Computed from the payload.
        version: Which payload version states it.
    """

    payload: bytes = field(repr=False)
    parent: LinkId | None
    origin: Origin | None
    holder_key: bytes
    holder_name: str
    grant: Grant
    id: LinkId
    version: int = 1

    @property
    def claim(self) -> str:
        """The holder's name as the registry finds it, see `agent_name`."""
        return claim_of(self.holder_name)


def parse_payload(data: bytes, *, root: bool) -> Link:
    """Return the link that a payload states. Nothing is said about who signed it.

    Args:
        data: The payload's bytes, at most `MAX_PAYLOAD_BYTES`.
        root: Whether it stands first in its chain.

    Raises:
        MalformedError: Not canonical JSON, a field missing, unknown or of another form, or a
            holder key that can be no key (small order, non-canonical).
    """
    value = canonical.decode(data, max_bytes=MAX_PAYLOAD_BYTES, what="A link's payload")
    body = closed_object("A link's payload", value, _ROOT if root else _CHILD)
    version = integer("v", body["v"], 1, NEWEST)
    if len(_bytes("salt", body["salt"])) != SALT_BYTES:
        raise MalformedError("salt", wanted=f"{SALT_BYTES} bytes of base64url")
    holder = closed_object("holder", body["holder"], _HOLDER)
    key = _bytes("holder.key", holder["key"])
    if not ed25519.is_usable_encoding(key):
        raise MalformedError("holder.key", wanted="a usable Ed25519 public key")
    return Link(
        payload=data,
        parent=None
        if root
        else LinkId(matching_text("parent", body["parent"], LINK_ID, "a link id")),
        origin=_origin(body) if root else None,
        holder_key=key,
        holder_name=matching_text(
            "holder.name", holder["name"], NAME if version == 1 else AGENT_NAME, WANTED
        ),
        grant=Grant.from_json(body["grant"], version=version),
        id=link_id(data),
        version=version,
    )


def _bytes(what: str, value: Json) -> bytes:
    if not isinstance(value, str):
        raise MalformedError(what, wanted="base64url")
    return canonical.unb64u(value, what=what)


def _origin(body: dict[str, Json]) -> Origin:
    under = body["under"]
    return Origin(
        matching_text("issuer", body["issuer"], ISSUER, "an http(s) URL"),
        TaskId(matching_text("task", body["task"], TASK_ID, "a task id")),
        None if under is None else LinkId(matching_text("under", under, LINK_ID, "a link id")),
        integer("catalogue", body["catalogue"], 0),
    )


def root_payload(
    origin: Origin, *, holder_key: bytes, holder_name: str, grant: Grant, salt: bytes
) -> bytes:
    """Return the canonical payload of a root link.

    Raises:
        MalformedError: A field has another form than docs/reference/token-format.md allows.
    """
    return _encode(
        {
            "issuer": origin.issuer,
            "task": origin.task,
            "under": origin.under,
            "catalogue": origin.catalogue,
        },
        holder_key,
        holder_name,
        grant,
        salt,
        root=True,
    )


def child_payload(
    parent: LinkId,
    *,
    holder_key: bytes,
    holder_name: str,
    grant: Grant,
    salt: bytes,
    least: int = 1,
) -> bytes:
    """Return the canonical payload of a link below another.

    Args:
        parent: The link above.
        holder_key: The new holder's 32 bytes.
        holder_name: What it is called, whole.
        grant: A complete grant.
        salt: 16 random bytes.
        least: The parent's payload version: the child's is no lower, and else as low as it can be.

    Raises:
        MalformedError: A field has another form than docs/reference/token-format.md allows.
    """
    head: dict[str, Json] = {"parent": parent}
    return _encode(head, holder_key, holder_name, grant, salt, root=False, least=least)


def _encode(  # the fields that both payloads share
    head: dict[str, Json],
    key: bytes,
    name: str,
    grant: Grant,
    salt: bytes,
    *,
    root: bool,
    least: int = 1,
) -> bytes:
    if not grant.is_complete:
        raise MalformedError("grant", wanted="complete: every field set")
    # Version 1 has no whole name of more than 80 characters.
    version = max(least, grant.version, 1 if claim_of(name) == name else 2)
    body: dict[str, Json] = {
        **head,
        "v": version,
        "salt": canonical.b64u(salt),
        "holder": {"key": canonical.b64u(key), "name": name},
        "grant": grant.to_json(),
    }
    data = canonical.encode(body, what="A link's payload")
    parse_payload(data, root=root)  # what a verifier would refuse is never signed
    return data


@dataclass(frozen=True, slots=True)
class Chain:
    """Links from root to leaf whose authors were checked; only `delegation.tokens` makes one.

    Args:
        links: At least one; each names the one before it as parent.
    """

    links: tuple[Link, ...]

    @property
    def root(self) -> Link:
        """The link that the issuer signed."""
        return self.links[0]

    @property
    def leaf(self) -> Link:
        """The last link: its grant is the effective authority, its holder may present the token."""
        return self.links[-1]

    @property
    def depth(self) -> int:
        """The leaf's place, 0 for a root."""
        return len(self.links) - 1

    @property
    def ids(self) -> tuple[LinkId, ...]:
        """Its links' ids, root first, as a record names them."""
        return tuple(link.id for link in self.links)

    @property
    def origin(self) -> Origin:
        """The root's own fields: issuer, task, opener's link, catalogue revision."""
        origin = self.root.origin
        if origin is None:
            raise MalformedError("A chain", wanted="one that begins with a root link")
        return origin
