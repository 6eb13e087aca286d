"""Tokens that only an attacker makes: by hand, past every check of the library."""

from __future__ import annotations

import secrets
from dataclasses import replace

from delegation import canonical
from delegation.authority.chain import child_payload
from delegation.authority.grant import Grant
from delegation.identity.keys import HolderKey
from delegation.tokens import biscuit, biscuit_wire
from delegation.tokens.text import TokenBytes, read_text
from delegation.tokens.token import Token


def widened(token: Token, key: HolderKey, grant: Grant) -> Token:
    """Return a biscuit with one more link, well signed by its holder, that holds too much.

    Args:
        token: What the attacker holds.
        key: Its key.
        grant: What it would like to hold; unset fields are copied.
    """
    leaf = token.chain.leaf
    payload = child_payload(
        leaf.id,
        holder_key=key.public.key,
        holder_name=key.name,
        grant=grant.filled_from(leaf.grant),
        salt=secrets.token_bytes(16),
        least=leaf.version,
    )
    body = biscuit.append(read_text(token.text).body, payload, holder_seed=key.secret_seed())
    return replace(token, text=TokenBytes("biscuit", body).to_text())


def spliced(root: Token, victim: Token) -> str:
    """Return the text of a biscuit that takes one token's root and another's last block."""
    above = biscuit_wire.read(read_text(root.text).body)
    below = biscuit_wire.read(read_text(victim.text).body)
    parts = replace(above, blocks=(*above.blocks, below.blocks[-1]), seed=below.seed)
    return f"dct.b1.{canonical.b64u(biscuit_wire.write(parts))}"
