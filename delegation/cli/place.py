"""What commands ask of a store or of a service; both answer in one form."""

from __future__ import annotations

import getpass
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from delegation.authority.catalogue import Catalogue, Tool
from delegation.canonical import Json
from delegation.client import Client
from delegation.embedded import Tracker
from delegation.errors import ServiceError
from delegation.judge.decision import Decision
from delegation.judge.facts import SubjectKind
from delegation.lineage.entry import Lineage, LinkEntry, TaskEntry
from delegation.messages.values import link_json, payload_json
from delegation.tracker.work import ApiKey, DecisionDetail, Role


class Place(Protocol):
    """What commands ask; the methods of `Tracker` and `Client`, with one form of answer."""

    def tasks(self, limit: int) -> Sequence[TaskEntry]:
        """Return tasks, newest first."""

    def lineage(self, task: str) -> Lineage:
        """Return a task's links and decisions."""

    def link(self, link: str) -> LinkEntry:
        """Return a recorded link."""

    def inspect(self, token: str) -> dict[str, Any]:
        """Return what a token says, as `POST /v1/inspect` answers it."""

    def check(self, token: str, proof: str | None, access: Json) -> Decision:
        """Decide one call and record it."""

    def decision(self, decision: str) -> DecisionDetail:
        """Return one decision with everything that was kept of it."""

    def revoke(self, kind: str, subject: str, reason: str) -> int:
        """End something and all below it; return the revocation's epoch."""

    def api_keys(self) -> Sequence[ApiKey]:
        """Return all API keys."""

    def create_api_key(self, name: str, role: str, audiences: Sequence[str]) -> str:
        """Make an API key and return its secret."""

    def revoke_api_key(self, name: str) -> None:
        """Withdraw an API key."""

    def catalogue(self) -> Catalogue:
        """Return all tools with all their revisions."""

    def add_tool(self, tool: Tool) -> int:
        """Record a definition and return the catalogue's revision."""


@dataclass(frozen=True, slots=True)
class OnStore:
    """A store and its ring, in this process."""

    tracker: Tracker

    def tasks(self, limit: int) -> Sequence[TaskEntry]:
        return self.tracker.tasks(limit=limit)

    def lineage(self, task: str) -> Lineage:
        return self.tracker.lineage(task).entry

    def link(self, link: str) -> LinkEntry:
        return self.tracker.link(link)

    def inspect(self, token: str) -> dict[str, Any]:
        found = self.tracker.inspect(token)
        return {
            "format": found.token_format,
            "links": [payload_json(link) for link in found.links],
            "recorded": [None if e is None else link_json(e) for e in found.entries],
            "denial": None if found.denial is None else found.denial.to_json(),
        }

    def check(self, token: str, proof: str | None, access: Json) -> Decision:
        return self.tracker.check(token, proof, access, client="command line")

    def decision(self, decision: str) -> DecisionDetail:
        return self.tracker.decision(decision)

    def revoke(self, kind: str, subject: str, reason: str) -> int:
        by = f"command line, {_user()}"
        return self.tracker.revoke(cast("SubjectKind", kind), subject, by=by, reason=reason).epoch

    def api_keys(self) -> Sequence[ApiKey]:
        return self.tracker.api_keys()

    def create_api_key(self, name: str, role: str, audiences: Sequence[str]) -> str:
        return self.tracker.create_api_key(name, cast("Role", role), audiences)

    def revoke_api_key(self, name: str) -> None:
        self.tracker.revoke_api_key(name)

    def catalogue(self) -> Catalogue:
        return self.tracker.catalogue()

    def add_tool(self, tool: Tool) -> int:
        return self.tracker.add_tool(tool)


@dataclass(frozen=True, slots=True)
class AtService:
    """A running service, called with the API key of the environment."""

    client: Client

    def tasks(self, limit: int) -> Sequence[TaskEntry]:
        return self.client.tasks(limit=limit)

    def lineage(self, task: str) -> Lineage:
        return self.client.lineage(task)

    def link(self, link: str) -> LinkEntry:
        return self.client.link(link)

    def inspect(self, token: str) -> dict[str, Any]:
        return as_written(self.client.inspect(token))

    def check(self, token: str, proof: str | None, access: Json) -> Decision:
        return self.client.check(token, proof, access)

    def decision(self, decision: str) -> DecisionDetail:
        return self.client.decision(decision)

    def revoke(self, kind: str, subject: str, reason: str) -> int:
        return self.client.revoke(kind, subject, reason=reason).epoch

    def api_keys(self) -> Sequence[ApiKey]:
        return self.client.api_keys()

    def create_api_key(self, name: str, role: str, audiences: Sequence[str]) -> str:
        return self.client.create_api_key(name, role, audiences)

    def revoke_api_key(self, name: str) -> None:
        self.client.revoke_api_key(name)

    def catalogue(self) -> Catalogue:
        return self.client.catalogue()

    def add_tool(self, tool: Tool) -> int:
        return self.client.add_tool(tool)


def as_written(found: dict[str, Any]) -> dict[str, Any]:
    """Return an inspection if it has the form that the service writes; whoever answers may not be it.

    Raises:
        ServiceError: It has another form.
    """
    try:
        denial, links, entries = found["denial"], found["links"], found["recorded"]
        right = isinstance(found["format"], str) and len(links) == len(entries)
        for link, entry in zip(links, entries, strict=False):
            right = right and isinstance(link["id"], str) and isinstance(link["holder_name"], str)
            right = right and type(link["grant"]["expires_at"]) is int
            right = right and (entry is None or isinstance(entry["standing"], str))
        if denial is not None:
            texts = (denial["code"], denial["message"], denial["remedy"])
            right = right and type(denial["step"]) is int and all(type(t) is str for t in texts)
    except (KeyError, TypeError):
        right = False
    if not right:
        raise ServiceError(
            200, "answer_malformed", "Something else came back than the service writes."
        )
    return found


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return f"user {os.getuid()}"
