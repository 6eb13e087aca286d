"""Holds the service's own keys: one role each, with ids, rotation, retirement; and their public half.

A key serves one role, else a signature made for one purpose could be shown for another. What is not
in the ring does not verify: a format without a key is off.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal, TypeAlias, cast, get_args

from delegation import canonical, ed25519
from delegation.authority.chain import ISSUER
from delegation.authority.fields import closed_object, integer, list_of, matching_text
from delegation.canonical import Json
from delegation.errors import KeyFileError, KeyRingError, MalformedError, UnverifiedError
from delegation.identity.keys import read_secret_file, write_secret_file
from delegation.statement import open_statement, read_statement, sign_statement

RingRole: TypeAlias = Literal["issuer", "statement", "macaroon", "service", "approval", "log"]
KeyState: TypeAlias = Literal["coming", "active", "retired", "revoked"]
ROLES: Final[tuple[RingRole, ...]] = get_args(RingRole)
_ROLE: Final = re.compile("|".join(ROLES))
_STATE: Final = re.compile("|".join(get_args(KeyState)))

MAX_KID: Final = 2**32 - 1  # biscuit's rootKeyId is 32 bits; a longer one is truncated by readers
MAX_KEYS: Final = 256
_KEY_FIELDS: Final = frozenset({"role", "kid", "state", "not_after", "seed"})
_PUBLIC_FIELDS: Final = frozenset({"role", "kid", "state", "not_after", "key"})


@dataclass(frozen=True, slots=True)
class RingKey:
    """One key of the ring.

    Args:
        role: What it signs, and nothing else.
        kid: Its id, unique within the ring.
        state: `coming` verifies and does not sign yet, `active` does both, `retired` verifies until
            `not_after`, `revoked` neither.
        not_after: For a retired key: first second at which it no longer verifies; 0 is no end.
        seed: 32 secret bytes: an Ed25519 seed, or a MAC key for the role `macaroon`.
        public: The public key; empty for a MAC key, which has none.
    """

    role: RingRole
    kid: int
    state: KeyState
    not_after: int
    seed: bytes = field(repr=False)
    public: bytes = field(init=False)

    def __post_init__(self) -> None:
        matching_text("role", self.role, _ROLE, "a ring role")
        matching_text("state", self.state, _STATE, "coming, active, retired or revoked")
        integer("kid", self.kid, 0, MAX_KID)
        integer("not_after", self.not_after, 0)
        if len(self.seed) != ed25519.KEY_BYTES:
            raise MalformedError("A ring key", wanted="32 secret bytes")
        public = b"" if self.role == "macaroon" else ed25519.public_of(self.seed)
        object.__setattr__(self, "public", public)

    def verifies(self, at: int | None) -> bool:
        """Return whether what it signed is still believed.

        Args:
            at: Unix seconds; None leaves `not_after` aside.
        """
        if self.state == "retired":
            return at is None or self.not_after == 0 or at < self.not_after
        return self.state in {"coming", "active"}


@dataclass(frozen=True, slots=True)
class PublicRingKey:
    """The public half of a ring key; see `RingKey`."""

    role: RingRole
    kid: int
    state: KeyState
    not_after: int
    key: bytes


@dataclass(frozen=True, slots=True)
class PublicRing:
    """An issuer's public keys, for anybody who reads its tokens.

    With them biscuit tokens verify whole. Of a macaroon the authors of all links verify; its MAC
    does not, since whoever can check a MAC can make one.

    Args:
        issuer: The issuer's URL.
        keys: Public keys of all roles but `macaroon`.
    """

    issuer: str
    keys: tuple[PublicRingKey, ...]

    def key(self, role: RingRole, kid: int, *, at: int | None = None) -> PublicRingKey | None:
        """Return the key of this role and id if what it signed is still believed.

        Args:
            role: The key's role.
            kid: The key's id.
            at: Unix seconds; None leaves a retired key's end aside.
        """
        keys = (key for key in self.keys if (key.role, key.kid) == (role, kid))
        key = next((one for one in keys if one.state != "revoked"), None)
        return None if key is None or (at is not None and 0 < key.not_after <= at) else key

    def opened(
        self, role: RingRole, typ: str, text: str, *, at: int, unknown: UnverifiedError
    ) -> dict[str, Json]:
        """Return what a statement states, verified by the key of this role that it names.

        Args:
            role: What the key must be for.
            typ: What is stated.
            text: The statement.
            at: Unix seconds.
            unknown: Raised where the key is not known or no longer believed.

        Raises:
            MalformedError: The text is no statement of this `typ`.
            UnverifiedError: `unknown`, or the signature is wrong.
        """
        kid = read_statement(typ, text)[0].get("kid")
        key = self.key(role, kid) if type(kid) is int else None
        if key is None or (key.state == "retired" and 0 < key.not_after <= at):
            raise unknown
        return open_statement(typ, text, key.key)

    def holds(self, public: bytes) -> bool:
        """Return whether these 32 bytes are one of the ring's public keys."""
        return any(key.key == public for key in self.keys)

    def to_json(self) -> dict[str, Json]:
        """Return the ring's JSON."""
        return {
            "issuer": self.issuer,
            "keys": [
                {
                    "role": key.role,
                    "kid": key.kid,
                    "state": key.state,
                    "not_after": key.not_after,
                    "key": canonical.b64u(key.key),
                }
                for key in self.keys
            ],
        }

    @classmethod
    def from_json(cls, value: Json) -> PublicRing:
        """Return the ring that this JSON states.

        Raises:
            MalformedError: A field is missing, unknown or of another form.
        """
        body = closed_object("A public ring", value, frozenset({"issuer", "keys"}))
        keys = []
        for entry in list_of("keys", body["keys"], MAX_KEYS):
            fields = closed_object("A public key", entry, _PUBLIC_FIELDS)
            text = fields["key"]
            public = canonical.unb64u(text, what="key") if isinstance(text, str) else b""
            if not ed25519.is_usable_encoding(public) or not ed25519.is_valid_point(public):
                raise MalformedError("key", wanted="a valid Ed25519 public key")
            keys.append(PublicRingKey(*_named(fields), public))
        # One key, one role: else a signature would count for what it was not made for.
        if len({key.key for key in keys}) < len(keys):
            raise MalformedError("keys", wanted="each key once")
        if any(key.role == "macaroon" for key in keys):
            raise MalformedError("keys", wanted="no macaroon key, which is a secret")
        return cls(matching_text("issuer", body["issuer"], ISSUER, "an http(s) URL"), tuple(keys))


