"""Step 10, standing: is everything on the chain still recognised by those who answer for it?"""

from __future__ import annotations

from functools import lru_cache

from delegation.authority.chain import Chain
from delegation.authority.refusal import Refusal
from delegation.canonical import b64u
from delegation.judge.decision import Denial
from delegation.judge.facts import Facts, Subject

STEP = 10
_key_text = lru_cache(maxsize=16_384)(b64u)  # the same few holders call again and again


def deny_without_standing(chain: Chain, facts: Facts, at: int) -> Denial | None:
    """Return the denial of a chain of which something no longer stands, root first, or None.

    Not checked here: expiry of grants (step 7).

    Args:
        chain: The verified chain.
        facts: What the store knows, read in the deciding transaction.
        at: The service's clock, Unix seconds.
    """
    if not facts.is_root_recorded:
        return _root_denial(
            chain,
            "root_not_recorded",
            "This root was not recorded when it was issued: it may be forged with a stolen key.",
            "Ask the issuer for a root from an open task.",
        )
    if not facts.tasks or facts.tasks[0].id != chain.origin.task:
        return _root_denial(
            chain, "task_unknown", "The task is not known here.", "Open a task, then issue a root."
        )
    for task in facts.tasks:
        if Subject("task", task.id) in facts.revoked:
            return _root_denial(chain, "task_revoked", "The task was revoked.", "Open a new task.")
        if not task.is_open:
            return _root_denial(chain, "task_closed", "The task is closed.", "Open a new task.")
        if at >= task.deadline:
            return _root_denial(
                chain, "task_expired", "The task's deadline has passed.", "Open a new task."
            )
        if task.idle_at is not None and at >= task.idle_at:
            return _root_denial(
                chain, "task_idle", "The task has been idle for too long.", "Open a new task."
            )
    for depth, link in enumerate(chain.links):
        refusal = _of_link(chain, depth, facts)
        if refusal is not None:
            return Denial.at(STEP, refusal, link=link.id, depth=depth)
    # A child task stands on the chain of whoever opened it, and on the one above that.
    for opener in facts.above:
        for depth, link in enumerate(opener.links):
            refusal = _of_link(opener, depth, facts)
            if refusal is not None:
                return Denial.at(STEP, refusal, link=link.id)
    return None


def _root_denial(chain: Chain, code: str, message: str, remedy: str) -> Denial:
    refusal = Refusal(code, message, "task", chain.origin.task, None, remedy)
    return Denial.at(STEP, refusal, link=chain.root.id, depth=0)


def _of_link(chain: Chain, depth: int, facts: Facts) -> Refusal | None:
    link = chain.links[depth]
    if Subject("link", link.id) in facts.revoked:
        return Refusal(
            "link_revoked",
            "A link of the chain was revoked.",
            "link",
            link.id,
            None,
            "Ask the delegator above it for a new link.",
        )
    if Subject("key", _key_text(link.holder_key)) in facts.revoked:
        return Refusal(
            "key_revoked",
            "A holder key on the chain was revoked.",
            "holder.key",
            None,
            None,
            "Make a new key, register it, and ask for a new link to it.",
        )
    agent = facts.agents_by_key.get(link.holder_key)
    named = facts.agents_by_name.get(link.holder_name)
    # Both directions: a registered key under a foreign name, and a registered name over a foreign
    # key, which is how a forged lineage makes an innocent agent look like the one who acted.
    if (agent is not None and agent.name != link.holder_name) or (
        named is not None and (agent is None or agent.name != named.name)
    ):
        return Refusal(
            "holder_contradicts_registry",
            "The chain calls a holder by a name that the registry gives to another key.",
            "holder.name",
            link.holder_name,
            None,
            "Delegate to the registered key under its registered name.",
        )
    if agent is not None and Subject("agent", agent.name) in facts.revoked:
        return Refusal(
            "agent_revoked",
            "An agent on the chain was revoked.",
            "holder.name",
            agent.name,
            None,
            "Delegate to another agent.",
        )
    return None
