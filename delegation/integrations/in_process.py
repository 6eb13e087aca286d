"""The in-process verifier: a service verifies tokens and proofs itself and lets the desk settle.

What cannot be proven never leaves this process, so that a flood of garbage is no load elsewhere. What
verifies is settled by the service, which verifies it again: here nothing is allowed.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NoReturn

from delegation.authority.access import Access
from delegation.authority.catalogue import Catalogue
from delegation.authority.chain import Chain
from delegation.authority.ids import DecisionId
from delegation.authority.refusal import Refusal
from delegation.canonical import Json
from delegation.client import AsyncClient
from delegation.errors import MalformedError
from delegation.identity.keyring import PublicRing
from delegation.identity.proof import check_proof
from delegation.judge.capability import judge_capability
from delegation.judge.decision import Decision, Denial, trail
from delegation.judge.window import deny_outside_window
from delegation.tokens.failed import Failed
from delegation.tokens.prefix_cache import PrefixCache
from delegation.tokens.verifier import read_public

REFRESH: Final = 30.0  # seconds after which keys and catalogue are asked for again
_STALE: Final = frozenset({"key_unknown"})  # refusals that newer keys may turn


@dataclass(frozen=True, slots=True)
class Judgement:
    """What token, proof and grant say about a call, without the store. It is not an allowance.

    Args:
        denial: Why steps 1 to 8 deny it; None if they do not. Standing, budgets and replays are
            known to the service alone.
        chain: The verified chain; None when steps 1 to 6 deny.
    """

    denial: Denial | None
    chain: Chain | None

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
        refresh: Seconds for which keys and catalogue are kept.
        clock: Unix seconds.
        monotonic: Seconds for the age of what is kept.
    """

    def __init__(
        self,
        client: AsyncClient,
        *,
        refresh: float = REFRESH,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Verify with the keys of this client's service."""
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
        outcome = deny_outside_window(found, access, int(self._clock())) or judge_capability(
            found, access, catalogue
        )
        return Judgement(outcome if isinstance(outcome, Denial) else None, found)

    async def check(self, token: str, proof: str | None, access: Access | Json) -> Decision:
        """Return the service's decision, or a denial of what cannot be proven.

        A denial at steps 1 to 6 is given here and only counted (`screened`): its decision has no
        id. Every other call is settled and recorded by the service, denials included.

        Raises:
            ServiceError: The service did not decide, so the call is not allowed.
        """
        try:
            wanted = access if isinstance(access, Access) else Access.from_json(access)
        except MalformedError as error:
            refusal = Refusal("access_malformed", str(error), "access", remedy=error.remedy)
            return self._screen(Denial.at(1, refusal), "")
        judged = await self.judge(token, proof, wanted)
        if judged.chain is None and judged.denial is not None:
            return self._screen(judged.denial, wanted.tool)
        return await self._client.check(token, proof, wanted)

    def _screen(self, denial: Denial, tool: str) -> Decision:
        self.screened[denial.code] += 1
        at = int(self._clock())
        return Decision(DecisionId(""), at, denial, tool=tool, steps=trail(denial.step))

    def _proven(
        self, token: str, proof: str | None, access: Access, ring: PublicRing
    ) -> Chain | Denial:
        found = read_public(token, ring, self._cache)
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
        return found.chain

    async def _keys(self, *, fresh: bool = False) -> tuple[PublicRing, Catalogue]:
        async with self._asking:
            now = self._monotonic()
            known = self._known
            # Asked at most once a second however many foreign tokens come.
            oldest = 1.0 if fresh else self._refresh
            if known is None or now - known[0] >= oldest:
                ring = await self._client.fresh_ring()
                known = self._known = (now, ring, await self._client.catalogue())
            return known[1], known[2]
