"""Keeps which keys of the ring there are, which signs, and who holds them: what no file can know.

A key signs once every running process has held it for a while. The switch takes the gate of standing
alone, so no root is being issued meanwhile: what is issued before is counted by the end of the old
key, what is issued afterwards is signed with the new one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, delete, func, select, text, update

from delegation.commands.retry import tried_again
from delegation.commands.ring import RingHolder, Rotation, behind
from delegation.errors import KeyFileError
from delegation.identity.keyring import KeyRing, RingKey, RingRole
from delegation.identity.ring_state import (
    KnownKey,
    announced,
    digest_of,
    foreign,
    kept_until,
    lacking,
    pending,
    signing,
    under,
)
from delegation.records.engine.database import Database, upsert
from delegation.records.tables.records import EVIDENCE, LINKS
from delegation.records.tables.ring import RING_HOLDERS, RING_KEYS

# Milliseconds. A process relies on what it saw for a third of the time after which it is taken for gone.
GONE: Final = 15_000
# A verifier outside the store relies on keys for five seconds at most, and asks any replica.
SETTLED: Final = 6_000
_FORGOTTEN: Final = 600_000
_CLOCK: Final = {
    "sqlite": text("SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"),
    "postgresql": text("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"),
}
_SIGNED: Final = {"issuer": "biscuit", "statement": "macaroon", "macaroon": "macaroon"}


def known_keys(connection: Connection) -> Sequence[KnownKey]:
    """Return all keys that the store knows, oldest first."""
    found = connection.execute(select(RING_KEYS).order_by(RING_KEYS.c.kid, RING_KEYS.c.role))
    return [
        KnownKey(row.role, row.kid, row.digest, row.signs_since, row.not_after, row.by)
        for row in found
    ]


def signing_ring(connection: Connection, ring: KeyRing, *, at: int) -> KeyRing:
    """Return a ring to sign with in this transaction, in which no key begins to sign.

    Raises:
        StoreUnavailableError: It lacks a key that signs.
    """
    known = known_keys(connection)
    if (key := foreign(ring, known) or lacking(ring, known, at=at)) is not None:
        raise behind(key)
    return under(ring, known)


def holders(connection: Connection) -> Sequence[RingHolder]:
    """Return the processes that were heard within the last seconds, by name."""
    now = _clock(connection)
    query = select(RING_HOLDERS).where(RING_HOLDERS.c.at >= now - GONE)
    return [
        RingHolder(
            row.name, frozenset(row.held.split()), now - row.since, now - row.at, row.problem
        )
        for row in connection.execute(query.order_by(RING_HOLDERS.c.name))
    ]


def _clock(connection: Connection) -> int:
    return int(connection.execute(_CLOCK[connection.dialect.name]).scalar_one())


def held_by(ring: KeyRing) -> str:
    """Return the digests of all keys of a ring as a holder states them."""
    return " ".join(sorted(digest_of(key).hex() for key in ring.keys))


class RingBook:
    """The store's part of a rotation; each method is one step, safe to repeat.

    Args:
        database: The store's.
    """

    def __init__(self, database: Database) -> None:
        """Use this database."""
        self._database = database

    @tried_again
    def known(self) -> Sequence[KnownKey]:
        """Return all keys that the store knows."""
        with self._database.reading() as connection:
            return known_keys(connection)

    @tried_again
    def tell(self, ring: KeyRing, *, by: str, at: int) -> Sequence[KnownKey]:
        """Tell the store of keys that only a file knew; return all that it knows.

        The first key of a role that is told of signs. Any other that a file calls active waits like
        one that is announced, until every running process holds it.

        Args:
            ring: As the file holds it.
            by: Who tells.
            at: Unix seconds.
        """
        with self._database.reading() as connection:
            known = known_keys(connection)
            if not _news(ring, known) and not _ripe(connection, ring, known):
                return known
        with self._database.writing(alone=True) as connection:
            for key in _news(ring, known_keys(connection)):
                _add(connection, key, known_keys(connection), by=by, at=at)
            for ripe in _ripe(connection, ring, known_keys(connection)):
                _switch(connection, ripe, at=at, keep=0)
            return known_keys(connection)

    @tried_again
    def hold(self, holder: str, name: str, held: str, problem: str) -> Sequence[KnownKey]:
        """Say that a process runs and what it holds; return all keys as the same transaction sees them.

        Behind the gate, so that no key begins to sign between the two.

        Args:
            holder: Its id, of its own choice.
            name: How people find it.
            held: `held_by` the ring that it verifies with already.
            problem: Why it could not read its file.
        """
        with self._database.writing(is_marked=False) as connection:
            now = _clock(connection)
            mine = select(RING_HOLDERS.c.held).where(RING_HOLDERS.c.id == holder)
            before = connection.execute(mine).scalar_one_or_none()
            values = {"name": name, "at": now, "held": held, "problem": problem}
            if before is None:
                gone = RING_HOLDERS.c.at < now - _FORGOTTEN
                connection.execute(delete(RING_HOLDERS).where(gone))
            since = {} if before == held else {"since": now}
            put = upsert(connection, RING_HOLDERS).values(
                id=holder, **{"since": now, **values, **since}
            )
            put = put.on_conflict_do_update(index_elements=["id"], set_={**values, **since})
            connection.execute(put)
            return known_keys(connection)

    @tried_again
    def leave(self, holder: str) -> None:
        """Forget a process that ends."""
        with self._database.writing(is_marked=False) as connection:
            connection.execute(delete(RING_HOLDERS).where(RING_HOLDERS.c.id == holder))

    @tried_again
    def announce(self, file: Path, role: RingRole, *, by: str, at: int) -> Rotation:
        """Put a new key into a ring's file, to be verified and not to sign; or find the one there is.

        The file is written inside the transaction: two that announce at once make one key, and a key
        in the file that the store does not know is told of by the next step.

        Args:
            file: The ring's file.
            role: What the key is for.
            by: Who announces.
            at: Unix seconds.

        Returns:
            The key; done if one signs of which this copy of the ring did not know yet that it does.

        Raises:
            KeyFileError: The file cannot be read or written, or is an older copy than another.
            KeyRingError: The ring has room for no other key.
        """
        with self._database.writing(alone=True) as connection:
            ring = KeyRing.load(file)
            for key in _news(ring, known_keys(connection)):
                _add(connection, key, known_keys(connection), by=by, at=at)
            known = known_keys(connection)
            if (odd := foreign(ring, known) or lacking(ring, known, at=at)) is not None:
                raise older_copy(file, odd)
            if (waiting := pending(known, role)) is not None:
                if (role, waiting.kid) not in {(key.role, key.kid) for key in ring.keys}:
                    raise KeyFileError(
                        f"The {waiting.name} is announced already by {waiting.by}, and the key "
                        f"ring at {file} does not hold it.",
                        remedy="Rotate there, or copy that ring to here first.",
                    )
                return Rotation(waiting)
            signs = signing(known).get(role)
            coming = {key.kid for key in ring.keys if key.role == role and key.state == "coming"}
            if signs is not None and signs.kid in coming:
                under(ring, known).replace_in(file)  # where the last step was cut off
                return Rotation(signs)
            fresh = announced(ring, role, known)
            fresh.replace_in(file)
            made = max((k for k in fresh.keys if k.role == role), key=lambda key: key.kid)
            connection.execute(RING_KEYS.insert(), _row(made, by=by, signs_since=0))
            return Rotation(KnownKey(role, made.kid, digest_of(made), 0, 0, by))

    def switch(self, file: Path, role: RingRole, kid: int, *, keep: int, at: int) -> Rotation:
        """Let an announced key sign if every running process has held it long enough.

        Args:
            file: The ring's file, in which it then is active.
            role: Its role.
            kid: Its id.
            keep: Seconds for which what the key before signed is believed at least.
            at: Unix seconds.

        Returns:
            How far it is; who is waited for if it does not sign yet.

        Raises:
            KeyFileError: The file cannot be read or written.
        """
        found, needed, upto = self._look(role, kid)
        if found.is_done or found.lacking or found.settling:
            return found
        return self._switched(file, found.key, keep=keep, at=at, needed=needed, upto=upto)

    @tried_again
    def _look(self, role: RingRole, kid: int) -> tuple[Rotation, int, int]:
        """Look how far it is and, before the gate is taken, what most of the old key's roots need."""
        with self._database.reading() as connection:
            known = known_keys(connection)
            key = next(k for k in known if (k.role, k.kid) == (role, kid))
            running = holders(connection)
            newest = connection.execute(select(func.max(LINKS.c.sequence))).scalar_one() or 0
            late, short = _waited_for(key, running)
            needed = 0 if late or short else _needed(connection, role, after=-1)
            return Rotation(key, late, short), needed, newest

    @tried_again
    def _switched(
        self, file: Path, key: KnownKey, *, keep: int, at: int, needed: int, upto: int
    ) -> Rotation:
        with self._database.writing(alone=True) as connection:
            late, short = _waited_for(key, holders(connection))
            if late or short:
                return Rotation(key, late, short)
            if pending(known_keys(connection), key.role) == key:
                _switch(connection, key, at=at, keep=keep, needed=needed, upto=upto)
            known = known_keys(connection)
            under(KeyRing.load(file), known).replace_in(file)
            done = next(k for k in known if (k.role, k.kid) == (key.role, key.kid))
            ended = [k for k in known if k.role == key.role and k.kid < key.kid and k.signs_since]
            return Rotation(done, ended=ended)


