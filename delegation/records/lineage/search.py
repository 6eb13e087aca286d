"""Searches by id, name and fingerprint; what is typed is never a pattern."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Connection, select

from delegation.canonical import b64u
from delegation.identity.principal import fingerprint
from delegation.lineage.search import MAX_TEXT, MIN_TEXT, Hit
from delegation.records.tables.records import AGENT_KEYS, AGENTS, DECISIONS, LINKS, TASKS

MOST_KEYS: Final = 50_000  # keys whose fingerprints are made for one search
_FINGERPRINT: Final = re.compile(r"[a-z2-7]{4}(?:-?[a-z2-7]{0,4}){0,2}")
_LEAST_ID: Final = 8  # letters of an id, its kind included, before beginnings are looked for


def keys_of(connection: Connection, prefix: str, *, most: int) -> Sequence[bytes]:
    """Return recorded and registered keys whose fingerprint begins so, at most `most`."""
    if not prefix:
        return ()
    found: dict[bytes, None] = {}
    for column in (AGENT_KEYS.c.key, LINKS.c.holder_key):
        for key in connection.execute(select(column).distinct().limit(MOST_KEYS)).scalars():
            if fingerprint(key).startswith(prefix):
                found[key] = None
                if len(found) >= most:
                    return tuple(found)
    return tuple(found)


def search(connection: Connection, text: str, *, limit: int) -> Sequence[Hit]:
    """Return what a text names, at most `limit` of each kind."""
    wanted = text.strip()
    if not MIN_TEXT <= len(wanted) <= MAX_TEXT or "\x00" in wanted:
        return ()
    found = [
        *_by_id(connection, wanted, limit),
        *_agents(connection, wanted, limit),
        *_keys(connection, wanted, limit),
        *_claimed(connection, wanted, limit),
        *_tasks(connection, wanted, limit),
    ]
    return tuple(dict.fromkeys(found))


def _by_id(connection: Connection, text: str, limit: int) -> Iterator[Hit]:
    kinds: tuple[tuple[str, Any, Any], ...] = (
        ("tsk_", TASKS, TASKS.c.title),
        ("lnk_", LINKS, LINKS.c.holder_name),
        ("dec_", DECISIONS, DECISIONS.c.tool),
    )
    for prefix, table, label in kinds:
        if not text.startswith(prefix):
            continue
        exact = select(table.c.id, label).where(table.c.id == text)
        rows = connection.execute(exact).all()
        if not rows and len(text) >= _LEAST_ID:
            begins = select(table.c.id, label).where(table.c.id.startswith(text, autoescape=True))
            rows = connection.execute(begins.order_by(table.c.id).limit(limit)).all()
        for row in rows:
            if row[0].startswith(text):  # LIKE does not tell large letters from small ones
                yield Hit(_KINDS[prefix], row[0], row[1] or "a call", row[0])


_KINDS: Final[dict[str, Any]] = {"tsk_": "task", "lnk_": "link", "dec_": "decision"}


def _agents(connection: Connection, text: str, limit: int) -> Iterator[Hit]:
    folded, shown = text.casefold(), 0
    for row in connection.execute(select(AGENTS).order_by(AGENTS.c.name)):
        if folded in row.name.casefold() or folded == row.owner.casefold():
            yield Hit("agent", row.name, row.name, row.owner)
            shown += 1
            if shown >= limit:
                return


def _keys(connection: Connection, text: str, limit: int) -> Iterator[Hit]:
    if _FINGERPRINT.fullmatch(text) is None:
        return
    plain = text.replace("-", "")
    prefix = "-".join(plain[n : n + 4] for n in range(0, len(plain), 4))
    for key in keys_of(connection, prefix, most=limit):
        yield Hit("key", b64u(key), fingerprint(key), "key")


def _claimed(connection: Connection, text: str, limit: int) -> Iterator[Hit]:
    query = select(LINKS.c.id, LINKS.c.holder_name, LINKS.c.holder_key).where(
        LINKS.c.holder_name.contains(text, autoescape=True)
    )
    for row in connection.execute(query.order_by(LINKS.c.sequence.desc()).limit(limit)):
        yield Hit("link", row.id, row.holder_name, fingerprint(row.holder_key))


def _tasks(connection: Connection, text: str, limit: int) -> Iterator[Hit]:
    query = select(TASKS.c.id, TASKS.c.title, TASKS.c.owner).where(
        TASKS.c.title.contains(text, autoescape=True) | (TASKS.c.owner == text)
    )
    for row in connection.execute(query.order_by(TASKS.c.opened_at.desc()).limit(limit)):
        yield Hit("task", row.id, row.title, row.owner)
