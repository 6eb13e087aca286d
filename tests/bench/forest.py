"""A forest of links in the real tables, loaded in bulk: its payloads are real, its authors are not.

Tasks of a thousand links each; every link hangs below a random one, at most 15 deep, so that the
middle link is at depth 6 or 7. Evidence stands in its table with one short block for each link.
"""

from __future__ import annotations

import base64
import hashlib
import random
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from bench.scene import ISSUER
from delegation import canonical
from delegation.authority.chain import Origin, child_payload, root_payload
from delegation.authority.ids import LinkId, TaskId
from delegation.records.engine.database import Database
from delegation.tracker import Tracker

A_TASK = 1000  # links
_DEEPEST = 15
_CHUNK = 2000
_TASK_COLUMNS = (
    "id",
    "root",
    "title",
    "owner",
    "ceiling",
    "state",
    "opened_at",
    "deadline",
    "inferred",
)
_LINK_COLUMNS = (
    "root", "id", "sequence", "task", "parent", "depth", "holder_key", "holder_name", "expires_at", "payload", "at", "mark",
)  # fmt: skip
_EVIDENCE_COLUMNS = ("link", "format", "block", "signature")


@dataclass(frozen=True, slots=True)
class Forest:
    """What was loaded.

    Args:
        deep: Leaves far below their root, for questions.
        middle: Links with many below them.
        names: A sample of all links, to be revoked.
        tasks: Their tasks.
    """

    deep: tuple[LinkId, ...]
    middle: tuple[LinkId, ...]
    names: tuple[LinkId, ...]
    tasks: tuple[TaskId, ...] = ()


class _Templates:
    """Payloads by filling a real one's places, which is a hundred times faster than making each."""

    def __init__(self, tracker: Tracker, ceiling) -> None:
        key, task = b"\x01" * 32, TaskId("tsk_" + "T" * 22)
        grant = ceiling.filled_from(ceiling)
        common = {"holder_key": key, "holder_name": "NNNNNNNN", "salt": b"\x02" * 16}
        self.catalogue = tracker.known_catalogue().revision
        self._root = root_payload(
            Origin(ISSUER, task, None, self.catalogue), grant=grant, **common
        ).replace(task.encode(), b"%TASK%")
        parent = LinkId("lnk_" + "P" * 43)
        self._children = []
        for depth in range(1, _DEEPEST + 1):
            narrower = grant.narrow(delegations_left=max(0, _DEEPEST - depth)) if depth else grant
            self._children.append(
                child_payload(parent, grant=narrower, **common).replace(
                    parent.encode(), b"%PARENT%"
                )
            )
        self._key, self._salt = canonical.b64u(key).encode(), canonical.b64u(b"\x02" * 16).encode()

    def fill(self, data: bytes, key: bytes, salt: bytes, name: str) -> bytes:
        """Return a payload with its holder and salt."""
        return (
            data.replace(self._key, base64.urlsafe_b64encode(key).rstrip(b"="), 1)
            .replace(self._salt, base64.urlsafe_b64encode(salt).rstrip(b"="), 1)
            .replace(b"NNNNNNNN", name.encode(), 1)
        )

    def root(self, task: str) -> bytes:
        """Return a root's payload but for its holder and salt."""
        return self._root.replace(b"%TASK%", task.encode())

    def child(self, parent: str, depth: int) -> bytes:
        """Return a child's payload but for its holder and salt."""
        return self._children[depth - 1].replace(b"%PARENT%", parent.encode())


