"""A reviewer: sees how authority flowed, asks why a call was denied, cuts a branch and sees it go.

Needs the extra `store`. Run it: python samples/reviewer.py
"""

from __future__ import annotations

from delegation import Access, Grant, HolderKey, Tool, Tracker, may, path

tracker = Tracker.open("sqlite://")
tracker.add_tool(Tool("files.read", effect="read", arguments={"path": "path"}))
lead, scout, intern = (HolderKey.generate(name) for name in ("lead", "scout", "intern"))
read = may("files.read", path=path("/data"))
task = tracker.open_task(
    "Quarterly report", owner="ana@acme.example",
    ceiling=Grant([read], audience=["files"], delegations_left=3, budget={"calls": 10}),
)  # fmt: skip
for key in (lead, scout):
    tracker.add_agent(key.name, owner="ana@acme.example", keys=[key.public])
first = tracker.issue(task, to=lead.public).delegate(by=lead, to=scout.public, grant=Grant())
narrow = Grant([read.narrow(path=path("/data/2026"))], budget={"calls": 2})
second = first.delegate(by=scout, to=intern.public, grant=narrow)


def call(place: str) -> str:
    """Let the intern read a file; return the decision's id."""
    access = Access("files.read", {"path": place}, "files")
    return tracker.check(second, intern.prove(second, access), access).id


call("/data/2026/q3.csv")
denied = call("/data/2025/q3.csv")

print(tracker.lineage(task).as_text())
why = tracker.decision(denied).decision.denial
assert why is not None
print(f"denied at step {why.step} ({why.code}) by link {why.depth}")
print(f"  offered {why.offered}, allowed {why.allowed}")
assert (why.step, why.depth) == (8, 2)

tracker.revoke("agent", "scout", by="reviewer", reason="left the team")
after = tracker.decision(call("/data/2026/q3.csv")).decision
assert after.denial is not None
print(f"after the cut: {after.denial.code} at link {after.denial.depth}")
standings = [entry.standing for entry in tracker.lineage(task).entry.links]
assert standings == ["active", "revoked", "revoked"]
tracker.close()
