"""Issues root links: the one place where the service's own keys sign one."""

from __future__ import annotations

import secrets

from delegation.authority.chain import SALT_BYTES, Origin, root_payload
from delegation.authority.grant import Grant
from delegation.errors import ConflictError
from delegation.identity.keyring import KeyRing
from delegation.identity.principal import PublicKey, public_key
from delegation.tokens.formats import FORMATS, format_named
from delegation.tokens.text import TokenBytes
from delegation.tokens.token import Token


def issue_token(
    ring: KeyRing, origin: Origin, *, to: PublicKey, grant: Grant, token_format: str = "biscuit"
) -> Token:
    """Return a token of one link.

    Not checked here: whether the task is open and its ceiling admits the grant (`commands.renew`).

    Args:
        ring: The issuer's keys.
        origin: What the root link states.
        to: The first holder.
        grant: A complete grant.
        token_format: `biscuit` or `macaroon`.

    Raises:
        KeyRingError: The ring has no active key for the format, so it is off.
        ConflictError: The holder's key is one of the ring's.
        MalformedError: The format is unknown, or a field has another form, or `to` is no public key.
    """
    if ring.is_ring_key(public_key("to", to).key):
        raise ConflictError("The holder's key is one of the service's own.")
    payload = root_payload(
        origin,
        holder_key=to.key,
        holder_name=to.name,
        grant=grant,
        salt=secrets.token_bytes(SALT_BYTES),
    )
    name = format_named(token_format)
    parts = TokenBytes(name, FORMATS[name].issue(payload, ring))
    return Token.read(parts.to_text(), ring.public_ring())
