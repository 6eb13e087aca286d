"""Issuing: the root link of a token, within the ceiling of an open task, recorded as it is made."""

from __future__ import annotations

from delegation.authority.chain import Origin
from delegation.authority.fit import raise_unfit, refuse_unfit_grant
from delegation.authority.grant import Grant
from delegation.authority.ids import TaskId
from delegation.authority.narrowing import refuse_freed, refuse_wider
from delegation.commands.retry import tried_again
from delegation.commands.work import Store
from delegation.errors import ConflictError, NotFoundError, WiderThanParentError
from delegation.identity.keyring import KeyRing
from delegation.identity.principal import PublicKey
from delegation.tokens.issuer import issue_token
from delegation.tokens.token import Token


@tried_again
def issue(  # what a root link states
    store: Store,
    ring: KeyRing,
    task: TaskId,
    *,
    to: PublicKey,
    grant: Grant,
    token_format: str,
    at: int,
) -> Token:
    """Issue a task's root link to a holder and record it before it leaves.

    Args:
        store: Where it is recorded.
        ring: The service's keys.
        task: An open task.
        to: The first holder, usually the orchestrator.
        grant: What it gets; unset fields are copied from the ceiling, and times that are counted from
            the task's opening become instants.
        token_format: `biscuit` or `macaroon`.
        at: Unix seconds.

    Raises:
        NotFoundError: There is no such task.
        ConflictError: The task is closed, past its deadline, or may have no more links.
        WiderThanParentError: The grant is not within the task's ceiling. Nothing is clipped.
        UnfitError: The grant does not go with the catalogue that the root pins (`authority.fit`).
    """
    with store.write() as work:
        entry = work.task(task, at=at)
        if entry is None:
            raise NotFoundError("task", task)
        if entry.state not in {"open", "active"}:
            raise ConflictError("The task is over; nothing is issued outside an open task.")
        complete = grant.opened(entry.opened_at).filled_from(entry.ceiling)
        refusal = refuse_wider(complete, entry.ceiling) or refuse_freed(complete, entry.ceiling)
        if refusal is not None:
            raise WiderThanParentError(
                refusal.code, refusal.field, refusal.message, remedy=refusal.remedy
            )
        # A child task speaks of the tools that its opener's root speaks of: pinned anew, a tool that
        # was redefined since would come back.
        catalogue = work.catalogue()
        revision = catalogue.revision if entry.pinned is None else entry.pinned
        raise_unfit(refuse_unfit_grant(complete, catalogue, revision, above=entry.ceiling))
        origin = Origin(ring.issuer, task, entry.under, revision)
        token = issue_token(ring, origin, to=to, grant=complete, token_format=token_format)
        work.record_root(token.chain, token.evidence, at=at)
    return token