def older_copy(file: Path | None, key: KnownKey) -> KeyFileError:
    """Return the error of a file that is another or an older copy than the store was used with."""
    where = "The key ring" if file is None else f"The key ring at {file}"
    return KeyFileError(
        f"{where} is an older copy: it lacks the {key.name}, which signs for this store or is still "
        "believed, or holds another under its id.",
        remedy=f"Copy the ring file of a replica that runs to here, with mode 0600; {key.by} had it.",
    )


def _news(ring: KeyRing, known: Sequence[KnownKey]) -> list[RingKey]:
    """Return keys of the ring that the store does not know and can place."""
    told, signs = {(key.role, key.kid) for key in known}, signing(known)
    return [
        key
        for key in ring.keys
        if (key.role, key.kid) not in told
        and (
            key.state in {"active", "coming"}
            or (key.role in signs and key.kid < signs[key.role].kid)
        )
    ]


def _ripe(connection: Connection, ring: KeyRing, known: Sequence[KnownKey]) -> list[KnownKey]:
    """Return keys that their file calls active, which do not sign yet and now may."""
    active = {(key.role, key.kid) for key in ring.keys if key.state == "active"}
    waiting = [k for k in known if (k.role, k.kid) in active and k == pending(known, k.role)]
    running = holders(connection) if waiting else ()
    return [key for key in waiting if not any(_waited_for(key, running))]


