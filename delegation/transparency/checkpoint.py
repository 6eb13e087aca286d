"""Signs checkpoints of the log, as C2SP's signed notes, and proves records under them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from delegation import ed25519
from delegation.canonical import Json, b64u, unb64u
from delegation.errors import MalformedError, UnverifiedError
from delegation.transparency.leaf import Leaf, read_leaf
from delegation.transparency.merkle import HASH_BYTES, MAX_PROOF, leaf_hash, verify_inclusion

MAX_TEXT: Final = 16 * 1024  # bytes that are looked at: a head and its witnesses
MAX_SIZE: Final = 2**53 - 1
_ED25519: Final = b"\x01"
_ID_BYTES: Final = 4
# A key's name: printable, no white space and no plus, which separates the parts of a key's text.
_NAME: Final = re.compile(r"[!-*,-~]{1,1000}", re.ASCII)
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)
_LINE: Final = re.compile(r"\u2014 (?P<name>[!-*,-~]{1,1000}) (?P<sig>[A-Za-z0-9+/]+={0,2})")
_KEY: Final = re.compile(
    r"(?P<name>[!-*,-~]{1,1000})\+(?P<id>[0-9a-f]{8})\+(?P<key>[A-Za-z0-9+/]+=*)"
)
_MAX_SIGNATURES: Final = 32


@dataclass(frozen=True, slots=True)
class LogKey:
    """A log's public key under the log's name: what verifies its checkpoints.

    Args:
        name: The log's origin.
        key: 32 bytes, an Ed25519 public key.
    """

    name: str
    key: bytes

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.name) is None:
            raise MalformedError("A log key's name", wanted="printable ASCII without plus or space")
        if not ed25519.is_usable_encoding(self.key) or not ed25519.is_valid_point(self.key):
            raise MalformedError("A log key", wanted="a valid Ed25519 public key")

    @property
    def id(self) -> bytes:
        """The first four bytes of SHA-256(name, newline, 0x01, key)."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.key).digest()[:_ID_BYTES]

    @property
    def text(self) -> str:
        """The key as text, `name+id+key`, as signed notes spell it."""
        return f"{self.name}+{self.id.hex()}+{_b64(_ED25519 + self.key)}"

    @classmethod
    def from_text(cls, text: str) -> LogKey:
        """Return the key that a text spells.

        Raises:
            MalformedError: It spells none, or its id is another key's.
        """
        found = _KEY.fullmatch(text)
        data = _unb64(found["key"]) if found else b""
        if found is None or data[:1] != _ED25519:
            raise MalformedError("A log key", wanted="name+id+key of a signed note (Ed25519)")
        key = cls(found["name"], data[1:])
        if key.id.hex() != found["id"]:
            raise MalformedError("A log key", wanted="one with its own id")
        return key


