"""What commands ask of a store or of a service; both answer in one form."""

from __future__ import annotations

import getpass
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from delegation.authority.catalogue import Catalogue, Tool
from delegation.authority.grant import Grant
from delegation.canonical import Json
from delegation.errors import ServiceError, UnauthenticatedError
from delegation.export.exported import Exported
from delegation.graph import assessment_json, tightening_json
from delegation.identity.keyring import PublicRing
from delegation.identity.principal import PublicKey
from delegation.judge.approval_request import Verdict
from delegation.judge.decision import Decision
from delegation.judge.facts import SubjectKind
from delegation.lineage.approval import ApprovalEntry, ApprovalState, ApprovalStatus
from delegation.lineage.entry import Lineage, LinkEntry, TaskEntry, TaskState
from delegation.lineage.export_job import ExportJob
from delegation.lineage.feed import Revocation
from delegation.lineage.freeze import Freeze
from delegation.lineage.preview import Preview
from delegation.lineage.selection import Selection
from delegation.lineage.tightening import TightenKind
from delegation.lineage.usage import LastUse
from delegation.messages.values import link_json, payload_json
from delegation.tokens.token import Token
from delegation.tracker.open_child import Opening
from delegation.tracker.work import Agent, ApiKey, DecisionDetail, Role

if TYPE_CHECKING:
    from delegation.client import Client
    from delegation.embedded import Tracker


