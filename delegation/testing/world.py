"""Makes a whole deployment in memory with a clock that stands: tasks, chains and checks in one line each."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from delegation.authority.access import Access
from delegation.authority.capability import Capability
from delegation.authority.catalogue import Tool
from delegation.authority.grant import Grant
from delegation.canonical import Json
from delegation.errors import NotFoundError
from delegation.judge.decision import Decision
from delegation.judge.limits import LASTS
from delegation.lineage.entry import TaskEntry
from delegation.testing.clock import Clock, ClockedKey
from delegation.tokens.token import Token
from delegation.tracker import Tracker

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from delegation.integrations import Guard

AUDIENCE: Final = "https://service.test"
OWNER: Final = "owner@service.test"
ISSUER: Final = "https://authority.test"


class World:
    """A tracker with a clock, keys by name, and everything recorded in memory.

    Nothing is faked but the clock: tokens are signed, proofs are checked, decisions are settled.

    Args:
        audience: The service that calls are meant for, unless a test names another.
        clock: The clock; a new one that stands if left out.
        path: File of a store, for tests that restart; in memory if left out.
    """

    def __init__(
        self, *, audience: str = AUDIENCE, clock: Clock | None = None, path: Path | None = None
    ) -> None:
        """Open the store."""
        self.audience = audience
        self.clock = clock or Clock()
        url = "sqlite://" if path is None else f"sqlite:///{path}"
        ring = None if path is None else path.with_suffix(".ring.json")
        self.tracker = Tracker.open(url, issuer=ISSUER, ring_file=ring, clock=self.clock)
        self._keys: dict[str, ClockedKey] = {}

    def __enter__(self) -> Self:
        """Return the world; it is closed when the block ends."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the store."""
        self.close()

    def close(self) -> None:
        """Close the store."""
        self.tracker.close()

    def key(self, name: str) -> ClockedKey:
        """Return the holder key of this name, made at first use."""
        if name not in self._keys:
            self._keys[name] = ClockedKey(name, secrets.token_bytes(32), self.clock)
        return self._keys[name]

    def tool(self, name: str, *, effect: str = "read", **fields: Any) -> Tool:
        """Record a tool and return it; the fields are those of `Tool`."""
        tool = Tool(name, effect=effect, **fields)
        self.tracker.add_tool(tool)
        return tool

    def task(
        self, *capabilities: Capability, title: str = "Test", lasts: int = LASTS, **fields: Any
    ) -> TaskEntry:
        """Open a task whose ceiling has these capabilities.

        Args:
            capabilities: What may be called.
            title: The task's title.
            lasts: Seconds until its deadline.
            fields: Further fields of the ceiling `Grant`; the audience is the world's unless given.
        """
        given = {"audience": [self.audience], "delegations_left": 15, **fields}
        ceiling = Grant(capabilities, **given)
        return self.tracker.open_task(title, owner=OWNER, ceiling=ceiling, lasts=lasts)

    def root(self, task: TaskEntry, to: str, *, format: str = "biscuit", **fields: Any) -> Token:  # noqa: A002  # the word of the wire
        """Issue a task's root to a holder; the fields narrow the task's ceiling."""
        grant = Grant(**fields)
        return self.tracker.issue(task, to=self.key(to).public, grant=grant, format=format)

    def chain(
        self,
        *names: str,
        can: Capability | list[Capability],
        last: Grant | None = None,
        format: str = "biscuit",  # noqa: A002
        **fields: Any,
    ) -> Token:
        """Open a task, issue its root to the first name and hand it on to each of the others.

        Args:
            names: Holders, root first.
            can: What the task may call.
            last: How the last link narrows; the links before it hand on all they have.
            format: `biscuit` or `macaroon`.
            fields: Further fields of the task's ceiling `Grant`.
        """
        task = self.task(*([can] if isinstance(can, Capability) else can), **fields)
        token = self.root(task, names[0], format=format)
        for by, to in itertools.pairwise(names):
            grant = last if last is not None and to == names[-1] else Grant()
            token = token.delegate(by=self.key(by), to=self.key(to).public, grant=grant)
        return token

    def access(
        self,
        tool: str,
        arguments: Mapping[str, Json] | None = None,
        *,
        audience: str | None = None,
        purpose: str = "",
        max_cost: Mapping[str, int] | None = None,
        cause: str | None = None,
    ) -> Access:
        """Return a call; what it may cost is what the catalogue says it costs, unless given."""
        given = dict(arguments or {})
        most = self._cost(tool, given) if max_cost is None else dict(max_cost)
        return Access(
            tool, given, audience or self.audience, purpose=purpose, max_cost=most, cause=cause
        )

    def check(
        self,
        token: Token,
        by: str,
        tool: str,
        arguments: Mapping[str, Json] | None = None,
        **said: Any,
    ) -> Decision:
        """Prove a call by a holder's key and have it decided and recorded.

        Args:
            token: What is presented.
            by: Whose key proves it.
            tool: The tool's name.
            arguments: Its arguments.
            said: Further fields of `access`.
        """
        access = self.access(tool, arguments, **said)
        return self.tracker.check(token, self.key(by).prove(token, access), access)

    def guard(self) -> Guard:
        """Return a guard of the world's audience that decides by this world."""
        from delegation.integrations import Guard  # noqa: PLC0415  # an extra

        return Guard(self.tracker, audience=self.audience, clock=self.clock)

    def client(self, app: Any, guard: Guard, token: Token, by: str, **said: Any) -> TestClient:
        """Return a client of an application behind a guard; each request is signed by a holder.

        Args:
            app: The ASGI application, its routes declared to the guard.
            guard: As `guard()` made it.
            token: What is presented.
            by: Whose key signs.
            said: `purpose` and `max_cost` of requests that state none, as `Auth` takes them.
        """
        from starlette.testclient import TestClient  # noqa: PLC0415  # an extra

        from delegation.integrations.signing import Auth  # noqa: PLC0415

        client = TestClient(guard.protect(app), base_url=self.audience)
        client.auth = Auth(token, self.key(by), guard.routes(), **said)
        return client

    def decision(self, answer: Any) -> Decision:
        """Return the decision that a guarded service's answer names.

        Raises:
            NotFoundError: It names none, so nothing was decided.
        """
        named = answer.headers.get("Delegation-Decision", "")
        if not named:
            raise NotFoundError("decision", f"in an answer {answer.status_code}")
        return self.tracker.decision(named).decision

    def _cost(self, name: str, arguments: dict[str, Json]) -> dict[str, int]:
        tool = self.tracker.catalogue().tool(name)
        canonical = None if tool is None else tool.canonicalise(arguments)
        if tool is None or not isinstance(canonical, dict):
            return {}
        cost = tool.cost_of(canonical)
        return cost if isinstance(cost, dict) else {}
