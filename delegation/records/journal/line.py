"""Spells and reads lines of the journal: sealed with a key of the ring, each over the one before it.

`2 SEAL BODY`: the seal is an HMAC under a key derived from one of the ring's, over the seal before and the
body. Whoever writes the file without the ring can cut it, which its head tells, and nothing else. Lines
of before, which are bare lists, have no seal: they end things, and lift nothing.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from delegation.canonical import b64u
from delegation.errors import MalformedError
from delegation.identity.keyring import KeyRing, RingRole
from delegation.judge.subject import Subject
from delegation.lineage.feed import Revocation
from delegation.records.revocation.endings import Ending

_LABEL: Final = b"dct-journal-v1"
_ROLES: Final[tuple[RingRole, ...]] = ("log", "service", "issuer", "statement")
_SEALED: Final = re.compile(rb"2 ([A-Za-z0-9_-]{43}) (\[.*\])", re.DOTALL)
_CUT: Final = re.compile(rb"2?( [A-Za-z0-9_-]{0,43}( .*)?)?", re.DOTALL)
_CUT_BARE: Final = re.compile(rb"\[(-|-?\d+|-?\d+,.*)?", re.DOTALL)
KEPT: Final = ("revoke", "suspend", "resume", "close")
_MARKS: Final = ("withdraw", "refused", "used")
# Of lines without a seal: anybody may have written them, and numbers go on behind the highest.
_MOST_NUMBER: Final = 2**40
_MOST_TIME: Final = 2**53


@dataclass(frozen=True, slots=True)
class Told:
    """A change of standing as it is kept.

    Args:
        change: What was told.
        cause: The subject with which this one was suspended.
        until: Unix seconds from which nothing could revive its subject any more; 0 for never.
        is_sealed: Whether it was sealed from the beginning; what was not lifts nothing.
    """

    change: Revocation
    cause: str = ""
    until: int = 0
    is_sealed: bool = True


@dataclass(frozen=True, slots=True)
class Line:
    """One line.

    Args:
        number: Its place; grows, also where the file was written anew. 0 of lines without a seal.
        store: The store that it is of; 0 of a head.
        n: The change's epoch, or the ending's number.
        what: What is kept; of a head, what each store had: (epoch, number of its newest ending).
        key: Role and id of the key that sealed it.
        seal: Its seal.
    """

    number: int
    store: int
    n: int
    what: Told | Ending | Mapping[int, tuple[int, int]]
    key: str = ""
    seal: bytes = b""


class Sealer:
    """Seals and reads lines with a ring's keys.

    Args:
        ring: Any key of it is believed, so that rotating does not end the journal.
    """

    def __init__(self, ring: KeyRing) -> None:
        """Choose the key that seals."""
        self._keys = {
            f"{key.role} {key.kid}": hmac.digest(key.seed, _LABEL, "sha256") for key in ring.keys
        }
        role = next((one for one in _ROLES if ring.serves(one)), None)
        # A ring that signs nothing any more keeps what was ended all the same.
        chosen = max(ring.keys, key=lambda key: key.kid) if role is None else ring.active(role)
        self.key = f"{chosen.role} {chosen.kid}"

    def written(self, line: Line, before: bytes) -> tuple[bytes, bytes]:
        """Return a line's bytes, without its end, and its seal."""
        body = json.dumps(
            [self.key, line.number, line.store, line.n, *_written(line.what)],
            separators=(",", ":"),
        ).encode()
        seal = self._seal(self.key, before, body)
        return b"2 " + seal + b" " + body, seal

    def _seal(self, key: str, before: bytes, body: bytes) -> bytes:
        return b64u(hmac.digest(self._keys[key], before + b" " + body, "sha256")).encode()

    def read(self, text: bytes, before: bytes) -> Line | None:
        """Return the line that these bytes are; None for one that was cut while it was written.

        Args:
            text: Without the line's end.
            before: The seal of the line before it.

        Raises:
            MalformedError: It is none, was altered, or does not follow that line.
        """
        if text.startswith(b"["):
            return _read_bare(text)
        found = _SEALED.fullmatch(text)
        seal, body = (b"", b"") if found is None else found.groups()
        try:
            key, number, store, n, *rest = json.loads(body)
        except (TypeError, ValueError, RecursionError) as error:
            if _CUT.fullmatch(text):
                return None
            raise MalformedError("A line", wanted="sealed") from error
        if key not in self._keys or not hmac.compare_digest(seal, self._seal(key, before, body)):
            raise MalformedError("A line", wanted="sealed by the ring, after the line before it")
        return Line(number, store, n, _read(n, rest), key, seal)


def _written(what: Told | Ending | Mapping[int, tuple[int, int]]) -> list[Any]:
    if isinstance(what, Told):
        one = what.change
        return [
            one.act, one.subject.kind, one.subject.id, one.by, one.reason, one.at,
            one.effective_at, what.cause, what.until, int(what.is_sealed),
        ]  # fmt: skip
    if isinstance(what, Ending):
        return [what.act, what.id, what.at, what.until, what.body]
    return [[[store, *upto] for store, upto in what.items()]]


def _read(n: int, rest: list[Any]) -> Told | Ending | Mapping[int, tuple[int, int]]:
    # Sealed, so it is as `_written` wrote it.
    if len(rest) == 1:
        return {store: (epoch, n) for store, epoch, n in rest[0]}
    if rest[0] in KEPT:
        act, kind, name, by, reason, at, begins, cause, until, is_sealed = rest
        change = Revocation(n, Subject(kind, name), by, reason, at, act, begins)
        return Told(change, cause, until, bool(is_sealed))
    act, name, at, until, body = rest
    return Ending(act, name, at, until, body)


def _read_bare(text: bytes) -> Line | None:
    """Return a line as it was written before lines were sealed."""
    try:
        store, epoch, act, *rest = json.loads(text)
        if type(store) is not int or act not in (*KEPT, *_MARKS):
            raise MalformedError("A line", wanted="a change or an end")
        _refuse_unless((epoch,), int, most=_MOST_NUMBER)
        if act in _MARKS:
            name, at = rest
            _refuse_unless((name,), str)
            _refuse_unless((at,), int, most=_MOST_TIME)
            return Line(0, store, 0, Ending(act, name, at))
        kind, name, by, reason, at, begins, cause = rest
        _refuse_unless((kind, name, by, reason, cause), str)
        _refuse_unless((at, begins), int, most=_MOST_TIME)
    except (TypeError, ValueError, RecursionError) as error:
        if isinstance(error, json.JSONDecodeError) and _CUT_BARE.fullmatch(text):
            return None
        raise MalformedError("A line", wanted="a change or an end") from error
    change = Revocation(epoch, Subject(kind, name), by, reason, at, act, begins)
    return Line(0, store, epoch, Told(change, cause, is_sealed=False))


def _refuse_unless(values: tuple[Any, ...], kind: type, *, most: int = 0) -> None:
    for value in values:
        if type(value) is not kind or (isinstance(value, int) and not 0 <= value <= most):
            raise MalformedError("A line", wanted="a change or an end")
