"""Defines the one tree of errors, split by whose fault it is.

A denial of a call is a value (`delegation.judge.decision.Decision`), never an exception: what
stands here are faults. Every class has a stable `code`; the sentence may change, the code may not.
No message carries a secret, token bytes or an unverified value.
"""

from __future__ import annotations

from typing import ClassVar, Final

from delegation.distribution import installing


class DelegationError(Exception):
    """The root of everything that this package raises on purpose.

    `code` is promised to callers; docs/reference/errors.md has one heading for each.
    """

    code: ClassVar[str] = "delegation_error"

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class CallerDataError(DelegationError):
    """The caller's data has a form that is not accepted."""

    code: ClassVar[str] = "caller_data"


_DONE: Final = {"made": "Make", "stated": "State", "given": "Give"}  # what is to be done to a field


class MalformedError(CallerDataError):
    """A value has another form than the one documented.

    Names the field, never its value: that may come from something nobody has verified.
    """

    code: ClassVar[str] = "malformed"

    def __init__(self, field: str, *, wanted: str, remedy: str = "") -> None:
        inner = field
        for article in ("The ", "A ", "An "):
            inner = "the " + field[len(article) :] if field.startswith(article) else inner
        first, _, rest = wanted.partition(" ")
        way = (_DONE[first], inner, rest) if first in _DONE else ("Make", inner, wanted)
        super().__init__(
            f"{field} must be {wanted}.", remedy=remedy or f"{' '.join(filter(None, way))}."
        )
        self.field = field
        self.wanted = wanted


class UnfitError(MalformedError):
    """A grant or rule does not go with the tools that it names: no call could ever be admitted by it.

    `reason` is the code that a call under it would be denied with.

    Args:
        reason: The rule's code.
        field: Dotted path to what does not fit.
        message: One sentence.
        remedy: What fits.
    """

    code: ClassVar[str] = "unfit"

    def __init__(self, reason: str, field: str, message: str, *, remedy: str = "") -> None:
        # Not by `super`: its sentence is made otherwise.
        DelegationError.__init__(self, message, remedy=remedy)
        self.reason = reason
        self.field = field
        self.wanted = message


class NotFoundError(CallerDataError):
    """Nothing is recorded under the id or name that was given."""

    code: ClassVar[str] = "not_found"

    def __init__(self, kind: str, name: str, *, remedy: str = "") -> None:
        one = f"an {kind}" if kind[:1] in "aeiou" else f"a {kind}"
        super().__init__(
            f"There is no {kind} {name!r}.",
            remedy=remedy or f"Name {one} that is recorded in this store or service.",
        )
        self.kind = kind
        self.name = name


class ConflictError(CallerDataError):
    """The request contradicts what is already recorded."""

    code: ClassVar[str] = "conflict"


class ExportTooLargeError(CallerDataError):
    """An export has more in it than may be made so; nothing of it was made.

    Args:
        number: How much it has, as far as it was counted.
        most: How much it may have.
        unit: Of what.
    """

    code: ClassVar[str] = "export_too_large"

    def __init__(self, number: int, most: int, *, unit: str = "entries") -> None:
        super().__init__(
            f"The export has {number} {unit}; at most {most} are allowed.",
            remedy="Narrow the filter, or ask for it as a job: POST /v1/exports.",
        )


class IdempotencyError(CallerDataError):
    """An idempotency key was used before for another request."""

    code: ClassVar[str] = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__(
            "The idempotency key was used before for another request.",
            remedy="Make a new key for each request, and repeat a request unchanged.",
        )


class AuthorityError(DelegationError):
    """The caller's authority does not reach as far as what it asked for."""

    code: ClassVar[str] = "authority"