class KeyRing:
    """The service's keys, secrets included. Immutable: rotating returns another ring."""

    __slots__ = ("_by_id", "_issuer", "_keys", "_public")

    def __init__(self, issuer: str, keys: Iterable[RingKey]) -> None:
        """Put a ring together; most callers want `generate` or `load`.

        Raises:
            KeyRingError: One key in two roles, two keys of one role under one id, or too many keys.
            MalformedError: The issuer is no http(s) URL.
        """
        self._issuer = matching_text("issuer", issuer, ISSUER, "an http(s) URL")
        self._keys = tuple(keys)
        if len({key.seed for key in self._keys}) != len(self._keys):
            raise KeyRingError("One key would serve twice in the ring.")
        self._by_id = {(key.role, key.kid): key for key in self._keys}
        if len(self._by_id) != len(self._keys):
            raise KeyRingError("Two keys of one role would have the same id.")
        if len(self._keys) > MAX_KEYS:  # no reader takes more
            raise KeyRingError(f"The ring has {MAX_KEYS} keys, and room for no other.")
        self._public = frozenset(key.public for key in self._keys if key.public)

    @classmethod
    def generate(cls, issuer: str, *, roles: Iterable[RingRole] = ROLES) -> KeyRing:
        """Return a ring of new keys, one active key for each role."""
        keys = [
            RingKey(role, kid, "active", 0, secrets.token_bytes(32))
            for kid, role in enumerate(roles, start=1)
        ]
        return cls(issuer, keys)

    @property
    def issuer(self) -> str:
        """The URL under which the ring's owner issues."""
        return self._issuer

    @property
    def keys(self) -> tuple[RingKey, ...]:
        """All keys."""
        return self._keys

    def serves(self, role: RingRole) -> bool:
        """Return whether the ring has an active key of a role."""
        return any(key.role == role and key.state == "active" for key in self._keys)

    def active(self, role: RingRole) -> RingKey:
        """Return the newest active key of a role.

        Raises:
            KeyRingError: There is none, so the format or statement is off.
        """
        found = [key for key in self._keys if key.role == role and key.state == "active"]
        if not found:
            raise KeyRingError(f"The ring has no active {role} key.")
        return max(found, key=lambda key: key.kid)

    def signed(self, role: RingRole, typ: str, members: Mapping[str, Json]) -> str:
        """Return a statement of these members, signed with the newest active key of a role.

        Raises:
            KeyRingError: There is none, so the statement is off.
        """
        key = self.active(role)
        head: dict[str, Json] = {"v": 1, "kid": key.kid, "issuer": self._issuer}
        return sign_statement(typ, {**head, **members}, key.seed)

    def key(self, role: RingRole, kid: int, *, at: int | None) -> RingKey | None:
        """Return the key of this role and id if what it signed is believed at this time."""
        key = self._by_id.get((role, kid))
        return key if key is not None and key.verifies(at) else None

    def is_ring_key(self, public: bytes) -> bool:
        """Return whether these 32 bytes are a key of the service: no holder may use one."""
        return public in self._public

    def rotated(self, role: RingRole, *, at: int, keep: int) -> KeyRing:
        """Return a ring with a new active key; the old ones verify for a while longer.

        Args:
            role: The role to rotate.
            at: Unix seconds.
            keep: Seconds for which what the old keys signed is still believed.
        """
        kid = max((key.kid for key in self._keys), default=0) + 1
        kept = [
            replace(key, state="retired", not_after=at + keep)
            if key.role == role and key.state == "active"
            else key
            for key in self._keys
        ]
        return KeyRing(self._issuer, kept).grown(role, kid, "active")

    def grown(self, role: RingRole, kid: int, state: KeyState) -> KeyRing:
        """Return a ring with one more key, drawn now."""
        key = RingKey(role, kid, state, 0, secrets.token_bytes(32))
        return KeyRing(self._issuer, [*self._keys, key])

    def with_state(
        self, role: RingRole, kid: int, state: KeyState, *, not_after: int = 0
    ) -> KeyRing:
        """Return a ring in which one key has another state.

        Raises:
            KeyRingError: There is no such key.
        """
        if (role, kid) not in self._by_id:
            raise KeyRingError(f"The ring has no {role} key {kid}.")
        return KeyRing(
            self._issuer,
            [
                replace(key, state=state, not_after=not_after)
                if (key.role, key.kid) == (role, kid)
                else key
                for key in self._keys
            ],
        )

    def public_ring(self) -> PublicRing:
        """Return the public halves of all keys that have one.

        One that is coming is told as active: its readers must believe it before it signs.
        """
        return PublicRing(
            self._issuer,
            tuple(
                PublicRingKey(key.role, key.kid, state, key.not_after, key.public)
                for key in self._keys
                if key.public
                for state in ("active" if key.state == "coming" else key.state,)
            ),
        )

    def save(self, file: Path | str) -> None:
        """Write the ring to a new file that only its owner can read (mode 0600).

        Raises:
            KeyFileError: The file exists already, or cannot be written.
        """
        write_secret_file(Path(file), self._to_json())

    def replace_in(self, file: Path | str) -> None:
        """Write the ring over the file it came from, all at once.

        Raises:
            KeyFileError: It cannot be written.
        """
        target = Path(file)
        fresh = target.with_name(f"{target.name}.{secrets.token_hex(8)}")
        self.save(fresh)
        try:
            fresh.replace(target)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise KeyFileError(
                f"The key file {file} cannot be replaced: {error.strerror}."
            ) from error

    def _to_json(self) -> Mapping[str, Json]:
        return {
            "kind": "delegation key ring",
            "issuer": self._issuer,
            "keys": [
                {
                    "role": key.role,
                    "kid": key.kid,
                    "state": key.state,
                    "not_after": key.not_after,
                    "seed": canonical.b64u(key.seed),
                }
                for key in self._keys
            ],
        }

    @classmethod
    def load(cls, file: Path | str) -> KeyRing:
        """Return the ring in a file that `save` wrote.

        Raises:
            KeyFileError: The file is missing, readable by others, or holds no ring.
        """
        body = read_secret_file(Path(file))
        try:
            closed_object("A key ring", body, frozenset({"kind", "issuer", "keys"}))
            keys = [_ring_key(entry) for entry in list_of("keys", body["keys"], MAX_KEYS)]
            return cls(str(body["issuer"]), keys)
        except (MalformedError, KeyRingError):
            # `from None`: nothing of the file's content may travel in a traceback.
            raise KeyFileError(
                f"The file {file} holds no key ring.",
                remedy="Name the ring's own file, or put it back from its backup.",
            ) from None

    def __repr__(self) -> str:
        """Return issuer, roles and ids, never a secret."""
        keys = ", ".join(f"{key.role} {key.kid} {key.state}" for key in self._keys)
        return f"<KeyRing {self._issuer} [{keys}]>"


def _ring_key(value: Json) -> RingKey:
    fields = closed_object("A ring key", value, _KEY_FIELDS)
    seed = canonical.unb64u(matching_text("seed", fields["seed"], r"[!-~]+", "base64url"))
    return RingKey(*_named(fields), seed)


def _named(fields: Mapping[str, Json]) -> tuple[RingRole, int, KeyState, int]:
    """Return what both halves of a key state: role, id, state and end."""
    return (
        cast("RingRole", matching_text("role", fields["role"], _ROLE, "a role")),
        integer("kid", fields["kid"], 0, MAX_KID),
        cast("KeyState", matching_text("state", fields["state"], _STATE, "a state")),
        integer("not_after", fields["not_after"], 0),
    )
