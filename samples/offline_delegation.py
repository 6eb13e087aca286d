"""An orchestrator agent: keys, a root, two delegations, a proof and a judgement; no service, no database.

Needs the package without extras. Run it: python samples/offline_delegation.py
"""

from __future__ import annotations

import time

from delegation import Access, Catalogue, Grant, HolderKey, KeyRing, Token, Tool, email, may, text
from delegation.authority.chain import Origin
from delegation.authority.ids import TaskId
from delegation.errors import WiderThanParentError
from delegation.judge.capability import judge_capability
from delegation.judge.decision import Denial
from delegation.judge.window import deny_outside_window
from delegation.tokens.issuer import issue_token
from delegation.tokens.prefix_cache import PrefixCache
from delegation.tokens.verifier import Verified, verify

ISSUER = "https://authority.acme.example"
now = int(time.time())
send_mail = Tool("mail.send", effect="write", arguments={"to": "email", "body": "text"})
catalogue = Catalogue().with_tool(send_mail)

# The authority, once: its ring signs a root link for the orchestrator.
ring = KeyRing.generate(ISSUER)
planner, writer, mailer = (HolderKey.generate(name) for name in ("planner", "writer", "mailer"))
anywhere = may("mail.send", to=email("acme.example", "partner.example"), body=text(max=2000))
ceiling = Grant(
    [anywhere], effects=["write"], max_sensitivity=0, audience=["mail"], purpose="support",
    not_before=now, expires_at=now + 600, delegations_left=3, budget={}, needs_approval=[], flow=[],
)  # fmt: skip
origin = Origin(ISSUER, TaskId("tsk_" + "a" * 22), None, catalogue.revision)
root = issue_token(ring, origin, to=planner.public, grant=ceiling)

# The orchestrator and its sub-agent, offline: each hands on less than it holds.
public = ring.public_ring()
mine = Token.read(root.text, issuer=public)
second = mine.delegate(by=planner, to=writer.public, grant=Grant(purpose="support/refund"))
home = anywhere.narrow(to=email("acme.example"))
third = second.delegate(by=writer, to=mailer.public, grant=Grant([home], delegations_left=0))
print(f"{third.depth} links, the last holder is {third.holder.name}")

try:
    second.delegate(by=writer, to=mailer.public, grant=Grant([anywhere], purpose="support"))
except WiderThanParentError as refused:
    print(f"widening is refused: {refused.reason} at {refused.field}")
else:
    raise SystemExit("a wider grant was signed")


# A service with the ring judges a call in process. Without the store this is a judgement and no
# allowance: nobody looked whether the link was revoked or the proof was used before.
def judge(access: Access) -> str:
    """Return what steps 1 to 8 say of one call."""
    found = verify(
        third.text, mailer.prove(third, access), access, ring=ring, at=now, cache=PrefixCache()
    )
    if not isinstance(found, Verified):
        return f"step {found.step}: {found.refusal.code}"
    outcome = deny_outside_window(found.chain, access, now)
    outcome = outcome or judge_capability(found.chain, access, catalogue)
    if isinstance(outcome, Denial):
        return f"step {outcome.step}: {outcome.code} at link {outcome.depth}"
    return "admitted"


kim = Access("mail.send", {"to": "kim@acme.example", "body": "Hi"}, "mail", "support/refund")
eve = Access("mail.send", {"to": "eve@partner.example", "body": "Hi"}, "mail", "support/refund")
print("to kim:", judge(kim))
print("to eve:", judge(eve))
assert judge(kim) == "admitted"
assert judge(eve) == "step 8: argument_refused at link 2"