def _id(payload: bytes) -> str:
    digest = hashlib.sha256(b"dct-link-v1\x00" + payload).digest()
    return "lnk_" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def load(
    tracker: Tracker, ceiling, count: int, *, at: int, seed: int = 7, most: int = A_TASK
) -> Forest:
    """Load so many links into a store whose tables are migrated.

    Args:
        tracker: Over the store, with the scene's tools.
        ceiling: A complete grant.
        count: Links.
        at: Unix seconds.
        seed: Of the forest's shape.
        most: Links of one task.
    """
    chance, made = random.Random(seed), _Templates(tracker, ceiling)
    database = tracker._store._database
    ceiling_text = canonical.text_of(ceiling.to_json())
    a_task = min(most, count)
    tasks = [f"tsk_{secrets.token_urlsafe(16)[:22]}" for _ in range(max(1, count // a_task))]
    deep: list[tuple[int, str]] = []
    middle: list[str] = []
    names: list[str] = []

    def links() -> Iterator[tuple]:
        sequence = 10
        for task in tasks:
            held: list[tuple[str, int]] = []
            deepest = (0, "")
            for number in range(a_task):
                key, salt = chance.randbytes(32), chance.randbytes(16)
                name = f"agent-{chance.randrange(500):03d}"
                if number == 0:
                    parent, depth, data = None, 0, made.root(task)
                else:
                    parent, above = held[chance.randrange(len(held))]
                    depth, data = above + 1, made.child(parent, above + 1)
                payload = made.fill(data, key, salt, name)
                link = _id(payload)
                if depth < _DEEPEST:
                    held.append((link, depth))
                deepest = max(deepest, (depth, link))
                if number == 20:
                    middle.append(link)
                if len(names) < 150_000:
                    names.append(link)
                sequence += 1
                yield (
                    task,
                    link,
                    sequence,
                    task,
                    parent,
                    depth,
                    key,
                    name,
                    ceiling.expires_at,
                    payload,
                    at,
                )
            deep.append(deepest)

    _fill(database, "task", _TASK_COLUMNS, (
        (t, t, "Synthetic", "ana@acme.example", ceiling_text, "open", at, at + 10**6, False) for t in tasks
    ))  # fmt: skip
    _links(database, links())
    with database.writing() as connection:
        connection.exec_driver_sql(f"UPDATE numbers SET n = {count + 100} WHERE name = 'link'")
    _analyse(database)
    chance.shuffle(deep)
    return Forest(
        tuple(LinkId(link) for _, link in deep[:500]), tuple(map(LinkId, middle[:500])), tuple(map(LinkId, names)),
        tuple(map(TaskId, tasks)),
    )  # fmt: skip


def revoke(tracker: Tracker, links: tuple[LinkId, ...], *, at: int) -> None:
    """Revoke links in bulk, as many rows of the real table with dense epochs."""
    columns = ("epoch", "kind", "id", "act", "by", "reason", "cause", "at", "effective_at")
    database = tracker._store._database
    _fill(database, "revocation", columns, (
        (n, "link", link, "revoke", "op", "bench", "", at, at) for n, link in enumerate(links, start=1)
    ))  # fmt: skip
    with database.writing() as connection:
        connection.exec_driver_sql(f"UPDATE numbers SET n = {len(links)} WHERE name = 'epoch'")
    _analyse(database)


def _links(database: Database, found: Iterator[tuple]) -> None:
    signature = b"s" * 64
    while chunk := list(islice(found, 50 * _CHUNK)):
        # No link renews another here, so each has a mark of its own.
        _fill(database, "link", _LINK_COLUMNS, ((*row, row[1].encode()) for row in chunk))
        evidence = ((row[1], "biscuit", b"b" * 32, signature) for row in chunk)
        _fill(database, "link_evidence", _EVIDENCE_COLUMNS, evidence)


def _fill(database: Database, table: str, columns: tuple[str, ...], found: Iterator[tuple]) -> None:
    names = ", ".join(f'"{c}"' for c in columns)
    with database.writing() as connection:
        driver = connection.connection.driver_connection
        if database.is_sqlite:
            marks = ", ".join("?" * len(columns))
            driver.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", found)
            return
        driver.execute("SET LOCAL statement_timeout = 0")
        with (
            driver.cursor() as cursor,
            cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy,
        ):
            for row in found:
                copy.write_row(row)


def _analyse(database: Database) -> None:
    if database.is_sqlite:
        with database.writing() as connection:
            connection.exec_driver_sql("ANALYZE")
        return
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("SET statement_timeout = 0")
        connection.exec_driver_sql("VACUUM ANALYZE")
        connection.exec_driver_sql("SET statement_timeout = 5000")
