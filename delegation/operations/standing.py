"""Declares revocation, suspension and freezing, their effects, and the verifiers that follow them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from delegation.authority.ids import LinkId, TaskId
from delegation.commands import follow, revoke
from delegation.commands.report import ReportResult
from delegation.commands.revocation_effect import MOST as MOST_SUSPENSIONS
from delegation.errors import (
    ConflictError,
    ForbiddenError,
    MalformedError,
    NotFoundError,
    RenderError,
    UnverifiedError,
)
from delegation.export.drawings import DRAWINGS
from delegation.identity.keyring import PublicRing
from delegation.identity.roles import EVERYONE, OPERATOR, PUBLIC, READERS, SERVICES
from delegation.judge.in_process import Holder, RootStanding
from delegation.judge.lease import MAX_BOUND, ReplicaEntry
from delegation.judge.subject import REVOCABLE, SubjectKind
from delegation.lineage.entry import TaskEntry
from delegation.lineage.export_forms import media_types
from delegation.lineage.feed import Feed, Freeze, LastUse, Preview, Revocation
from delegation.lineage.in_process import InProcessEntry
from delegation.lineage.revocation_effect import RevocationEffect
from delegation.messages.form import SHAPES, Shape
from delegation.operations.operation import delete, get, post
from delegation.operations.parameters import MAX_NUMBER, After, At, Limit, Told
from delegation.tokens.token import Token

Ended: Any = Literal.__getitem__(REVOCABLE)
Used = Literal["link", "agent", "key"]
Subject = Annotated[str, Told(max_length=2048)]
Reason = Annotated[str, Told(max_length=500)]
Everywhere = Annotated[bool, Told("Answer when every registered verifier has applied it.")]


def _previewed(given: Mapping[str, Any]) -> str:
    # Whoever may revoke may ask this; everything is only ever suspended.
    return "/v1/suspensions" if given["kind"] == "everything" else "/v1/revocations"


class Standing:
    """Operations on standing."""

    @post(
        "/v1/revocations",
        READERS,
        status=201,
        is_repeatable=True,
        or_else=(Preview,),
        refuses=(NotFoundError, ConflictError),
    )
    def revoke(
        self,
        kind: Annotated[SubjectKind, Told(wire=Ended)],
        id: Subject,  # noqa: A002  # the word of the wire
        *,
        reason: Reason = "",
        effective_at: Annotated[
            int | None, Told("Unix seconds from which it holds; null: at once.")
        ] = None,
        wait: Everywhere = False,
    ) -> Revocation:
        """End a subject and everything below it, for good.

        With `wait`, the answer comes when every registered verifier outside the store has applied
        it, or after 1.2 times their bound; its `barrier` says which.
        """

    @post(
        "/v1/revocations",
        READERS,
        of="revoke",
        is_repeatable=True,
        only_asks=True,
        fixed={"preview": "true"},
        elsewhere=_previewed,
        does=lambda reader, when, **subject: revoke.preview(reader, **subject, at=when.at),
    )
    def preview(self, kind: SubjectKind, id: str) -> Preview:  # noqa: A002
        """Return what would end with a subject now, and what would go on; nothing is changed."""

    @post("/v1/revocations/below", PUBLIC, status=201, refuses=(UnverifiedError, NotFoundError))
    def revoke_below(
        self, token: Token | str, proof: str, link: Annotated[LinkId, Told(max_length=64)]
    ) -> Revocation:
        """Cut a link below the holder's own. Public: the proof is the authority."""

    @post(
        "/v1/suspensions",
        OPERATOR,
        status=201,
        is_repeatable=True,
        or_else=(Preview,),
        refuses=(NotFoundError, ConflictError),
    )
    def suspend(
        self,
        kind: SubjectKind,
        id: Subject,  # noqa: A002
        *,
        reason: Reason = "",
        wait: Everywhere = False,
    ) -> Revocation:
        """End a subject and everything below it until it is resumed."""

    @get(
        "/v1/suspensions",
        READERS,
        member="suspensions",
        does=lambda reader, when: reader.suspensions(at=when.at, limit=MOST_SUSPENSIONS),
    )
    def suspensions(self) -> Sequence[Revocation]:
        """List the suspensions that hold, newest first."""

    @post("/v1/resumptions", OPERATOR, status=201, refuses=(NotFoundError, ConflictError))
    def resume(
        self,
        kind: SubjectKind,
        id: Subject,  # noqa: A002
        *,
        reason: Reason = "",
    ) -> Revocation:
        """End a suspension; a second time is refused."""

    @post("/v1/freeze", OPERATOR, status=201, is_repeatable=True, refuses=(ConflictError,))
    def freeze(self, *, reason: Reason = "", wait: Everywhere = True) -> Freeze:
        """Suspend everything; the answer says what the last allowed call was and who has confirmed."""

    @post("/v1/unfreeze", OPERATOR, status=201, body="FreezeBody", refuses=(ConflictError,))
    def unfreeze(self, *, reason: Reason = "") -> Revocation:
        """End a freeze."""

    @get(
        "/v1/last-use",
        READERS,
        does=lambda reader, _, **subject: revoke.last_use(reader, **subject),
    )
    def last_use(
        self,
        kind: Annotated[SubjectKind, Told(wire=Used)],
        id: Subject,  # noqa: A002
    ) -> LastUse:
        """Return the newest call that a link, an agent or a key made.

        Raises:
            MalformedError: The subject is of another kind.
        """

    @get(
        "/v1/revocations",
        EVERYONE,
        of="feed",
        member="revocations",
        does=lambda reader, _, **page: reader.feed(**page).changes,
    )
    def revocations(self, *, after: After = 0, limit: Limit = 100) -> Sequence[Revocation]:
        """List changes of standing with an epoch above `after`, oldest first."""

    @get("/v1/revocations/{epoch}", READERS)
    def ending(self, epoch: int) -> RevocationEffect:
        """Return what came of one change: the last call it left, what it refused, who has applied it."""

    @get("/v1/replicas", READERS, member="replicas", does=lambda reader, _: reader.replicas())
    def replicas(self) -> Sequence[ReplicaEntry]:
        """List registered verifiers outside the store and what they have applied."""

    @delete("/v1/replicas/{replica}", SERVICES, refuses=(ForbiddenError,))
    def leave_replica(self, name: Annotated[str, Told(name="replica")]) -> None:
        """Forget a verifier that allows nothing any more."""

    @get(
        "/v1/local-decisions",
        READERS,
        member="decisions",
        does=lambda reader, _, **wanted: reader.local_decisions(**wanted),
    )
    def local_decisions(
        self, *, conflicts: bool = False, after: After = 0, limit: Limit = 100
    ) -> Sequence[tuple[int, InProcessEntry]]:
        """List decisions made outside the store, or those that the service would have denied."""

    @post(
        "/v1/standing",
        SERVICES,
        is_repeatable=True,
        refuses=(NotFoundError,),
        does=lambda reader, _, **asked: follow.standing(reader, **asked),
    )
    def standing(self, root: LinkId | str, holders: Sequence[Holder] = ()) -> RootStanding:
        """Return what step 10 asks about a root and the holders below it.

        Raises:
            MalformedError: Too many holders, or an id or name of another form.
            NotFoundError: No root of that id was recorded when it was issued.
        """


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


_DRAWN: Final = media_types(DRAWINGS)


class Following:
    """Operations that only a service has."""

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
        media=_DRAWN,
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
        """Return changes of standing after an epoch, oldest first; wait so many seconds for one."""

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
