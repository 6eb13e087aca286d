"""Records a token that its holder announces before use; verifies agents' requests to the service."""

from __future__ import annotations

from typing import Final

from delegation.authority.access import Access
from delegation.authority.chain import LINK_ID, Chain
from delegation.authority.ids import DecisionId, LinkId
from delegation.canonical import unb64u
from delegation.commands.check import CheckContext, deny_unproven, settled
from delegation.commands.draft import Draft
from delegation.commands.retry import tried_again
from delegation.commands.work import Store
from delegation.errors import AuthorityError, MalformedError, UnverifiedError
from delegation.identity.proof import PROOF_TYP
from delegation.judge.decision import Denial
from delegation.judge.facts import Facts, Query
from delegation.judge.reserved_tools import settle_reserved
from delegation.judge.settle import Settlement
from delegation.lineage.entry import LinkEntry
from delegation.statement import read_statement
from delegation.tokens.failed import Failed
from delegation.tokens.verifier import Verified

TOOL = "delegation.announce"


def announcement(issuer: str) -> Access:
    """Return the access that a holder proves in order to announce its token."""
    return Access(TOOL, {}, audience=issuer)


def announce(context: CheckContext, token: str, proof: str, *, at: int) -> LinkEntry:
    """Record the links of a token that its holder shows, and return the leaf.

    From then on the leaf's id may be sent in the token's place. Steps 1 to 6 and 14 only: it charges
    nothing and works after expiry. A link that is seen for the first time under what was ended is
    refused; of one that was recorded before, the entry's standing says what ended it.

    Args:
        context: Store, keys and cache.
        token: Token text.
        proof: Proof over `announcement(issuer)`.
        at: Unix seconds.

    Raises:
        UnverifiedError: Token or proof does not verify, the proof was used before, or the link was
            not recorded before what it stands on was ended.
        AuthorityError: The store does not know the link that it was just given.
        StoreUnavailableError: It could not be recorded.
    """
    verified = open_reserved(context, token, proof, announcement(context.ring.issuer), at=at)
    entry = _kept(context, token, verified.chain, at=at)
    if entry is None:
        raise AuthorityError("The link is not recorded.")
    return entry


@tried_again
def _kept(context: CheckContext, token: str, chain: Chain, *, at: int) -> LinkEntry | None:
    """Keep the text and return the leaf; on its own, since the proof is spent by now."""
    leaf: LinkId = chain.leaf.id
    with context.store.write() as work:
        entry = work.link(leaf, at=at)
        # The text of what is over for good can be sent in nobody's place.
        if entry is not None and entry.standing in {"active", "suspended"}:
            expires_at = min(link.grant.expires_at for link in chain.links)
            work.keep_announced(token, leaf, expires_at=expires_at)
        return entry


TOKEN: Final = "dct."  # how every token's text begins, and no leaf's id


def is_name(token: str) -> bool:
    """Return whether what came in a token's place is the id of a leaf."""
    return isinstance(token, str) and LINK_ID.fullmatch(token) is not None


def announced_text(store: Store, token: str, proof: str | None) -> str:
    """Return the token that is meant: the announced one, where its leaf is named, else what came.

    A chain may be announced as biscuit and as macaroon, so the proof says which text it covers. That
    is a claim until step 6 checks it. What is not found stays as it came, and fails step 1.

    Args:
        store: Where announced texts are kept.
        token: A token's text, or a leaf's id.
        proof: The proof's text.

    Raises:
        StoreUnavailableError: The store does not answer.
    """
    if not is_name(token) or proof is None:
        return token
    try:
        said = read_statement(PROOF_TYP, proof)[0].get("token")
        digest = unb64u(said) if isinstance(said, str) else b""
    except (MalformedError, UnicodeError):
        return token
    with store.read() as reader:
        return reader.announced(LinkId(token), digest) or token


def open_reserved(
    context: CheckContext, token: str, proof: str, access: Access, *, at: int, client: str = ""
) -> Verified:
    """Verify and record a request that changes nothing but what is recorded.

    Args:
        context: Store, keys and cache.
        token: Token text.
        proof: Proof text.
        access: The only access that the proof may cover.
        at: Unix seconds.
        client: Who asks, for counting unproven denials.

    Raises:
        UnverifiedError: A step denied it; the denial is recorded, `reason` is its code.
        StoreUnavailableError: It could not be recorded.
    """
    verified = verify_reserved(context, token, proof, access, at=at, client=client)
    decision = settled(context.store.decide(draft_of(context, verified, access, at=at)))
    raise_denial(decision.denial)
    return verified


def verify_reserved(  # what a request consists of
    context: CheckContext, token: str, proof: str, access: Access, *, at: int, client: str
) -> Verified:
    """Return the request after steps 1 to 6, or raise after recording the denial.

    Raises:
        UnverifiedError: A step denied it.
    """
    verified = context.verified(token, proof, access, at=at)
    if isinstance(verified, Failed):
        denial = Denial.at(
            verified.step, verified.refusal, link=verified.link, depth=verified.depth
        )
        decision = DecisionId(context.new_id("dec_"))
        settled(deny_unproven(context, denial, access, decision, at=at, client=client))
        raise_denial(denial)
    assert isinstance(verified, Verified)  # noqa: S101  # `raise_denial` has raised otherwise
    return verified


def draft_of(  # what a record needs
    context: CheckContext,
    verified: Verified,
    access: Access,
    *,
    at: int,
    ancestors: tuple[LinkId, ...] = (),
) -> Draft:
    """Return a verified request as a draft; `ancestors` are those of a link that is to be cut."""
    decision = DecisionId(context.new_id("dec_"))

    def settle(facts: Facts) -> Settlement:
        return settle_reserved(
            verified.chain, access, facts, decision=decision, at=at, ancestors=ancestors
        )

    return Draft(
        id=decision,
        at=at,
        client="",
        verified=verified,
        access=access,
        query=Query(verified.chain, verified.proof.jti, (), at),
        catalogue=context.store.catalogue_hint().revision,
        settle=settle,
    )


def raise_denial(denial: Denial | None) -> None:
    """Raise what was denied, now that it is recorded.

    Raises:
        UnverifiedError: There is a denial.
    """
    if denial is not None:
        raise UnverifiedError(denial.code, denial.message, remedy=denial.remedy)