def _add(
    connection: Connection, key: RingKey, known: Sequence[KnownKey], *, by: str, at: int
) -> None:
    is_first = key.role not in signing(known) and key.state == "active"
    since = max(at, 1) if is_first or key.state in {"retired", "revoked"} else 0
    connection.execute(RING_KEYS.insert(), _row(key, by=by, signs_since=since))


def _row(key: RingKey, *, by: str, signs_since: int) -> dict[str, object]:
    not_after = key.not_after if key.state == "retired" else 0
    return {
        "role": key.role,
        "kid": key.kid,
        "digest": digest_of(key),
        "by": by,
        "signs_since": signs_since,
        "not_after": not_after,
    }


def _waited_for(
    key: KnownKey, running: Sequence[RingHolder]
) -> tuple[list[RingHolder], list[RingHolder]]:
    """Return who lacks a key, and who holds it for too short a time."""
    late = [one for one in running if key.digest.hex() not in one.held]
    return late, [one for one in running if one not in late and one.since < SETTLED]


def _switch(
    connection: Connection, key: KnownKey, *, at: int, keep: int, needed: int = 0, upto: int = -1
) -> None:
    """Let a key sign from now on, and the one before be believed as long as what it signed needs it."""
    latest = max(needed, _needed(connection, key.role, after=upto))
    until = kept_until(key.role, at=at, keep=keep, needed=latest)
    same = RING_KEYS.c.role == key.role
    before = (same, RING_KEYS.c.signs_since > 0, RING_KEYS.c.not_after == 0)
    connection.execute(update(RING_KEYS).where(*before).values(not_after=until))
    mine = update(RING_KEYS).where(same, RING_KEYS.c.kid == key.kid)
    connection.execute(mine.values(signs_since=max(at, 1)))


def _needed(connection: Connection, role: RingRole, *, after: int) -> int:
    """Return the latest end of a root that a role signed, among links recorded later than a number."""
    if role not in _SIGNED:
        return 0
    query = (
        select(func.max(LINKS.c.expires_at))
        .join(EVIDENCE, EVIDENCE.c.link == LINKS.c.id)
        .where(
            LINKS.c.parent.is_(None),
            EVIDENCE.c.format == _SIGNED[role],
            LINKS.c.sequence > after,
        )
    )
    return int(connection.execute(query).scalar_one() or 0)
