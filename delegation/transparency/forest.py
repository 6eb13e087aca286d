"""Rebuilds the tree of calls and links from the log's entries alone, with every author verified.

What was ended stands in the same log, so that whoever reads it finds a call that was allowed all the
same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from delegation.authority.alias import RESERVED_PREFIX
from delegation.authority.chain import MAX_LINKS
from delegation.authority.ids import LinkId
from delegation.canonical import b64u
from delegation.identity.keyring import PublicRing
from delegation.tokens.formats import check_evidence
from delegation.transparency.leaf import ChangeLeaf, DecisionLeaf, Leaf, LinkLeaf


@dataclass(slots=True)
class Forest:
    """All links and decisions of a log, in its order.

    Args:
        issuer_keys: The issuer's public keys; without them the authors of roots are not verified.
    """

    issuer_keys: PublicRing | None = None
    links: dict[LinkId, LinkLeaf] = field(default_factory=dict)
    decisions: dict[str, DecisionLeaf] = field(default_factory=dict)
    changes: dict[int, ChangeLeaf] = field(default_factory=dict)
    _of_subject: dict[tuple[str, str], list[ChangeLeaf]] = field(default_factory=dict)
    _last_change: int = 0
    _last_link: int = 0
    _last_decision: int = 0

    def add(self, leaf: Leaf) -> str | None:
        """Take the next leaf; return what is wrong with its place, or None.

        A leaf that does not fit is kept all the same: what the log says is shown as it says it.
        """
        if isinstance(leaf, LinkLeaf):
            wrong = self._misfit_link(leaf)
            self.links.setdefault(leaf.id, leaf)
            self._last_link = max(self._last_link, leaf.sequence)
            return wrong
        if isinstance(leaf, ChangeLeaf):
            wrong = self._misfit_change(leaf)
            self.changes.setdefault(leaf.epoch, leaf)
            self._of_subject.setdefault((leaf.subject_kind, leaf.subject), []).append(leaf)
            self._last_change = max(self._last_change, leaf.epoch)
            return wrong
        wrong = self._misfit_decision(leaf)
        self.decisions.setdefault(leaf.id, leaf)
        self._last_decision = max(self._last_decision, leaf.sequence)
        return wrong

    def _misfit_link(self, leaf: LinkLeaf) -> str | None:
        if leaf.id in self.links:
            return f"Link {leaf.id} stands in the log twice."
        if leaf.sequence <= self._last_link:
            return f"Link {leaf.id} has number {leaf.sequence}, after number {self._last_link}."
        if leaf.depth == 0:
            origin = leaf.link.origin
            if origin is None or origin.task != leaf.task:
                return f"Root {leaf.id} is of another task than its leaf says."
            if self.issuer_keys is None:
                return None
            signers = [
                key.key for key in self.issuer_keys.keys if key.role in {"issuer", "statement"}
            ]
        else:
            parent = self.links.get(LinkId(str(leaf.link.parent)))
            if parent is None:
                return f"Link {leaf.id} comes before its parent, or its parent was taken out."
            if parent.depth + 1 != leaf.depth or parent.task != leaf.task:
                return f"Link {leaf.id} does not stand under its parent."
            signers = [parent.link.holder_key]
        # Every edge is a signature; a log that an operator made up has none for it.
        if not any(check_evidence(leaf.link.payload, key, leaf.evidence) for key in signers):
            return f"Link {leaf.id} is not signed by the holder above it."
        return None

    def _misfit_decision(self, leaf: DecisionLeaf) -> str | None:
        if leaf.id in self.decisions:
            return f"Decision {leaf.id} stands in the log twice."
        if leaf.sequence != self._last_decision + 1:
            return (
                f"Decision {leaf.id} has number {leaf.sequence}, after number"
                f" {self._last_decision}: others were taken out, put in or moved."
            )
        if leaf.allowed and (not leaf.links or leaf.links[-1] not in self.links):
            return f"Decision {leaf.id} allowed a call under a link that the log does not hold."
        if leaf.allowed and self._chain(leaf.links[-1]) != leaf.links:
            return f"Decision {leaf.id} names another chain than the links that the log holds."
        return self._allowed_after_all(leaf)

    def _misfit_change(self, leaf: ChangeLeaf) -> str | None:
        if leaf.epoch <= self._last_change:
            return f"Change {leaf.epoch} stands in the log after change {self._last_change}."
        return None

    def _allowed_after_all(self, leaf: DecisionLeaf) -> str | None:
        """Return what had ended a call that was allowed, as far as its own leaf names its subjects.

        Agents, owners and systems are not looked at: the log does not say who is registered for what.
        """
        if not leaf.allowed or leaf.tool.startswith(RESERVED_PREFIX) or not self.changes:
            return None
        subjects = [("everything", "*"), ("tool", leaf.tool), ("task", str(leaf.task))]
        for link in leaf.links:
            held = self.links[LinkId(link)].link.holder_key
            subjects += [("link", link), ("key", b64u(held))]
        for subject in subjects:
            told = self._of_subject.get(subject)
            ended = None if told is None else _ending(told, leaf)
            if ended is not None:
                return (
                    f"Decision {leaf.id} allowed a call although change {ended.epoch}"
                    f" ({ended.act} of {ended.subject_kind} {ended.subject}) had ended it."
                )
        return None

    def _chain(self, link: str) -> tuple[str, ...]:
        chain: list[str] = []
        found = self.links.get(LinkId(link))
        while found is not None and len(chain) < MAX_LINKS:
            chain.append(found.id)
            found = self.links.get(LinkId(str(found.link.parent))) if found.link.parent else None
        return tuple(reversed(chain))

    def lines(self) -> Iterator[str]:
        """Yield the tree as text: links under their parents, each with its calls; two logs compare."""
        below: dict[str | None, list[LinkLeaf]] = {}
        calls: dict[str | None, list[DecisionLeaf]] = {}
        for leaf in self.links.values():
            below.setdefault(leaf.link.parent, []).append(leaf)
        for made in self.decisions.values():
            calls.setdefault(made.links[-1] if made.links else None, []).append(made)
        stack = [(0, leaf) for leaf in reversed(below.get(None, []))]
        while stack:
            depth, leaf = stack.pop()
            pad = "  " * depth
            yield f"{pad}{leaf.task} {leaf.id} {leaf.link.holder_name}"
            for made in calls.pop(leaf.id, ()):
                yield f"{pad}  {made.id} {made.tool} {made.code or 'allowed'}"
            stack += [(depth + 1, child) for child in reversed(below.get(leaf.id, []))]
        for link in sorted(calls, key=str):
            for made in calls[link]:
                yield f"{made.id} {made.tool} {made.code or 'allowed'}"
        for change in self.changes.values():
            yield f"{change.epoch} {change.act} {change.subject_kind} {change.subject}"


def _ending(told: Sequence[ChangeLeaf], call: DecisionLeaf) -> ChangeLeaf | None:
    """Return the change that had ended a call by the epoch that it was decided at, None if none had."""
    found = None
    for one in told:
        if one.epoch > call.epoch:
            continue
        if one.act == "close" or (one.act == "revoke" and one.effective_at <= call.at):
            return one
        if one.act in {"suspend", "resume"}:
            found = one if one.act == "suspend" else None
    return found
