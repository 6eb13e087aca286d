"""One process of several that share a database: calls what its orders say, prints what it got.

Run by tests/records/test_flow_processes.py; orders are JSON on standard input.
"""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

from delegation import Access, HolderKey
from delegation.embedded import Tracker


def main() -> None:
    """Open the tracker, say so, wait for the word, make the calls."""
    orders = json.loads(sys.stdin.readline())
    at = orders["at"]
    tracker = Tracker.open(orders["url"], ring_file=orders["ring"], clock=lambda: at)
    calls = []
    for order in orders["calls"]:
        key = HolderKey(order["name"], bytes.fromhex(order["seed"]))
        access = Access.from_json(order["access"])
        token = SimpleNamespace(
            text=order["token"],
            chain=SimpleNamespace(origin=SimpleNamespace(issuer=tracker.issuer)),
        )
        calls.append((order["token"], key.prove(token, access, at=at), access))
    print("ready", flush=True)
    sys.stdin.readline()
    pending = [tracker.begin_check(*call) for call in calls]
    for one in pending:
        decision = one.result(30)
        denial = decision.denial
        print(json.dumps([decision.id, denial and [denial.step, denial.code]]), flush=True)
    tracker.close()


main()
