"""Options that name holders: a public key with its name, a key's file, the issuer's public keys."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final

import typer

from delegation import canonical
from delegation.cli.console import USAGE, fail, read_text
from delegation.cli.source import default_store, opened, service_url
from delegation.errors import MalformedError, NotHolderError, UnverifiedError
from delegation.identity.keyring import PublicRing
from delegation.identity.keys import HolderKey
from delegation.identity.principal import PREFIX, PublicKey
from delegation.tokens.token import Token
from delegation.tracker.location import store_file

TokenArgument = Annotated[str, typer.Argument(help="File with a token's text, or -.")]
ToOption = Annotated[
    str, typer.Option("--to", help="The holder, NAME=ed25519:..., as `keys new` prints it.")
]
KeyOption = Annotated[
    Path, typer.Option("--key", help="File with the holder's key, as `keys new` writes it.")
]
RingOption = Annotated[
    str | None,
    typer.Option(
        "--ring",
        envvar="DELEGATION_PUBLIC_RING",
        help="File with the issuer's public keys (`keys issuer`): then no store or service is asked.",
    ),
]
_TOKEN: Final = re.compile(r"\s*(delegation\s+)?dct\.", re.IGNORECASE)
_REMEDY: Final = (
    "Name a file with the issuer's public keys with --ring (`delegation keys issuer` prints them "
    "where the store or service is), or a store or service with --store or --url."
)


def holder_of(text: str) -> PublicKey:
    """Return the holder that `NAME=ed25519:...` names.

    Raises:
        MalformedError: It names none.
    """
    name, _, key = text.rpartition("=" + PREFIX)
    if not name:
        raise MalformedError("--to", wanted="NAME=ed25519:..., as `delegation keys new` prints it")
    return PublicKey.from_text(name, PREFIX + key)


def key_in(file: Path) -> HolderKey:
    """Return the holder key in a file.

    Raises:
        KeyFileError: It is readable by others, or holds no key.
    """
    if not file.exists():
        fail(
            f"There is no key at {file}.",
            "Make one with `delegation keys new NAME`, or name another file.",
            code="key_file",
        )
    return HolderKey.load(file)


def held_by(token: Token, key: HolderKey) -> HolderKey:
    """Return the key if it is the token's holder's.

    Raises:
        NotHolderError: It is another.
    """
    if key.public.key != token.holder.key:
        raise NotHolderError(
            f"The token's holder has the key {token.holder.fingerprint}, and the file holds "
            f"{key.public.fingerprint}.",
            remedy="Name the file of the key to which the token was handed.",
        )
    return key


def token_text(source: str) -> str:
    """Return the token in a file, or on standard input for `-`."""
    if _TOKEN.match(source):
        fail(
            "A token stands in the arguments, where other processes and the shell's history have it.",
            "Write it to a file, or pipe it and give -.",
            code="usage",
            status=USAGE,
        )
    return read_text(source)


def read_token(source: str, ring: PublicRing) -> Token:
    """Return a token, verified with the issuer's public keys.

    Raises:
        UnverifiedError: It does not verify.
    """
    text = token_text(source)
    if not text:
        fail(
            "The token is empty.",
            "Look at what the command said that should have printed it.",
            code="malformed",
        )
    try:
        return Token.read(text, ring)
    except UnverifiedError as error:
        if error.reason != "key_unknown":
            raise
        raise UnverifiedError(
            error.reason,
            f"None of the public keys of {ring.issuer} issued this token.",
            remedy="Fetch the issuer's keys anew, `delegation keys issuer`: they are another's, or older.",
        ) from None


def issuer_keys(ring: str | None, store: str | None, url: str | None) -> PublicRing:
    """Return the issuer's public keys: of a file, else of the store or service that a command works on."""
    if ring is not None:
        return PublicRing.from_json(canonical.parse(read_text(ring)))
    if service_url(store, url) is None:
        file = store_file(store or default_store())
        if file is not None and not file.exists():
            fail(f"Whose keys verify the token? There is no store at {file}.", _REMEDY)
    with opened(store, url) as place:
        return place.public_ring()
