"""Settles calls inside a service, where nothing but standing is left to ask.

Only biscuits without budget, flow or approval on any link, under tasks without a ledger, and only
while the lease on what is revoked holds. The nonce and the decision are on disk before the answer.
A proof can be used once on this host; that it was used on another host, too, the service finds when
both report it. Whose nonce is claimed here is answered here: the service, asked as well, would take one
call for two.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from delegation import sent_json
from delegation.authority.access import Access
from delegation.authority.ids import DecisionId
from delegation.client import AsyncClient
from delegation.client.exchange import new_decision_id
from delegation.errors import ClockError, DelegationError, ServiceError
from delegation.identity.proof import Proof
from delegation.integrations.boottime import boottime
from delegation.integrations.elsewhere import Elsewhere, stale, unkept
from delegation.integrations.following import Follower
from delegation.integrations.spool import Entry, Spool, SpoolError, SpoolLostError
from delegation.judge.capability import Clearance
from delegation.judge.decision import Decision, Denial, trail
from delegation.judge.in_process import InProcessDecision, why_not_outside
from delegation.judge.lease import POLL_SHARE, Lease
from delegation.judge.line import Line
from delegation.judge.settle import RECORD_STEP, about, replayed
from delegation.judge.standing import deny_behind, deny_without_standing
from delegation.tokens.verifier import VerifiedToken

REPORT_ROWS: Final = 50
REPORT_BYTES: Final = 150 * 1024  # below the service's bound of a body
REPORT_EVERY: Final = 0.5  # seconds between two looks into the spool
LOOKS: Final = 10  # at how a call stands whose nonce is claimed, while the service is slow
_PASSING: Final = frozenset({"unreachable", "behind", "stale"})  # a later look may tell
_LOG: Final = logging.getLogger("delegation.local")


@dataclass(frozen=True, slots=True)
class Call:
    """A call after steps 1 to 8, ready to be settled here.

    Args:
        text: The token's text.
        token: The verified token.
        proof: The verified proof.
        access: The call, as the proof covers it.
        tool: Its tool's own name; empty if it names none.
        clearance: What passed step 8; None where step 7 or 8 denies it.
        catalogue: The catalogue revision that it was judged by.
    """

    text: str
    token: VerifiedToken
    proof: Proof
    access: Access
    tool: str
    clearance: Clearance | None
    catalogue: int


@dataclass(frozen=True, slots=True)
class _Look:
    """What a call stands on, looked up under one lease: until `ends` by the clock."""

    lease: Lease
    epoch: int
    at: int
    ends: int


class InProcessSettler:
    """Settles calls under a lease and tells the service afterwards.

    Args:
        client: A client of the service, with a key bound to this audience.
        spool: Where nonces and decisions are kept.
        clock: Unix seconds.
        boot_clock: Seconds that run on while the machine sleeps.
    """

    def __init__(
        self,
        client: AsyncClient,
        spool: Spool,
        *,
        clock: Callable[[], float],
        boot_clock: Callable[[], float] = boottime,
    ) -> None:
        """Begin without a lease."""
        self.follower = Follower(client, clock=boot_clock)
        self.reasons: Counter[str] = Counter()
        self.refused_reports = 0
        self._client = client
        self._spool = spool
        self._clock = clock
        self._boot_clock = boot_clock
        self._tasks: list[asyncio.Task[None]] = []

    async def settle(
        self, call: Call, *, at_least_epoch: int = 0
    ) -> InProcessDecision | Denial | Elsewhere:
        """Return what was decided here, a denial of what stands no more, or why neither.

        A decision is the only answer that its proof gets, so it may be a denial: once the nonce is
        claimed here, the service may have been told already, and would call the same call a replay.
        With a `Denial` or `Elsewhere` nothing was claimed, and another may settle the call.

        Args:
            call: The call after steps 1 to 8.
            at_least_epoch: The newest change of standing that the caller has seen.
        """
        self.follow()
        if isinstance(found := await self._settle(call, at_least_epoch), Elsewhere):
            self.reasons[found.reason] += 1
        return found

    async def _settle(
        self, call: Call, at_least_epoch: int
    ) -> InProcessDecision | Denial | Elsewhere:
        look = await self._look(call, at_least_epoch)
        if not isinstance(look, _Look):
            return look
        decision = self._allowance(call, look)
        entry = Entry(decision.id, self._report(call, decision, None))
        try:
            is_first = await asyncio.to_thread(
                self._spool.claim,
                entry,
                holder=call.token.chain.leaf.holder_key,
                jti=call.proof.jti,
                at=decision.at,
            )
        except SpoolLostError as error:
            return self._denied(call, decision, unkept(error.code))
        except (SpoolError, ClockError) as error:
            return Elsewhere(error.code)  # full, unavailable, or behind its clock
        if not is_first:
            return self._denied(
                call, decision, Denial.at(RECORD_STEP, replayed("call")), is_kept=False
            )
        # The disk may have taken longer than the lease lasts. Then what was looked up is too old,
        # and is looked up anew: what stands under a lease of now stood, as kept, before it.
        if look.lease.is_fresh(self._boot_clock()):
            return decision
        again = await self._look_again(call, at_least_epoch)
        if isinstance(again, _Look):
            now = self._allowance(call, again)
            return replace(decision, valid_until=now.valid_until, fresh_until=now.fresh_until)
        denial = again if isinstance(again, Denial) else stale()
        try:
            kept = Entry(decision.id, self._report(call, decision, denial))
            await asyncio.to_thread(self._spool.replace, kept)
        except SpoolError:
            _LOG.warning("a decision that was not answered is reported as allowed")
        return self._denied(call, decision, denial)

    async def _look(self, call: Call, at_least_epoch: int) -> _Look | Denial | Elsewhere:
        """Return what the call stands on now, what denies it, or why nobody knows here."""
        chain, follower, clearance = call.token.chain, self.follower, call.clearance
        if (
            clearance is None
        ):  # unreachable: only what was not denied is settled; refused all the same
            raise AssertionError
        if (reason := why_not_outside(call.token.format, chain, clearance, ())) is not None:
            return Elsewhere(reason)
        try:
            await follower.ensure(at_least_epoch)
            standing = await follower.standing(chain)
        except DelegationError:
            return Elsewhere("unreachable")
        if standing is None:
            return Elsewhere("behind")
        reason = why_not_outside(call.token.format, chain, clearance, standing.needs_service)
        if reason is not None:
            return Elsewhere(reason)
        if follower.catalogue is None or follower.catalogue.revision != call.catalogue:
            return Elsewhere("catalogue")
        # From here to the look-up nothing awaits: lease, set and answer belong together. Later the
        # set may hold more and the lease last longer, but this look-up is as old as this lease.
        lease = follower.lease
        if lease is None or not lease.is_fresh(self._boot_clock()):
            return Elsewhere("stale")
        at = int(self._clock())
        facts = follower.facts(standing)
        if deny_behind(at_least_epoch, facts) is not None:
            return Elsewhere("behind")
        if (denial := deny_without_standing(Line(chain), clearance.named, facts, at)) is not None:
            return denial
        ends = min(chain.leaf.grant.expires_at, *(task.deadline for task in standing.tasks))
        return _Look(lease, follower.epoch, at, ends)

    async def _look_again(self, call: Call, at_least_epoch: int) -> _Look | Denial | Elsewhere:
        """Look anew, and again while the service is slow: nobody else can answer this proof."""
        for _ in range(LOOKS - 1):
            found = await self._look(call, at_least_epoch)
            if not isinstance(found, Elsewhere) or found.reason not in _PASSING:
                return found
            await asyncio.sleep(max(self.follower.bound, 0.5) * POLL_SHARE)
        return await self._look(call, at_least_epoch)

    def _allowance(self, call: Call, look: _Look) -> InProcessDecision:
        clearance, chain = call.clearance, call.token.chain
        remaining = look.lease.fresh_until - self._boot_clock()
        return InProcessDecision(
            id=new_decision_id(),
            at=look.at,
            denial=None,
            tool=call.tool,
            arguments={} if clearance is None else clearance.arguments,
            cost={"calls": 1},
            valid_until=min(math.floor(self._clock() + max(remaining, 0.0)) + 1, look.ends),
            steps=trail(None),
            epoch=look.epoch,
            fresh_until=look.lease.fresh_until,
            **about(chain, call.access),
        )

    async def keep_denial(self, call: Call, denial: Denial) -> Decision:
        """Return a denial that the service is told later; what cannot be kept is denied all the same.

        Args:
            call: The call after steps 1 to 8.
            denial: Why it is denied here.
        """
        decision = InProcessDecision(
            id=new_decision_id(),
            at=int(self._clock()),
            denial=denial,
            tool=call.tool,
            steps=trail(denial.step),
            epoch=self.follower.epoch,
            **about(call.token.chain, call.access),
        )
        entry = Entry(decision.id, self._report(call, decision, denial))
        try:
            await asyncio.to_thread(
                self._spool.claim,
                entry,
                holder=call.token.chain.leaf.holder_key,
                jti=call.proof.jti,
                at=decision.at,
            )
        except (SpoolError, ClockError) as error:
            _LOG.info("a denial could not be kept: %s", error.code)
        return decision

    def _denied(
        self, call: Call, made: InProcessDecision, denial: Denial, *, is_kept: bool = True
    ) -> InProcessDecision:
        """Return the denial that is answered in place of an allowance that was made."""
        return InProcessDecision(
            id=made.id if is_kept else DecisionId(""),
            at=made.at,
            denial=denial,
            tool=call.tool,
            steps=trail(denial.step),
            epoch=made.epoch,
            **about(call.token.chain, call.access),
        )

    @staticmethod
    def _report(call: Call, decision: InProcessDecision, denial: Denial | None) -> str:
        said: dict[str, Any] = {
            "decision": decision.id,
            "token": call.text,
            "proof": call.proof.text,
            "access": call.access.to_json(),
            "at": decision.at,
            "epoch": decision.epoch,
            "catalogue": call.catalogue,
            "denied": None if denial is None else denial.code,
        }
        return sent_json.written(said).decode()

    # In the background

    def follow(self) -> None:
        """Keep the lease fresh and the spool empty, on the running event loop, from now on."""
        if self._tasks and all(not task.done() for task in self._tasks):
            return
        for task in self._tasks:
            if not task.done() and task.get_loop() is asyncio.get_running_loop():
                task.cancel()
        self._tasks = [
            asyncio.create_task(self._keep_fresh()),
            asyncio.create_task(self._keep_empty()),
        ]

    async def _keep_fresh(self) -> None:
        while True:
            try:
                await self.follower.poll(waits=True)
            except DelegationError as error:
                _LOG.debug("a poll failed: %s", error.code)
                await asyncio.sleep(max(self.follower.bound, 0.5) / 5)

    async def _keep_empty(self) -> None:
        pause = REPORT_EVERY
        while True:
            await asyncio.sleep(pause)
            try:
                await self.report()
                pause = REPORT_EVERY
            except DelegationError as error:
                _LOG.info("decisions could not be reported: %s", error.code)
                pause = min(2 * pause, 30.0)

    async def report(self) -> int:
        """Report what waits, and return how many decisions the service has recorded.

        Raises:
            ServiceError: The service did not answer; what waits stays.
            SpoolError: The spool cannot be read or written.
        """
        done = 0
        while True:
            entries = await asyncio.to_thread(
                self._spool.waiting, rows=REPORT_ROWS, size=REPORT_BYTES
            )
            if not entries:
                return done
            reports = [sent_json.parse(entry.body) for entry in entries]
            results = await self._client.report_decisions(reports)
            answered = {result.decision: result for result in results}
            if answered.keys() != {entry.decision for entry in entries}:
                raise ServiceError(0, "answer_malformed", "The service answered other reports.")
            for result in results:
                if result.refused:
                    self.refused_reports += 1
                    _LOG.error("the service refused a report: %s", result.refused)
                elif result.conflict:
                    _LOG.warning("the service would have denied a call: %s", result.conflict)
            await asyncio.to_thread(self._spool.reported, list(answered))
            done += len(entries)

    async def close(self) -> None:
        """Stop following: the lease ends first, then the rest is reported if the service answers."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.follower.lease = None
        try:
            await self.report()
            await self.follower.leave()
        except DelegationError as error:
            _LOG.info("left without a word: %s", error.code)
