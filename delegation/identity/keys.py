"""Holds the secret with which an agent delegates and proves. It never leaves by accident."""

from __future__ import annotations

import json
import os
import secrets
import stat
import time
from pathlib import Path
from typing import Final, NoReturn, Protocol

from delegation import canonical, ed25519
from delegation.authority.access import Access
from delegation.authority.chain import Chain
from delegation.errors import KeyFileError, MalformedError
from delegation.identity.principal import PublicKey
from delegation.identity.proof import make_proof

SEED_BYTES: Final = 32
MAX_FILE_BYTES: Final = 64 * 1024


_REMEDY: Final = "Name the file itself, as it was written, readable by this user alone."


def _no_key() -> KeyFileError:
    return KeyFileError(
        "The file holds no holder key.",
        remedy="Name one that `delegation keys new` or HolderKey.save wrote.",
    )


class Provable(Protocol):
    """What a proof is made over: a token, seen from below."""

    @property
    def text(self) -> str:
        """Return its exact text."""

    @property
    def chain(self) -> Chain:
        """Return its links."""


class HolderKey:
    """An agent's key pair.

    The secret is in no attribute that a debugger, log or serialiser prints: `repr`, `str`, `format`
    and pickling show or carry the public half only, or refuse.
    """

    __slots__ = ("_public", "_seed")

    def __init__(self, name: str, seed: bytes) -> None:
        """Make the key pair of a 32-byte seed; most callers want `generate` or `load`.

        Raises:
            MalformedError: The name has another form, or the seed another length.
        """
        if len(seed) != SEED_BYTES:
            raise MalformedError("A seed", wanted=f"{SEED_BYTES} bytes")
        self._seed = seed
        self._public = PublicKey(name, ed25519.public_of(seed))

    @classmethod
    def generate(cls, name: str) -> HolderKey:
        """Return a new key from the operating system's randomness."""
        return cls(name, secrets.token_bytes(SEED_BYTES))

    @classmethod
    def load(cls, file: Path | str) -> HolderKey:
        """Return the key in a file that `save` wrote.

        Raises:
            KeyFileError: The file is missing, a link, readable by others, or no key.
        """
        body = read_secret_file(Path(file))
        try:
            name, seed = body["name"], body["seed"]
            is_key = body == {"kind": "delegation holder key", "name": name, "seed": seed}
            if not is_key or not isinstance(name, str) or not isinstance(seed, str):
                raise _no_key()
            return cls(name, canonical.unb64u(seed))
        except (KeyError, MalformedError):
            raise _no_key() from None

    def save(self, file: Path | str) -> None:
        """Write the key to a new file that only its owner can read (mode 0600).

        Raises:
            KeyFileError: The file exists already, or cannot be written.
        """
        body = {
            "kind": "delegation holder key",
            "name": self.name,
            "seed": canonical.b64u(self._seed),
        }
        write_secret_file(Path(file), body)

    @property
    def public(self) -> PublicKey:
        """The public half, to be handed to delegators."""
        return self._public

    @property
    def name(self) -> str:
        """What the holder is called."""
        return self._public.name

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature of a message that begins with its own domain's prefix."""
        return ed25519.sign(self._seed, message)

    def prove(self, token: Provable, access: Access, *, at: int | None = None) -> str:
        """Return a proof that the holder wants this one call under this token.

        Not checked here: whether this key is the leaf's holder; the verifier refuses others.

        Args:
            token: The token that will be sent with it.
            access: The call, as it will be sent.
            at: Unix seconds; the system's clock if left out.
        """
        now = int(time.time()) if at is None else at
        return make_proof(self._seed, token.text, access, issuer=token.chain.origin.issuer, at=now)

    def secret_seed(self) -> bytes:
        """Return the 32-byte secret, for libraries that sign with it themselves. Never log it."""
        return self._seed

    def __repr__(self) -> str:
        """Return name and fingerprint, never the secret."""
        return f"<HolderKey {self.name!r} {self._public.fingerprint}>"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied: a secret would travel unseen."""
        raise TypeError("A HolderKey is not serialised; use save().")


def write_secret_file(file: Path, body: object) -> None:
    """Write JSON to a new file with mode 0600, on disk before it returns.

    Raises:
        KeyFileError: The file exists already, or cannot be written.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(file, flags, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(body, stream)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise KeyFileError(
            f"The key file {file} cannot be written: {error.strerror}.",
            remedy="Choose a file that does not exist yet.",
        ) from error


# Not blocking: a named pipe would hold the process until somebody writes.
_READ_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def _opened(path: str, _: int) -> int:
    return os.open(path, _READ_FLAGS)


def read_secret_file(file: Path) -> dict[str, canonical.Json]:
    """Return the JSON object in a file that only its owner can read.

    Raises:
        KeyFileError: It is missing, a link, no plain file, readable by others, or no JSON object.
    """
    try:
        # An opener: `fdopen` of a folder would fail and leave its descriptor open.
        with open(file, "rb", opener=_opened) as stream:  # `Path.open` takes none
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise KeyFileError(f"The key file {file} is no plain file.", remedy=_REMEDY)
            if os.name == "posix" and status.st_mode & 0o077:
                raise KeyFileError(
                    f"The key file {file} can be read by others.", remedy=f"chmod 600 {file}"
                )
            data = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise KeyFileError(
            f"The key file {file} cannot be read: {error.strerror}.", remedy=_REMEDY
        ) from error
    if len(data) > MAX_FILE_BYTES:
        raise KeyFileError(f"The key file {file} is too large.", remedy=_REMEDY)
    try:
        body = canonical.parse(data)
    except MalformedError:
        body = None
    if not isinstance(body, dict):
        # `from None`: the parser's error would carry the file's text, which is the secret.
        raise KeyFileError(f"The key file {file} holds no key.", remedy=_REMEDY) from None
    return body