@dataclass(frozen=True, slots=True)
class Place(ABC):
    """What commands ask. `Tracker` and `Client` have the same methods; what differs is abstract.

    Args:
        on: The store with its ring in this process, or the service.
    """

    on: Tracker | Client

    def tasks(self, limit: int) -> Sequence[TaskEntry]:
        """Return tasks, newest first."""
        return self.on.tasks(limit=limit)

    def open_task(self, title: str, owner: str, ceiling: Grant, **told: Any) -> TaskEntry:
        """Open a task with a ceiling."""
        return self.on.open_task(title, owner=owner, ceiling=ceiling, **told)

    def close_task(self, task: str, state: TaskState) -> TaskEntry:
        """Close a task, and end all authority under it."""
        return self.on.close_task(task, state)

    def issue(self, task: str, to: PublicKey, grant: Grant, token_format: str) -> Token:
        """Have a task's root issued to a holder."""
        return self.on.issue(task, to=to, grant=grant, format=token_format)

    def announce(self, token: Token, proof: str) -> LinkEntry:
        """Show a token before it is used."""
        return self.on.announce(token, proof)

    def public_ring(self) -> PublicRing:
        """Return the issuer's public keys."""
        return self.on.public_ring()

    def lineage(self, task: str) -> Lineage:
        """Return a task's links and decisions."""
        return self.on.lineage(task).entry

    def child_tasks(self, task: str) -> Sequence[TaskEntry]:
        """Return the tasks that agents opened below a task."""
        return self.on.child_tasks(task)

    def open_child_task(self, token: str, proof: str, opening: Opening) -> tuple[TaskEntry, Token]:
        """Open a task under a holder's link."""
        return self.on.open_child_task(token, proof, opening)

    def link(self, link: str) -> LinkEntry:
        """Return a recorded link."""
        return self.on.link(link)

    def decision(self, decision: str) -> DecisionDetail:
        """Return one decision with everything that was kept of it."""
        return self.on.decision(decision)

    def preview(self, kind: str, subject: str) -> Preview:
        """Return what would end with something, and what would go on."""
        return self.on.preview(cast("SubjectKind", kind), subject)

    def renew(self, link: str, lasts: int | None, token_format: str) -> Token:
        """Have a root issued in place of an earlier one."""
        return self.on.renew(link, lasts=lasts, format=token_format)

    def last_use(self, kind: str, subject: str) -> LastUse:
        """Return the newest call of a link, an agent or a key."""
        return self.on.last_use(cast("SubjectKind", kind), subject)

    def agents(self) -> Sequence[Agent]:
        """Return all registered agents."""
        return self.on.agents()

    def add_agent(
        self, name: str, owner: str, keys: Sequence[PublicKey], recertify_by: int | None
    ) -> Agent:
        """Register an agent, or vouch for it again."""
        return self.on.add_agent(name, owner=owner, keys=keys, recertify_by=recertify_by)

    def api_keys(self) -> Sequence[ApiKey]:
        """Return all API keys."""
        return self.on.api_keys()

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
        named = cast("Role", role)
        return self.on.create_api_key(
            name, named, audiences, person=person, approves_as=approves_as
        )

    def revoke_api_key(self, name: str) -> None:
        """Withdraw an API key."""
        self.on.revoke_api_key(name)

    def catalogue(self) -> Catalogue:
        """Return all tools with all their revisions."""
        return self.on.catalogue()

    def ended_tools(self) -> Sequence[Revocation]:
        """Return what is ended of tools and systems."""
        return self.on.ended_tools()

    def ended_before(self, link: str) -> Sequence[Revocation]:
        """Return what was ended of all that a link touches when it was recorded."""
        return self.on.ended_before(link)

    def add_tool(self, tool: Tool) -> int:
        """Record a definition and return the catalogue's revision."""
        return self.on.add_tool(tool)

    def label_resources(self, pattern: str, labels: Sequence[str]) -> int:
        """Declare labels of resources and return the catalogue's revision."""
        return self.on.label_resources(pattern, labels)

    def approvals(
        self, state: ApprovalState | None, after: int, limit: int
    ) -> Sequence[ApprovalEntry | ApprovalStatus]:
        """Return requests for approval in the order they were opened."""
        return self.on.approvals(state=state, after=after, limit=limit)

    def approval(self, request: str) -> ApprovalEntry | ApprovalStatus:
        """Return a request; a service's key sees only how it stands."""
        return self.on.approval(request)

    def export(self, asked: Selection) -> Exported:
        """Return a view as a file."""
        return self.on.export(asked.view, asked.form, **asked.given)

    def ask_export(self, asked: Selection) -> ExportJob:
        """Have a view made into a file beside the caller."""
        given: dict[str, Any] = {**asked.given}
        return self.on.ask_export(asked.view, asked.form, **given)

    def export_job(self, job: str) -> ExportJob:
        """Return how far one's own job is."""
        return self.on.export_job(job)

    def export_file(self, job: str) -> Exported:
        """Return the file of one's own finished job."""
        return self.on.export_file(job)

    def cancel_export(self, job: str) -> ExportJob:
        """End one's own job, and forget its file."""
        return self.on.cancel_export(job)

    # What a store is told and a service knows: who asks.

    @abstractmethod
    def inspect(self, token: str) -> dict[str, Any]:
        """Return what a token says, as `POST /v1/inspect` answers it."""

    @abstractmethod
    def check(self, token: str, proof: str | None, access: Json) -> Decision:
        """Decide one call and record it."""

    @abstractmethod
    def revoke(self, kind: str, subject: str, reason: str, *, wait: bool) -> Revocation:
        """End something and all below it, for good."""

    @abstractmethod
    def suspend(self, kind: str, subject: str, reason: str, *, wait: bool) -> Revocation:
        """End something and all below it until it is resumed."""

    @abstractmethod
    def resume(self, kind: str, subject: str, reason: str) -> Revocation:
        """End a suspension."""

    @abstractmethod
    def freeze(self, reason: str, *, wait: bool) -> Freeze:
        """Suspend everything."""

    @abstractmethod
    def rotate_key(
        self, name: str, old: PublicKey, new: PublicKey, effective_at: int | None
    ) -> Revocation:
        """Register an agent's new key and revoke its old one."""

    @abstractmethod
    def assert_guardrails(self, rules: str, task: str | None, *, ended: bool) -> dict[str, Any]:
        """Return what becomes of guardrails, as `POST /v1/guardrails` answers it."""

    @abstractmethod
    def tighten(self, kind: TightenKind, subject: str, **asked: Any) -> Sequence[dict[str, Any]]:
        """Return proposals of narrower grants, as `POST /v1/tighten` answers it."""

    @abstractmethod
    def answer(self, request: str, verdict: Verdict, reason: str, secret: str) -> ApprovalEntry:
        """Grant or refuse a request, as the person whose API key this is."""


