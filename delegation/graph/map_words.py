"""Labels a map's nodes. All text of others is cleaned here."""

from __future__ import annotations

from typing import Final

from delegation.authority.explain import instant
from delegation.graph.model import STANDING_WORDS
from delegation.graph.names import clean, folded
from delegation.lineage.analysis.focus import Bundle, Node
from delegation.lineage.outline import LinkOutline

_NAME: Final = 40  # characters of a name; the link's own page has the whole


def many(number: int, word: str) -> str:
    """Return a number with its noun: `1 link`, `2 links`."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def name_of(link: LinkOutline) -> str:
    """Return a link's holder's registered name, else that it has none."""
    return folded(link.holder_name, _NAME) if link.registered else "unnamed"


def claim_of(link: LinkOutline) -> str:
    """Return the delegator's word for an unregistered holder, marked as a claim; else nothing."""
    return "" if link.registered else f"called “{folded(link.claimed_name, _NAME)}”"


def calls_of(link: LinkOutline) -> str:
    """Return how many calls were made with it as the leaf."""
    return many(link.allowed + link.denied, "call")


def bundle_lines(bundle: Bundle) -> tuple[str, str]:
    """Return the two lines of a bundle; every number is over its hidden subtrees."""
    first = f"{bundle.siblings:,} below" if bundle.is_whole else f"+ {bundle.siblings:,} more"
    if bundle.links != bundle.siblings:
        first += f" · {many(bundle.links, 'link')}"
    second = []
    if bundle.waiting:
        second.append(f"{bundle.waiting:,} waiting")
    if bundle.denied:
        second.append(f"{bundle.denied:,} with denials")
    second.append(f"{bundle.can_write:,} can write" if bundle.can_write else "read only")
    return first, " · ".join(second)


def sentence(node: Node) -> str:
    """Return everything about a node as one sentence, for readers who do not see the picture."""
    if node.task is not None:
        task = node.task
        title = f"{clean(task.owner)}, accountable owner of {clean(task.title)}"
        return f"{title}, task {task.state}, {many(node.below, 'link')} below"
    if node.bundle is not None:
        return ", ".join(
            f"Folded: {many(node.bundle.siblings, 'link')} with {many(node.bundle.links, 'link')} "
            f"in all · {bundle_lines(node.bundle)[1]}".split(" · ")
        )
    assert node.link is not None  # noqa: S101  # one of the three is set
    link = node.link
    parts = [
        " ".join(filter(None, (name_of(link), claim_of(link)))),
        f"key {link.fingerprint}",
        f"root of the child task {link.task}" if link.under is not None else "",
        STANDING_WORDS[link.standing],
        "read only" if link.effect == "read" else f"up to {link.effect}",
        f"{many(link.allowed, 'call')} allowed" if link.allowed else "",
        f"{many(link.denied, 'call')} denied" if link.denied else "",
        f"{many(link.waiting, 'request')} waiting for people" if link.waiting else "",
        f"until {instant(link.expires_at)}",
        f"{node.below:,} below" if node.below else "nothing below",
        "shown for what is below it" if node.is_context else "",
    ]
    return ", ".join(filter(None, parts))
