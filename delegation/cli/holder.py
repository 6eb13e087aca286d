"""Reads a command's options about tokens: grants, and the keys and tokens of holders."""

from __future__ import annotations

import os
import re
import stat
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from delegation import canonical
from delegation.authority.capability_text import read_capability
from delegation.authority.grant import Grant
from delegation.canonical import Json
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


GrantOption = Annotated[
    str | None,
    typer.Option("--grant", help="File with a grant's fields, JSON or TOML, or -; see caveats."),
]
MayOption = Annotated[
    list[str] | None,
    typer.Option("--may", help='Like mail.send(to=email("acme.example")); repeatable.'),
]
AudienceOption = Annotated[
    list[str] | None, typer.Option("--audience", help="Service that may act on it; repeatable.")
]
BudgetOption = Annotated[
    list[str] | None, typer.Option("--budget", help="UNIT=NUMBER, such as calls=3; repeatable.")
]
DelegationsOption = Annotated[
    int | None, typer.Option("--delegations", help="How many further links may follow.")
]
LastsOption = Annotated[int | None, typer.Option("--lasts", help="Seconds until it ends.")]

_NUMBER: Final = re.compile(r"[0-9]{1,16}")


@dataclass(frozen=True, slots=True)
class Stated:
    """What options said of a grant.

    Args:
        file: File with fields of a grant, or -.
        may: Capabilities as text.
        audience: Services.
        budget: `UNIT=NUMBER` each.
        delegations: How many further links may follow.
        lasts: Seconds from now until it ends.
    """

    file: str | None = None
    may: Sequence[str] | None = None
    audience: Sequence[str] | None = None
    budget: Sequence[str] | None = None
    delegations: int | None = None
    lasts: int | None = None

    def grant(self) -> Grant:
        """Return the grant; a field that is said in the file and by an option is said twice.

        Raises:
            MalformedError: A field has another form.
        """
        fields: dict[str, Any] = {} if self.file is None else _fields(self.file)
        said: dict[str, Any] = {
            "capabilities": [read_capability(text).to_json() for text in self.may or ()] or None,
            "audience": list(self.audience or ()) or None,
            "budget": numbers("--budget", self.budget or ()) or None,
            "delegations_left": self.delegations,
            "expires_at": None if self.lasts is None else int(time.time()) + self.lasts,
        }
        given = {name: value for name, value in said.items() if value is not None}
        twice = sorted(given.keys() & fields.keys())
        if twice:
            message = f"The file and an option both say {', '.join(twice)}."
            fail(message, "Say each once.", code="usage", status=USAGE)
        return Grant.from_json({**fields, **given}, partial=True)


def _fields(file: str) -> dict[str, Json]:
    text = read_text(file)
    if text.startswith("{"):
        body: Any = canonical.parse(text)
    else:
        try:
            body = tomllib.loads(text)
        except (ValueError, RecursionError):
            raise MalformedError("The grant", wanted="a JSON object, or TOML") from None
        # As `tighten --format toml` prints it, or bare.
        body = body["grant"] if body.keys() == {"grant"} else body
    if not isinstance(body, dict):
        raise MalformedError("The grant", wanted="an object")
    return body


def numbers(option: str, given: Sequence[str]) -> dict[str, int]:
    """Return the numbers by unit that `UNIT=NUMBER` texts state.

    Raises:
        MalformedError: One states none, or a unit is named twice.
    """
    found: dict[str, int] = {}
    for text in given:
        unit, _, number = text.partition("=")
        if not _NUMBER.fullmatch(number) or unit in found:
            raise MalformedError(option, wanted="UNIT=NUMBER, such as calls=3, each unit once")
        found[unit] = int(number)
    return found


def write_private(file: Path, data: bytes) -> None:
    """Write a file with mode 0600, whatever the umask; one that is there is narrowed before.

    Pipes and devices are written to as they are.

    Raises:
        OSError: It cannot be written.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0)
    with os.fdopen(os.open(file, flags, 0o600), "wb") as stream:
        if os.name == "posix" and stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            os.fchmod(stream.fileno(), 0o600)
        stream.write(data)
