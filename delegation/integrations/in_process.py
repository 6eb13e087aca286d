"""Verifies tokens and proofs inside a service, and lets the desk settle.

What cannot be proven never leaves this process, so that a flood of garbage is no load elsewhere. What
verifies is settled by the service, which verifies it again. With a spool, calls that need nothing
but standing are settled here, under the rules of `local`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, NoReturn, TypeAlias

from delegation.authority.access import Access
from delegation.authority.alias import recorded_name
from delegation.authority.catalogue import Catalogue
from delegation.authority.chain import Chain
from delegation.authority.ids import DecisionId
from delegation.authority.refusal import Refusal
from delegation.canonical import Json
from delegation.client import AsyncClient
from delegation.commands.announce import is_name
from delegation.errors import ConfigurationError, DelegationError, MalformedError
from delegation.identity.keyring import PublicRing
from delegation.identity.proof import Proof, check_proof
from delegation.integrations.boottime import boottime
from delegation.integrations.elsewhere import Elsewhere, not_settled
from delegation.integrations.in_process_settling import Call, InProcessSettler
from delegation.integrations.spool import Spool
from delegation.judge.clearance import clear_call, named
from delegation.judge.decision import Decision, Denial, trail
from delegation.tokens.failed import Failed
from delegation.tokens.prefix_cache import PrefixCache
from delegation.tokens.verifier import VerifiedToken, read_public

REFRESH: Final = 30.0  # seconds after which keys and catalogue are asked for again
Fallback: TypeAlias = Literal["service", "refuse"]
_STALE: Final = frozenset({"key_unknown"})  # refusals that newer keys may turn


@dataclass(frozen=True, slots=True)
class Judgement:
    """A judgement of a call by token, proof and grant, without the store. It is no allowance.

    Args:
        denial: Why steps 1 to 8 deny it; None if they do not. Standing, budgets and replays are
            known to the service alone.
        chain: The verified chain; None when steps 1 to 6 deny.
        call: What `local` needs to settle it, or to keep its denial; None where it is not proven.
    """

    denial: Denial | None
    chain: Chain | None
    call: Call | None = None

    def __bool__(self) -> NoReturn:
        """Refuse to be read as an allowance.

        Raises:
            TypeError: Always.
        """
        raise TypeError("A judgement is no allowance: let the service settle the call.")


class InProcessVerifier:
    """Verifies here, settles there; the desk of a `Guard`.

    Of a biscuit, chain and proof are verified here. Of a macaroon the authors are, but not its MAC,
    which only the issuer can check.

    Args:
        client: A client of the service, with a key bound to this audience.
        spool: Where nonces and decisions are kept of calls that are settled here; without one the
            service settles all.
        fallback: What happens to calls that cannot be settled here: `service` asks it, `refuse`
            denies them.
        refresh: Seconds for which keys and catalogue are kept.
        clock: Unix seconds.
        monotonic: Seconds for the age of what is kept.
        boot_clock: Seconds that run on while the machine sleeps.

    Raises:
        ConfigurationError: Calls cannot be settled here and are to be refused otherwise; or there is
            no clock for leases.
    """

    def __init__(
        self,
        client: AsyncClient,
        *,
        spool: Spool | None = None,
        fallback: Fallback = "service",
        refresh: float = REFRESH,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        boot_clock: Callable[[], float] = boottime,
    ) -> None:
        """Verify with the keys of this client's service."""
        if fallback not in {"service", "refuse"} or (fallback == "refuse" and spool is None):
            raise ConfigurationError("A verifier falls back to the service, or has a spool.")
        self._fallback = fallback
        self.local = (
            None
            if spool is None
            else InProcessSettler(client, spool, clock=clock, boot_clock=boot_clock)
        )
        self.screened: Counter[str] = Counter()
        self._client = client
        self._refresh = refresh
        self._clock = clock
        self._monotonic = monotonic
        self._cache: PrefixCache[object] = PrefixCache()
        self._known: tuple[float, PublicRing, Catalogue] | None = None
        self._asking = asyncio.Lock()

    async def judge(self, token: str, proof: str | None, access: Access) -> Judgement:
        """Return what steps 1 to 8 say; nothing is recorded.

        Args:
            token: Token text, as it came.
            proof: Proof text, as it came.
            access: The call, as this service formed it.

        Raises:
            ServiceError: Keys and catalogue could not be had, so nothing can be judged.
        """
        ring, catalogue = await self._keys()
        found = self._proven(token, proof, access, ring)
        if isinstance(found, Denial) and found.code in _STALE:
            ring, catalogue = await self._keys(fresh=True)
            found = self._proven(token, proof, access, ring)
        if isinstance(found, Denial):
            return Judgement(found, None)
        verified, checked = found
        chain = verified.chain
        meant = named(access, catalogue, chain.origin.catalogue)
        outcome = clear_call(chain, meant, catalogue, int(self._clock()))
        denial = outcome if isinstance(outcome, Denial) else None
        clearance = None if isinstance(outcome, Denial) else outcome
        tool = recorded_name(meant.tool)
        call = Call(token, verified, checked, access, tool, clearance, catalogue.revision)
        return Judgement(denial, chain, call)

    async def check(
        self,
        token: str,
        proof: str | None,
        access: Access | Json,
        *,
        at_least_epoch: int = 0,
    ) -> Decision:
        """Return a decision: the service's, one of this verifier's own, or a denial of garbage.

        A denial at steps 1 to 6 is given here and only counted (`screened`): its decision has no
        id. With a spool, calls that need nothing but standing are settled here, as a
        `InProcessDecision`; one whose proof was used here before is denied and only counted. Every
        other call is settled and recorded by the service, denials included, or denied here where the
        service is not to be asked.

        Args:
            token: Token text, as it came.
            proof: Proof text, as it came.
            access: The call, as this service formed it.
            at_least_epoch: The newest change of standing that the caller has seen.

        Raises:
            ServiceError: Nobody decided, so the call is not allowed.
        """
        try:
            wanted = access if isinstance(access, Access) else Access.from_json(access)
        except MalformedError as error:
            return self._screen(
                Denial.at(
                    1, Refusal("access_malformed", str(error), "access", remedy=error.remedy)
                ),
                "",
            )
        if is_name(token) and self._fallback == "service":
            # The service keeps the text that is meant.
            return await self._client.check(token, proof, wanted, at_least_epoch=at_least_epoch)
        judged = await self.judge(token, proof, wanted)
        if judged.chain is None and judged.denial is not None:
            return self._screen(judged.denial, wanted.tool)
        if self.local is not None:
            decided = await self._locally(self.local, judged, wanted, at_least_epoch)
            if decided is not None:
                return decided
        return await self._client.check(token, proof, wanted, at_least_epoch=at_least_epoch)

    async def _locally(
        self, local: InProcessSettler, judged: Judgement, access: Access, at_least_epoch: int
    ) -> Decision | None:
        """Return what is decided here; None leaves it to the service."""
        found: Decision | Denial | Elsewhere | None = judged.denial
        if judged.call is not None and judged.denial is None:
            found = await local.settle(judged.call, at_least_epoch=at_least_epoch)
        if isinstance(found, Decision):  # also a denial: nobody else may answer this proof
            if found.denial is not None:
                self.screened[found.denial.code] += 1
            return found
        if self._fallback == "service":
            return None
        if isinstance(found, Elsewhere):
            found = not_settled(found)
        if found is None:  # unreachable: without a denial there is a call; refused all the same
            raise AssertionError
        if judged.call is None:
            return self._screen(found, access.tool)
        self.screened[found.code] += 1
        return await local.keep_denial(judged.call, found)

    async def plan(self, token: str, *, access: Access) -> dict[str, Any]:
        """Return what the service says that a call would come to, as JSON; nothing is recorded.

        Raises:
            ServiceError: It did not answer.
        """
        return await self._client.plan(token, access=access)

    async def catalogue(self) -> Catalogue:
        """Return the tools by which calls are judged here.

        Raises:
            ServiceError: They could not be had.
        """
        return (await self._keys())[1]

    async def close(self) -> None:
        """Stop settling calls here; what waits to be reported stays in the spool."""
        if self.local is not None:
            await self.local.close()

    def _screen(self, denial: Denial, tool: str) -> Decision:
        self.screened[denial.code] += 1
        at = int(self._clock())
        return Decision(
            DecisionId(""), at, denial, tool=recorded_name(tool), steps=trail(denial.step)
        )

    def _proven(
        self, token: str, proof: str | None, access: Access, ring: PublicRing
    ) -> tuple[VerifiedToken, Proof] | Denial:
        found = read_public(token, ring, self._cache, at=int(self._clock()))
        if isinstance(found, Failed):
            return Denial.at(found.step, found.refusal, link=found.link, depth=found.depth)
        checked = check_proof(
            proof,
            holder=found.chain.leaf.holder_key,
            token=found.digest,
            access=access,
            issuer=found.chain.origin.issuer,
            at=int(self._clock()),
        )
        if isinstance(checked, Refusal):
            depth = len(found.chain.links) - 1
            return Denial.at(6, checked, link=found.chain.leaf.id, depth=depth)
        return found, checked

    async def _keys(self, *, fresh: bool = False) -> tuple[PublicRing, Catalogue]:
        local = self.local
        if local is not None:
            local.follow()
            with contextlib.suppress(DelegationError):
                await local.follower.ensure()
            ring, catalogue = local.follower.ring, local.follower.catalogue
            if local.follower.is_fresh() and ring is not None and catalogue is not None:
                return ring, catalogue
        async with self._asking:
            now = self._monotonic()
            known = self._known
            # Asked at most once a second however many foreign tokens come.
            if known is None or now - known[0] >= (1.0 if fresh else self._refresh):
                ring = await self._client.fresh_ring()
                known = self._known = (now, ring, await self._client.catalogue())
            return known[1], known[2]
