"""One process of several that share a database: calls what its orders say, prints what it got.

Orders are JSON on standard input. Without `threads` all calls are queued at once; with them each
thread makes its share one after the other.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

from delegation import Access, HolderKey
from delegation.errors import StoreUnavailableError
from delegation.tracker import Tracker

CLOSED: list[str] = []


def check_until_closed(tracker: Tracker, call):
    """Make a call, unless ten came too late already; nothing where the store was too busy."""
    if len(CLOSED) >= 10:
        return None
    try:
        decision = tracker.check(*call)
    except StoreUnavailableError:
        return None
    if decision.denial is not None and decision.denial.code == "task_closed":
        CLOSED.append(decision.id)
    return decision


def main() -> None:
    """Open the tracker, say so, wait for the word, make the calls."""
    orders = json.loads(sys.stdin.readline())
    at = orders["at"]
    tracker = Tracker.open(orders["url"], ring_file=orders["ring"], clock=lambda: at)
    origin = SimpleNamespace(issuer=tracker.issuer)
    calls = []
    for order in orders["calls"]:
        key = HolderKey(order["name"], bytes.fromhex(order["seed"]))
        access = Access.from_json(order["access"])
        token = SimpleNamespace(text=order["token"], chain=SimpleNamespace(origin=origin))
        calls.append((order["token"], key.prove(token, access, at=at), access))
    print("ready", flush=True)
    sys.stdin.readline()
    threads = orders.get("threads")
    if threads:
        with ThreadPoolExecutor(threads) as pool:
            made = pool.map(lambda call: check_until_closed(tracker, call), calls)
            found = [decision for decision in made if decision is not None]
    else:
        pending = [tracker.begin_check(*call) for call in calls]
        found = [one.result(90) for one in pending]
    for decision in found:
        denial = decision.denial
        print(json.dumps([decision.id, denial and [denial.step, denial.code]]), flush=True)
    tracker.close()


main()
