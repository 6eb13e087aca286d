"""Recorded links as a test draws them: a tree in a few words, with grants that say what matters."""

from __future__ import annotations

import hashlib

from delegation import Grant, Tool, anything, may
from delegation.authority.catalogue import Catalogue
from delegation.authority.explain import differences
from delegation.authority.ids import LinkId, TaskId
from delegation.identity.principal import fingerprint
from delegation.lineage.entry import Counts, LinkEntry, TaskEntry
from delegation.lineage.survey import Known, Registered, Survey

NOW = 1_800_000_000
TASK = TaskId("tsk_" + "t" * 22)
TOOLS = (
    Tool("a.read", effect="read", arguments={"x": "opaque"}),
    Tool("b.write", effect="write", arguments={"x": "opaque"}, sensitivity=1),
    Tool("c.delete", effect="delete", arguments={"x": "opaque"}, sensitivity=2),
    Tool("d.actuate", effect="actuate", arguments={"x": "opaque"}, sensitivity=3),
)


def catalogue(tools=TOOLS) -> Catalogue:
    """Return a catalogue of these tools."""
    found = Catalogue()
    for tool in tools:
        found = found.with_tool(tool)
    return found


def key_of(name: str) -> bytes:
    """Return the key that a test means by a name."""
    return hashlib.sha256(name.encode("utf-8", "backslashreplace")).digest()


def grant(*tools: str, **fields) -> Grant:
    """Return a complete grant of these tools."""
    given = {
        "effects": ["actuate", "admin", "delete", "read", "write"], "max_sensitivity": 3, "audience": ["s"], "purpose": "",
        "not_before": NOW - 100, "expires_at": NOW + 7000, "delegations_left": 3, "budget": {}, "needs_approval": [], "flow": [],
        **fields,
    }  # fmt: skip
    return Grant([may(tool, x=anything()) for tool in tools], **given)


def task(**fields) -> TaskEntry:
    """Return an open task."""
    given = {
        "id": TASK, "title": "T", "owner": "ana", "state": "open", "opened_at": NOW - 100, "deadline": NOW + 10**7,
        "inferred": False, "ceiling": grant("a.read"), "under": None, "spent": (), **fields,
    }  # fmt: skip
    return TaskEntry(**given)


class Tree:
    """Links under one task; each is named by its holder, who also names its key."""

    def __init__(self, *tasks: TaskEntry, agents: tuple[str, ...] = (), at: int = NOW) -> None:
        self.links: list[LinkEntry] = []
        self.keys: dict[LinkId, bytes] = {}
        self.at = at
        self.tasks = tasks or (task(),)
        self.agents = agents

    def add(self, name: str, parent: LinkEntry | None = None, what: Grant | None = None, *, key: str = "", standing: str = "active", ended_by: str = "", at: int = NOW - 50, in_task: TaskId | None = None) -> LinkEntry:  # fmt: skip
        """Record a link to a holder."""
        held = what or (parent.grant if parent else grant("a.read", "b.write"))
        found = LinkEntry(
            id=LinkId(f"lnk_{len(self.links):043d}"),
            task=in_task or (parent.task if parent else self.tasks[0].id),
            parent=parent.id if parent else None,
            under=None,
            depth=parent.depth + 1 if parent else 0,
            holder_name=name if name in self.agents else "",
            claimed_name=name,
            holder_fingerprint=fingerprint(key_of(key or name)),
            owner="ana",
            registered=name in self.agents,
            inferred=False,
            grant=held,
            changes=differences(parent.grant if parent else None, held),
            recorded_at=at,
            standing=standing,
            ended_by=ended_by,
            decisions=Counts(),
            formats=("biscuit",),
        )
        self.links.append(found)
        self.keys[found.id] = key_of(key or name)
        return found

    def survey(self, *, uses=None, spent=None, tools=TOOLS) -> Survey:
        """Return what a store would tell of it."""
        known = Known(
            tasks={one.id: one for one in self.tasks},
            keys=self.keys,
            pins={},
            uses=uses or {},
            spent=spent or {},
            agents=tuple(
                Registered(name, "ana", (key_of(name),), NOW - 90) for name in self.agents
            ),
        )
        return Survey(self.links, catalogue(tools), at=self.at, known=known)
