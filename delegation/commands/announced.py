"""Announced tokens by the id of their leaf: a long chain travels once, afterwards its name does.

The text that was announced is kept until its leaf expires. Whoever names it must still prove to hold
the leaf's key, over the digest of the whole text: knowing a name is worth nothing.
"""

from __future__ import annotations

from typing import Final

from delegation.authority.chain import LINK_ID
from delegation.authority.ids import LinkId
from delegation.canonical import unb64u
from delegation.commands.work import Store
from delegation.errors import MalformedError
from delegation.identity.proof import PROOF_TYP
from delegation.statement import read_statement

TOKEN: Final = "dct."  # how every token's text begins, and no leaf's id


def is_name(token: str) -> bool:
    """Return whether what came in a token's place is the id of a leaf."""
    return isinstance(token, str) and LINK_ID.fullmatch(token) is not None


def announced_text(store: Store, token: str, proof: str | None) -> str:
    """Return the token that is meant: the announced one, where its leaf is named, else what came.

    A chain may be announced as biscuit and as macaroon, so the proof says which text it covers. That
    is a claim until step 6 checks it. What is not found stays as it came, and fails step 1.

    Args:
        store: Where announced texts are kept.
        token: A token's text, or a leaf's id.
        proof: The proof's text.

    Raises:
        StoreUnavailableError: The store does not answer.
    """
    if not is_name(token) or proof is None:
        return token
    try:
        said = read_statement(PROOF_TYP, proof)[0].get("token")
        digest = unb64u(said) if isinstance(said, str) else b""
    except (MalformedError, UnicodeError):
        return token
    with store.read() as reader:
        return reader.announced(LinkId(token), digest) or token
