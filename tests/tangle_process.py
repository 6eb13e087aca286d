"""One of several processes that do all kinds of deeds on overlapping trees at once; says what came of each.

Orders are one JSON line on standard input; what to do next is drawn from a seed. Instants are of one
clock of this machine, so that the parent can tell what began after what was answered.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from delegation import Access, Grant, HolderKey, Token
from delegation.commands.open_child import Opening, opening_request
from delegation.commands.revoke import revocation_request
from delegation.errors import ConflictError, DelegationError, StoreUnavailableError
from delegation.judge.decision import Decision
from delegation.tracker import Tracker

DEEDS = (
    ("calls", 12), ("consented", 4), ("grown", 3), ("child", 2), ("cut", 1), ("ended", 1),
    ("closed", 1), ("log", 1),
)  # fmt: skip
TOOLS = ("crm.read", "web.post", "pay.request", "db.query")


class Tangle:
    """The deeds of one thread.

    Args:
        tracker: The process's own.
        orders: What it holds and may end.
        seed: Of its choices.
        say: Told what came of each deed.
    """

    def __init__(
        self, tracker: Tracker, orders: dict[str, Any], seed: int, say: Callable[..., None]
    ) -> None:
        self.tracker, self.say, self.at = tracker, say, orders["at"]
        self.chance = random.Random(seed)
        ring = tracker.public_ring()
        self.held = [
            (Token.read(one["token"], ring), HolderKey(one["name"], bytes.fromhex(one["seed"])))
            for one in orders["held"]
        ]
        self.ends = [(Token.read(text, ring).id, "link") for text in orders["links"]]
        self.people = [tracker.authenticate(secret) for secret in orders["people"]]
        self.tasks: list[str] = []
        self.desk = orders["desk"]

    def run(self, deeds: int) -> None:
        """Do so many."""
        names, weights = zip(*DEEDS, strict=True)
        for name in self.chance.choices(names, weights, k=deeds):
            try:
                getattr(self, name)()
            except StoreUnavailableError as error:
                self.say(fault=f"{name}: {type(error.__cause__).__name__}")
            except DelegationError as error:
                self.say(refused=f"{name}: {error.code}")

    def access(self, tool: str) -> Access:
        """Return a call."""
        arguments = {"table": "customers"} if tool == "db.query" else {}
        return Access(tool, arguments, self.desk)

    def calls(self, held=None, tool: str = "") -> list[Decision]:
        """Call with several leaves of several trees at once, so that batches overlap."""
        chosen = held or self.chance.sample(self.held, self.chance.randint(1, 5))
        pending = []
        for token, holder in chosen:
            access = self.access(tool or self.chance.choice(TOOLS))
            proof = holder.prove(token, access, at=self.at)
            begun = time.monotonic()
            pending.append((begun, self.tracker.begin_check(token.text, proof, access.to_json())))
        found = []
        for begun, one in pending:
            decision = one.result(60)
            found.append(decision)
            denial = decision.denial
            self.say(
                begun=begun, decision=decision.id, task=decision.task, links=[*decision.links],
                allowed=bool(decision), code=denial and denial.code, approval=decision.approval,
                tool=decision.tool,
            )  # fmt: skip
        return found

    def consented(self) -> None:
        """Ask for what needs consent, give it, and try to use it twice at once."""
        one = self.chance.choice(self.held)
        (decision,) = self.calls([one], "pay.approve")
        if decision.approval:
            try:
                person = self.chance.choice(self.people)
                self.tracker.grant_approval(decision.approval, by=person, reason="ok")
            except ConflictError:  # another process was first
                pass
            self.calls([one, one], "pay.approve")

    def grown(self) -> None:
        """Hand a link on, and call with what is below it for the first time."""
        token, holder = self.chance.choice(self.held)
        below = HolderKey.generate("new")
        child = token.delegate(by=holder, to=below.public, grant=Grant(budget={"calls": 3}))
        self.calls([(child, below), (token, holder), (child, below)])

    def child(self) -> None:
        """Open a task under a link, and call within it."""
        token, holder = self.chance.choice(self.held)
        below = HolderKey.generate("sub")
        opening = Opening("Part", Grant(budget={"calls": 5}), below.public, lasts=50)
        proof = holder.prove(token, opening_request(self.tracker.issuer, opening), at=self.at)
        task, root = self.tracker.open_child_task(token, proof, opening)
        self.tasks.append(task.id)
        self.calls([(root, below), (token, holder), (root, below)])

    def cut(self) -> None:
        """Cut a link below one's own, by proof."""
        token, holder = self.chance.choice(self.held)
        below = HolderKey.generate("gone")
        child = token.delegate(by=holder, to=below.public, grant=Grant())
        self.calls([(child, below)])
        proof = holder.prove(token, revocation_request(self.tracker.issuer, child.id), at=self.at)
        self.tracker.revoke_below(token, proof, child.id)
        self.say(ended=["link", child.id], since=time.monotonic())
        self.calls([(child, below)])

    def ended(self) -> None:
        """Revoke one of the links that all processes call with."""
        if self.ends:
            name, kind = self.ends.pop()
            self.tracker.revoke(kind, name, by="tangle")
            self.say(ended=[kind, name], since=time.monotonic())

    def closed(self) -> None:
        """Close a child task that was opened here."""
        if self.tasks:
            name = self.tasks.pop(0)
            self.tracker.close_task(name)
            self.say(ended=["task", name], since=time.monotonic())

    def log(self) -> None:
        """Give what waits its place in the log."""
        self.tracker.update_log()


def main() -> None:
    """Open the tracker, say so, wait for the word, do the deeds."""
    orders = json.loads(sys.stdin.readline())
    tracker = Tracker.open(orders["url"], ring_file=orders["ring"], clock=lambda: orders["at"])

    def say(**words: object) -> None:
        sys.stdout.write(json.dumps(words) + "\n")

    threads = [Tangle(tracker, orders, seed, say) for seed in orders["seeds"]]
    say(ready=True)
    sys.stdout.flush()
    sys.stdin.readline()
    with ThreadPoolExecutor(len(threads)) as pool:
        for done in [pool.submit(one.run, orders["deeds"]) for one in threads]:
            done.result()
    tracker.close()
    sys.stdout.flush()


main()