class WiderThanParentError(AuthorityError):
    """A grant would hold more than the one it is narrowed from. Narrowing refuses, never clips.

    `field` is a dotted path into the child grant; `reason` is the code that the verifier would
    give at step 5 for a token holding such a link.
    """

    code: ClassVar[str] = "wider_than_parent"

    def __init__(self, reason: str, field: str, message: str, *, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.reason = reason
        self.field = field


class NotHolderError(AuthorityError):
    """A key other than the leaf's holder key was used to delegate, prove or revoke."""

    code: ClassVar[str] = "not_holder"


class UnverifiedError(AuthorityError):
    """A token, proof or statement does not verify; `reason` names the step's code."""

    code: ClassVar[str] = "unverified"

    def __init__(self, reason: str, message: str, *, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.reason = reason


class UnauthenticatedError(AuthorityError):
    """No API key, or one that nobody holds any longer (401)."""

    code: ClassVar[str] = "unauthenticated"


class ForbiddenError(AuthorityError):
    """The caller is known, and its role does not allow this command."""

    code: ClassVar[str] = "forbidden"


class ApproverRefusedError(ForbiddenError):
    """A person may not answer this request for approval; `reason` says why."""

    code: ClassVar[str] = "approver_refused"

    def __init__(self, reason: str, message: str, *, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.reason = reason


class TooFastError(ForbiddenError):
    """A person answers requests more often than anybody reads them (429)."""

    code: ClassVar[str] = "approver_too_fast"

    def __init__(self) -> None:
        super().__init__(
            "This person answers more requests in a minute than anybody reads.",
            remedy="Read each request; go on in a minute.",
        )


class ExportsBusyError(ForbiddenError):
    """A caller, or all callers together, have as many exports as are kept at once (429)."""

    code: ClassVar[str] = "exports_busy"

    def __init__(self) -> None:
        super().__init__(
            "There are as many exports as are made or kept at once.",
            remedy="Cancel one that is not needed, or wait some minutes.",
        )


class ConfigurationError(DelegationError):
    """Our own set-up is wrong: keys, files, database, settings."""

    code: ClassVar[str] = "configuration"


class KeyFileError(ConfigurationError):
    """A key file is missing, readable by others, or not a key."""

    code: ClassVar[str] = "key_file"


class KeyRingError(ConfigurationError):
    """A key ring would hold one key in two roles, two keys under one id, or an unusable key."""

    code: ClassVar[str] = "key_ring"


class RouteTableError(ConfigurationError):
    """The table of routes behind proxies cannot be read, or a route in it cannot be enforced."""

    code: ClassVar[str] = "route_table"


class SchemaRevisionError(ConfigurationError):
    """The database is at a revision that this program does not know; it names the command to run."""

    code: ClassVar[str] = "schema_revision"


class MissingExtraError(ConfigurationError):
    """An optional part of the package is needed and not installed; names the extra."""

    code: ClassVar[str] = "missing_extra"

    def __init__(self, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs the extra '{extra}'.", remedy=installing(extra))
        self.extra = extra


class OutsideError(DelegationError):
    """Something we depend on did not answer. What could not be decided is refused."""

    code: ClassVar[str] = "outside"


class StoreUnavailableError(OutsideError):
    """The database is locked, gone or full; nothing was written, and the call is refused (503).

    Args:
        message: One sentence.
        remedy: What helps.
        is_undone: Whether the failure passes by itself and nothing of the attempt is left, so that the
            same may be done again at once.
    """

    code: ClassVar[str] = "store_unavailable"

    def __init__(self, message: str, *, remedy: str = "", is_undone: bool = False) -> None:
        super().__init__(message, remedy=remedy)
        self.is_undone = is_undone


class UnknownOutcomeError(StoreUnavailableError):
    """Nobody knows whether it was recorded; a decision of which this is said must not be acted on.

    Args:
        what: What was to be recorded.
        remedy: How to find out.
    """

    code: ClassVar[str] = "outcome_unknown"

    def __init__(
        self,
        what: str = "decision",
        *,
        remedy: str = "Repeat the request with the same idempotency key.",
    ) -> None:
        super().__init__(f"It is not known whether the {what} was recorded.", remedy=remedy)


class ClockError(StoreUnavailableError):
    """The service's clock is behind what the store has seen: used proofs could be fresh again."""

    code: ClassVar[str] = "clock_behind"

    def __init__(self) -> None:
        super().__init__(
            "The service's clock stands where proofs that were used could look fresh again.",
            remedy="Set the clock right (`delegation doctor` shows both times). If the log stopped "
            "when the service started, wait 65 seconds: `delegation log status` says why.",
        )


class RenderError(OutsideError):
    """An external drawing program is missing, failed or took too long."""

    code: ClassVar[str] = "render_failed"


class ExportStoppedError(OutsideError):
    """An export that was made beside its caller ended before it was done; it may be asked for again."""

    code: ClassVar[str] = "export_stopped"


class QuestionStoppedError(OutsideError):
    """Work at a question ended before its answer: nobody waits for it, or the service ends (503)."""

    code: ClassVar[str] = "question_stopped"


class QuestionTooLongError(QuestionStoppedError):
    """A question took longer than questions may.

    Args:
        seconds: How long they may take.
    """

    code: ClassVar[str] = "question_too_long"

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"The answer was not there within {seconds:g} seconds.",
            remedy="Ask about fewer links (one task, one link, a shorter time), ask for an export, "
            "which is made beside you, or raise DELEGATION_QUESTION_SECONDS.",
        )


class QuestionsBusyError(QuestionStoppedError):
    """A question takes long, and as many others do at the moment as may."""

    code: ClassVar[str] = "questions_busy"

    def __init__(self) -> None:
        super().__init__(
            "Too many long questions are being answered.",
            remedy="Ask again in a moment, or raise DELEGATION_MAX_QUESTIONS.",
        )


class ServiceError(OutsideError):
    """The delegation service answered with a problem, or not at all.

    Args:
        status: HTTP status, 0 when there was no answer.
        problem: The problem's own code.

    Its `request` is the id under which the service's log has the request; empty where none was told.
    """

    code: ClassVar[str] = "service_error"
    request: str = ""

    def __init__(self, status: int, problem: str, message: str) -> None:
        # Not by `super`: remote refusals are also errors whose own sentences are made otherwise.
        DelegationError.__init__(self, message)
        self.status = status
        self.problem = problem


class LogStoppedError(OutsideError):
    """The log is not what it was when it was last signed; nothing is signed until it is explained.

    Raised instead of signing a fork or a smaller log. Calls are decided and recorded all the same.

    Args:
        why: What contradicts what.
        is_older: Whether the database may be an older one: it knows less than what was signed.
    """

    code: ClassVar[str] = "log_stopped"

    def __init__(self, why: str, *, is_older: bool = False) -> None:
        super().__init__(
            f"The log stopped: {why}",
            remedy="Find out what happened to the database; `docs/explanation/log.md` has the ways back.",
        )
        self.is_older = is_older
