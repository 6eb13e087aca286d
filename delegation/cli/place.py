"""What commands ask of a store or of a service; both answer in one form."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, cast

from delegation.authority.catalogue import Catalogue, Tool
from delegation.canonical import Json
from delegation.client import Client
from delegation.embedded import Tracker
from delegation.errors import ServiceError, UnauthenticatedError
from delegation.export.exported import Exported
from delegation.graph import assessment_json, tightening_json
from delegation.judge.approval_request import Verdict
from delegation.judge.decision import Decision
from delegation.judge.facts import SubjectKind
from delegation.lineage.approval import ApprovalEntry, ApprovalState, ApprovalStatus
from delegation.lineage.entry import Lineage, LinkEntry, TaskEntry
from delegation.lineage.export_job import ExportJob
from delegation.lineage.feed import Revocation
from delegation.lineage.freeze import Freeze
from delegation.lineage.preview import Preview
from delegation.lineage.selection import Selection
from delegation.lineage.tightening import TightenKind
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

    def revoke(self, kind: str, subject: str, reason: str, *, wait: bool) -> Revocation:
        """End something and all below it, for good."""

    def suspend(self, kind: str, subject: str, reason: str, *, wait: bool) -> Revocation:
        """End something and all below it until it is resumed."""

    def resume(self, kind: str, subject: str, reason: str) -> Revocation:
        """End a suspension."""

    def freeze(self, reason: str, *, wait: bool) -> Freeze:
        """Suspend everything."""

    def preview(self, kind: str, subject: str) -> Preview:
        """Return what would end with something, and what would go on."""

    def api_keys(self) -> Sequence[ApiKey]:
        """Return all API keys."""

    def create_api_key(
        self,
        name: str,
        role: str,
        audiences: Sequence[str],
        *,
        person: str = "",
        approves_as: Sequence[str] = (),
    ) -> str:
        """Make an API key and return its secret."""

    def revoke_api_key(self, name: str) -> None:
        """Withdraw an API key."""

    def catalogue(self) -> Catalogue:
        """Return all tools with all their revisions."""

    def add_tool(self, tool: Tool) -> int:
        """Record a definition and return the catalogue's revision."""

    def assert_guardrails(self, rules: str, task: str | None, *, ended: bool) -> dict[str, Any]:
        """Return what becomes of guardrails, as `POST /v1/guardrails` answers it."""

    def tighten(self, kind: TightenKind, subject: str, **asked: Any) -> Sequence[dict[str, Any]]:
        """Return proposals of narrower grants, as `POST /v1/tighten` answers it."""

    def approvals(
        self, state: ApprovalState | None, after: int, limit: int
    ) -> Sequence[ApprovalEntry | ApprovalStatus]:
        """Return requests for approval in the order they were opened."""

    def approval(self, request: str) -> ApprovalEntry | ApprovalStatus:
        """Return a request; a service's key sees only how it stands."""

    def export(self, asked: Selection) -> Exported:
        """Return a view as a file."""

    def ask_export(self, asked: Selection) -> ExportJob:
        """Have a view made into a file beside the caller."""

    def export_job(self, job: str) -> ExportJob:
        """Return how far one's own job is."""

    def export_file(self, job: str) -> Exported:
        """Return the file of one's own finished job."""

    def cancel_export(self, job: str) -> ExportJob:
        """End one's own job, and forget its file."""

    def answer(self, request: str, verdict: Verdict, reason: str, secret: str) -> ApprovalEntry:
        """Grant or refuse a request, as the person whose API key this is."""


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

    def revoke(self, kind: str, subject: str, reason: str, *, wait: bool) -> Revocation:
        named = cast("SubjectKind", kind)
        return self.tracker.revoke(named, subject, by=_by(), reason=reason, wait=wait)

    def suspend(self, kind: str, subject: str, reason: str, *, wait: bool) -> Revocation:
        named = cast("SubjectKind", kind)
        return self.tracker.suspend(named, subject, by=_by(), reason=reason, wait=wait)

    def resume(self, kind: str, subject: str, reason: str) -> Revocation:
        return self.tracker.resume(cast("SubjectKind", kind), subject, by=_by(), reason=reason)

    def freeze(self, reason: str, *, wait: bool) -> Freeze:
        return self.tracker.freeze(by=_by(), reason=reason, wait=wait)

    def preview(self, kind: str, subject: str) -> Preview:
        return self.tracker.preview(cast("SubjectKind", kind), subject)

    def api_keys(self) -> Sequence[ApiKey]:
        return self.tracker.api_keys()

    def create_api_key(
        self,
        name: str,
        role: str,
        audiences: Sequence[str],
        *,
        person: str = "",
        approves_as: Sequence[str] = (),
    ) -> str:
        return self.tracker.create_api_key(
            name, cast("Role", role), audiences, person=person, approves_as=approves_as
        )

    def revoke_api_key(self, name: str) -> None:
        self.tracker.revoke_api_key(name)

    def catalogue(self) -> Catalogue:
        return self.tracker.catalogue()

    def add_tool(self, tool: Tool) -> int:
        return self.tracker.add_tool(tool)

    def assert_guardrails(self, rules: str, task: str | None, *, ended: bool) -> dict[str, Any]:
        return assessment_json(self.tracker.assert_guardrails(rules, task=task, ended=ended))

    def tighten(self, kind: TightenKind, subject: str, **asked: Any) -> Sequence[dict[str, Any]]:
        return [tightening_json(one) for one in self.tracker.tighten(kind, subject, **asked)]

    def approvals(
        self, state: ApprovalState | None, after: int, limit: int
    ) -> Sequence[ApprovalEntry | ApprovalStatus]:
        return self.tracker.approvals(state=state, after=after, limit=limit)

    def approval(self, request: str) -> ApprovalEntry | ApprovalStatus:
        return self.tracker.approval(request)

    def export(self, asked: Selection) -> Exported:
        return self.tracker.export(asked.view, asked.form, **asked.given)

    def ask_export(self, asked: Selection) -> ExportJob:
        given: dict[str, Any] = {**asked.given}
        return self.tracker.ask_export(asked.view, asked.form, **given)

    def export_job(self, job: str) -> ExportJob:
        return self.tracker.export_job(job)

    def export_file(self, job: str) -> Exported:
        return self.tracker.export_file(job)

    def cancel_export(self, job: str) -> ExportJob:
        return self.tracker.cancel_export(job)

    def answer(self, request: str, verdict: Verdict, reason: str, secret: str) -> ApprovalEntry:
        # Whoever holds the store is no approver yet: the person's own key says who answers.
        by = self.tracker.authenticate(secret)
        if by is None:
            raise UnauthenticatedError(
                "There is no such API key.", remedy="Set DELEGATION_API_KEY to an approver's key."
            )
        deeds = {"grant": self.tracker.grant_approval, "refuse": self.tracker.refuse_approval}
        return deeds[verdict](request, by=by, reason=reason)


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

    def revoke(self, kind: str, subject: str, reason: str, *, wait: bool) -> Revocation:
        return self.client.revoke(kind, subject, reason=reason, wait=wait)

    def suspend(self, kind: str, subject: str, reason: str, *, wait: bool) -> Revocation:
        return self.client.suspend(kind, subject, reason=reason, wait=wait)

    def resume(self, kind: str, subject: str, reason: str) -> Revocation:
        return self.client.resume(kind, subject, reason=reason)

    def freeze(self, reason: str, *, wait: bool) -> Freeze:
        return self.client.freeze(reason=reason, wait=wait)

    def preview(self, kind: str, subject: str) -> Preview:
        return self.client.preview(kind, subject)

    def api_keys(self) -> Sequence[ApiKey]:
        return self.client.api_keys()

    def create_api_key(
        self,
        name: str,
        role: str,
        audiences: Sequence[str],
        *,
        person: str = "",
        approves_as: Sequence[str] = (),
    ) -> str:
        return self.client.create_api_key(
            name, role, audiences, person=person, approves_as=approves_as
        )

    def revoke_api_key(self, name: str) -> None:
        self.client.revoke_api_key(name)

    def catalogue(self) -> Catalogue:
        return self.client.catalogue()

    def add_tool(self, tool: Tool) -> int:
        return self.client.add_tool(tool)

    def assert_guardrails(self, rules: str, task: str | None, *, ended: bool) -> dict[str, Any]:
        return self.client.assert_guardrails(rules, task=task, ended=ended)

    def tighten(self, kind: TightenKind, subject: str, **asked: Any) -> Sequence[dict[str, Any]]:
        return self.client.tighten(kind, subject, **asked)

    def approvals(
        self, state: ApprovalState | None, after: int, limit: int
    ) -> Sequence[ApprovalEntry | ApprovalStatus]:
        return self.client.approvals(state=state, after=after, limit=limit)

    def approval(self, request: str) -> ApprovalEntry | ApprovalStatus:
        return self.client.approval(request)

    def export(self, asked: Selection) -> Exported:
        return self.client.export(asked.view, asked.form, **asked.given)

    def ask_export(self, asked: Selection) -> ExportJob:
        return self.client.ask_export(asked.view, asked.form, **asked.given)

    def export_job(self, job: str) -> ExportJob:
        return self.client.export_job(job)

    def export_file(self, job: str) -> Exported:
        return self.client.export_file(job)

    def cancel_export(self, job: str) -> ExportJob:
        return self.client.cancel_export(job)

    def answer(self, request: str, verdict: Verdict, reason: str, secret: str) -> ApprovalEntry:
        # The client sends the same key from the environment.
        deeds = {"grant": self.client.grant_approval, "refuse": self.client.refuse_approval}
        return deeds[verdict](request, reason=reason)


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


def _by() -> str:
    return f"command line, {_user()}"


@contextmanager
def as_answered() -> Iterator[None]:
    """Turn an answer that lacks what the service writes into an error; whoever answers may not be it.

    Raises:
        ServiceError: It does.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise ServiceError(
            200, "answer_malformed", "Something else came back than the service writes."
        ) from error


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return f"user {os.getuid()}"
