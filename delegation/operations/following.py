"""What only a service is asked: its feed, the leases of verifiers, their reports, drawings, its health."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from delegation.authority.ids import TaskId
from delegation.commands.report import ReportResult
from delegation.errors import ForbiddenError, MalformedError, NotFoundError, RenderError
from delegation.identity.keyring import PublicRing
from delegation.judge.lease import MAX_BOUND
from delegation.lineage.entry import TaskEntry
from delegation.lineage.feed import Feed
from delegation.messages.form import SHAPES, Shape
from delegation.operations.listing import MAX_NUMBER, After, At, Limit
from delegation.operations.operation import get, post
from delegation.operations.parameters import Told
from delegation.operations.roles import EVERYONE, PUBLIC, READERS, SERVICES


@dataclass(frozen=True, slots=True)
class Poll:
    """What one poll of a registered verifier brought.

    Args:
        feed: What changed since.
        ring: The issuer's public keys as they are now.
    """

    feed: Feed
    ring: PublicRing


@dataclass(frozen=True, slots=True)
class Registration:
    """A verifier's name at the service, and for how many seconds it may rely on a poll.

    Raises:
        MalformedError: The bound is no number of seconds that a verifier may rely on.
    """

    replica: str
    bound: float

    def __post_init__(self) -> None:
        if not 0 < self.bound <= MAX_BOUND:
            raise MalformedError("bound", wanted="some seconds")


SHAPES[Poll] = Shape(names={"ring": "keys"}, inlined=["feed"])


DRAWINGS = (
    "image/svg+xml",
    "image/png",
    "application/pdf",
    "text/vnd.graphviz",
    "text/plain",
    "application/json",
)


class Following:
    """What a service's clients do beside what a tracker does."""

    @get("/v1/keys/public", PUBLIC, of="public_ring")
    def fresh_ring(self) -> PublicRing:
        """Return the issuer's public keys as they are now."""

    @get("/readyz", PUBLIC, of="health")
    def health(self) -> None:
        """Ask whether the service can decide."""

    @get(
        "/v1/tasks/{task}/graph.{form}",
        READERS,
        read=lambda answer: answer.content,
        media=DRAWINGS,
        refuses=(RenderError, NotFoundError),
    )
    def drawing(self, task: TaskEntry | TaskId | str, form: str, *, at: At = None) -> bytes:
        """Return a task's lineage drawn by the service: json, svg, dot, mmd, txt, png or pdf."""

    @get("/v1/revocations", EVERYONE)
    def feed(
        self,
        *,
        after: After = 0,
        limit: Limit = 100,
        wait: Annotated[float, Told(ge=0, le=300)] = 0,
    ) -> Feed:
        """Return changes of what stands after an epoch, oldest first; wait so many seconds for one."""

    @post("/v1/replicas", SERVICES, status=201)
    def register_replica(self) -> Registration:
        """Register a verifier outside the store; it has no lease until its first poll."""

    @post("/v1/replicas/{replica}/poll", SERVICES, body="PollBody", refuses=(ForbiddenError,))
    def poll_replica(
        self,
        name: Annotated[str, Told(name="replica")],
        *,
        after: Annotated[int, Told("The newest epoch that was applied.", ge=0, le=MAX_NUMBER)],
        limit: Limit = 1000,
        wait: Annotated[float, Told("Seconds to wait for news.", ge=0, le=300)] = 0,
        history: Annotated[
            bool, Told("Leave out closings and registrations, at the first polls.")
        ] = False,
    ) -> Poll:
        """Say what a verifier has applied and return what changed since; never sent twice by itself.

        A lease is counted from before the one request that was answered.
        """

    @post("/v1/decisions/report", SERVICES, member="results", is_repeatable=True)
    def report_decisions(self, reports: Sequence[Mapping[str, Any]]) -> Sequence[ReportResult]:
        """Report decisions that were made outside the store; repeating one changes nothing."""