@dataclass(frozen=True, slots=True)
class OnStore(Place):
    """A store and its ring, in this process."""

    on: Tracker

    def inspect(self, token: str) -> dict[str, Any]:
        found = self.on.inspect(token)
        return {
            "format": found.token_format,
            "links": [payload_json(link) for link in found.links],
            "recorded": [None if e is None else link_json(e) for e in found.entries],
            "denial": None if found.denial is None else found.denial.to_json(),
        }

    def check(self, token: str, proof: str | None, access: Json) -> Decision:
        return self.on.check(token, proof, access, client="command line")

    def revoke(self, kind: str, subject: str, reason: str, *, wait: bool) -> Revocation:
        named = cast("SubjectKind", kind)
        return self.on.revoke(named, subject, by=_by(), reason=reason, wait=wait)

    def suspend(self, kind: str, subject: str, reason: str, *, wait: bool) -> Revocation:
        named = cast("SubjectKind", kind)
        return self.on.suspend(named, subject, by=_by(), reason=reason, wait=wait)

    def resume(self, kind: str, subject: str, reason: str) -> Revocation:
        return self.on.resume(cast("SubjectKind", kind), subject, by=_by(), reason=reason)

    def freeze(self, reason: str, *, wait: bool) -> Freeze:
        return self.on.freeze(by=_by(), reason=reason, wait=wait)

    def rotate_key(
        self, name: str, old: PublicKey, new: PublicKey, effective_at: int | None
    ) -> Revocation:
        return self.on.rotate_key(name, old=old, new=new, by=_by(), effective_at=effective_at)

    def assert_guardrails(self, rules: str, task: str | None, *, ended: bool) -> dict[str, Any]:
        return assessment_json(self.on.assert_guardrails(rules, task=task, ended=ended))

    def tighten(self, kind: TightenKind, subject: str, **asked: Any) -> Sequence[dict[str, Any]]:
        return [tightening_json(one) for one in self.on.tighten(kind, subject, **asked)]

    def answer(self, request: str, verdict: Verdict, reason: str, secret: str) -> ApprovalEntry:
        # Whoever holds the store is no approver yet: the person's own key says who answers.
        by = self.on.authenticate(secret)
        if by is None:
            raise UnauthenticatedError(
                "There is no such API key.", remedy="Set DELEGATION_API_KEY to an approver's key."
            )
        deeds = {"grant": self.on.grant_approval, "refuse": self.on.refuse_approval}
        return deeds[verdict](request, by=by, reason=reason)


@dataclass(frozen=True, slots=True)
class AtService(Place):
    """A running service, called with the API key of the environment."""

    on: Client

    def inspect(self, token: str) -> dict[str, Any]:
        return as_written(self.on.inspect(token))

    def check(self, token: str, proof: str | None, access: Json) -> Decision:
        return self.on.check(token, proof, access)

    def revoke(self, kind: str, subject: str, reason: str, *, wait: bool) -> Revocation:
        return self.on.revoke(cast("SubjectKind", kind), subject, reason=reason, wait=wait)

    def suspend(self, kind: str, subject: str, reason: str, *, wait: bool) -> Revocation:
        return self.on.suspend(cast("SubjectKind", kind), subject, reason=reason, wait=wait)

    def resume(self, kind: str, subject: str, reason: str) -> Revocation:
        return self.on.resume(cast("SubjectKind", kind), subject, reason=reason)

    def freeze(self, reason: str, *, wait: bool) -> Freeze:
        return self.on.freeze(reason=reason, wait=wait)

    def rotate_key(
        self, name: str, old: PublicKey, new: PublicKey, effective_at: int | None
    ) -> Revocation:
        return self.on.rotate_key(name, old=old, new=new, effective_at=effective_at)

    def assert_guardrails(self, rules: str, task: str | None, *, ended: bool) -> dict[str, Any]:
        return self.on.assert_guardrails(rules, task=task, ended=ended)

    def tighten(self, kind: TightenKind, subject: str, **asked: Any) -> Sequence[dict[str, Any]]:
        return self.on.tighten(kind, subject, **asked)

    def answer(self, request: str, verdict: Verdict, reason: str, secret: str) -> ApprovalEntry:
        # The client sends the same key from the environment.
        deeds = {"grant": self.on.grant_approval, "refuse": self.on.refuse_approval}
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