@dataclass(frozen=True, slots=True)
class Signature:
    """One line under a note.

    Args:
        name: Who signed.
        key_id: Four bytes of the key.
        data: The signature.
    """

    name: str
    key_id: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree's head, with the signatures that came with it; reading it verifies none of them.

    Args:
        origin: The log's name.
        size: Entries.
        root: Root hash over them, 32 bytes.
        signatures: At least one where it was read.
        extra: Further lines of the body, which other logs may write.
    """

    origin: str
    size: int
    root: bytes
    signatures: tuple[Signature, ...] = ()
    extra: tuple[str, ...] = ()

    @property
    def body(self) -> str:
        """What is signed: the lines before the empty one."""
        lines = (self.origin, str(self.size), _b64(self.root), *self.extra)
        return "".join(f"{line}\n" for line in lines)

    @property
    def text(self) -> str:
        """The whole note."""
        lines = (f"\u2014 {s.name} {_b64(s.key_id + s.data)}\n" for s in self.signatures)
        return f"{self.body}\n{''.join(lines)}"

    def is_signed_by(self, keys: Iterable[LogKey]) -> bool:
        """Return whether one of these keys signed it, under the log's own name.

        A key of another log's name signs nothing here: else a checkpoint of one log would be shown
        for another's.
        """
        message = self.body.encode()
        return any(
            signature.key_id == key.id
            and signature.name == key.name == self.origin
            and ed25519.verify(key.key, message, signature.data)
            for key in keys
            for signature in self.signatures
        )


def sign_checkpoint(origin: str, size: int, root: bytes, seed: bytes) -> Checkpoint:
    """Return a signed checkpoint.

    Not checked here: that it continues what was signed before; the sequencer does.

    Args:
        origin: The log's name.
        size: Entries.
        root: Root hash over them.
        seed: The 32-byte secret of a ring key of the role `log`.
    """
    key = LogKey(origin, ed25519.public_of(seed))
    unsigned = Checkpoint(origin, size, root)
    data = ed25519.sign(seed, unsigned.body.encode())
    return Checkpoint(origin, size, root, (Signature(origin, key.id, data),))


def read_checkpoint(text: str) -> Checkpoint:
    """Return the checkpoint that a text is; its signatures are read and not verified.

    Raises:
        MalformedError: It is none, or not spelled as `Checkpoint.text` spells it: a number with a
            leading zero, stray bits in base64, another line end.
    """
    body, cut, tail = text.partition("\n\n")
    lines, signed = body.split("\n"), tail.split("\n")
    if len(text) > MAX_TEXT or not cut or len(lines) < 3 or len(signed) > _MAX_SIGNATURES + 1:  # noqa: PLR2004
        raise _malformed()
    origin, size, root, *extra = lines
    if _NAME.fullmatch(origin) is None or _SIZE.fullmatch(size) is None or int(size) > MAX_SIZE:
        raise _malformed()
    found = Checkpoint(
        origin, int(size), _unb64(root), tuple(map(_signature, signed[:-1])), tuple(extra)
    )
    odd = any(not line or any(ord(c) < 0x20 for c in line) for line in extra)  # noqa: PLR2004
    if len(found.root) != HASH_BYTES or not found.signatures or odd or found.text != text:
        raise _malformed()
    return found


def _signature(line: str) -> Signature:
    found = _LINE.fullmatch(line)
    data = _unb64(found["sig"]) if found else b""
    if found is None or len(data) <= _ID_BYTES:
        raise _malformed()
    return Signature(found["name"], data[:_ID_BYTES], data[_ID_BYTES:])


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _unb64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise _malformed() from None


def _malformed() -> MalformedError:
    return MalformedError("A checkpoint", wanted="a signed note (C2SP tlog-checkpoint)")


def origin_of(issuer: str, generation: int) -> str:
    """Return the name of an issuer's log: its URL without scheme, `/log`, and which log it is.

    Args:
        issuer: The issuer's URL.
        generation: 1 for the first log; a restart after loss begins the next.
    """
    _, _, rest = issuer.partition("://")
    name = rest.rstrip("/").replace("+", "%2B") + "/log"
    return name if generation == 1 else f"{name}/{generation}"


@dataclass(frozen=True, slots=True)
class LogProof:
    """A proof that a decision or a link stands in the log, for whoever keeps it.

    Nothing of it is believed before `verify`.

    Args:
        index: The leaf's place.
        entry: The leaf's bytes.
        path: Hashes from the leaf to the root.
        checkpoint: The signed head that it leads to.
    """

    index: int
    entry: bytes
    path: tuple[bytes, ...]
    checkpoint: str

    def verify(self, keys: Sequence[LogKey]) -> Leaf:
        """Return the leaf, once the path leads to a root that one of the log's keys signed.

        Not checked here: that the same log is shown to everybody; compare checkpoints for that.

        Raises:
            MalformedError: Checkpoint or leaf cannot be read.
            UnverifiedError: No such key signed, or the path leads elsewhere.
        """
        head = read_checkpoint(self.checkpoint)
        if not head.is_signed_by(keys):
            raise UnverifiedError("log_signature", "The checkpoint is not signed by the log's key.")
        leaf = leaf_hash(self.entry)
        if not verify_inclusion(leaf, self.index, head.size, self.path, head.root):
            raise UnverifiedError("log_inclusion", "The path does not lead to the signed root.")
        return read_leaf(self.entry)

    def to_json(self) -> dict[str, Json]:
        """Return the proof's JSON; the entry is canonical JSON and stands in it as text."""
        return {
            "index": self.index,
            "entry": self.entry.decode(),
            "path": [b64u(one) for one in self.path],
            "checkpoint": self.checkpoint,
        }

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> LogProof:
        """Return the proof that an answer carries.

        Raises:
            MalformedError: It carries none.
        """
        index, entry, path, text = (
            body.get(name) for name in ("index", "entry", "path", "checkpoint")
        )
        if type(index) is not int or type(entry) is not str or type(text) is not str:
            raise MalformedError("A proof", wanted="as the service writes it")
        if not isinstance(path, list) or len(path) > MAX_PROOF:
            raise MalformedError("A proof", wanted="as the service writes it")
        return cls(index, entry.encode(), tuple(unb64u(str(one)) for one in path), text)
