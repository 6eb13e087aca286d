"""Writes W3C PROV-JSON: links as entities, holders and owners as agents, tasks and calls as activities.

Every identifier is ours: an id of the store, a whole key, or a digest. Names are labels, never
identifiers: two holders who are called alike stay two. Source: PROV-JSON (W3C submission, 2013).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Final, TypeAlias

from delegation.authority.ids import DecisionId
from delegation.canonical import Json, b64u
from delegation.export.manifest import Manifest
from delegation.lineage.analysis.cutting import Cutting
from delegation.lineage.entry import DecisionEntry, LinkEntry, TaskEntry
from delegation.lineage.feed import Revocation

NAMESPACE: Final = "urn:delegation:"
_LAST_SECOND: Final = 253_402_300_799  # of the year 9999
_KINDS: Final = (
    "entity", "agent", "activity", "wasGeneratedBy", "wasDerivedFrom", "wasAttributedTo",
    "actedOnBehalfOf", "used", "wasAssociatedWith", "wasInformedBy", "wasInvalidatedBy",
)  # fmt: skip
_Values: TypeAlias = Mapping[str, Json]


def prov_json(forest: Iterable[Cutting], manifest: Manifest) -> Iterator[str]:
    """Yield a forest as one PROV-JSON document, in a canonical order."""
    book = _Book()
    about = {f"d:{name}": value for name, value in manifest.to_json().items() if name != "filter"}
    about["d:filter"] = json.dumps(manifest.to_json()["filter"], sort_keys=True)
    book.put("entity", "d:export", {"prov:type": _name("d:Export"), **about})
    for one in forest:
        book.task(one)
    yield from book.document()


class _Book:
    """Records by kind and identifier, each as its text; one that comes twice is one."""

    def __init__(self) -> None:
        self._records: dict[str, dict[str, str]] = {kind: {} for kind in _KINDS}
        self._unnamed: set[str] = set()  # agents of whom only the key is known

    def put(self, kind: str, name: str, values: _Values) -> None:
        said = {n: value for n, value in values.items() if value not in (None, "")}
        self._records[kind][name] = json.dumps(said, ensure_ascii=True, sort_keys=True)

    def document(self) -> Iterator[str]:
        yield '{"prefix": ' + json.dumps({"d": NAMESPACE})
        for kind, records in self._records.items():
            if records:
                yield f',\n"{kind}": {{'
                comma = "\n"
                for name in sorted(records):
                    yield f"{comma}{json.dumps(name)}: {records[name]}"
                    comma = ",\n"
                yield "\n}"
        yield "\n}\n"

    def task(self, one: Cutting) -> None:
        """Put a task with the tasks below it, its links and its decisions."""
        over = {} if one.closed_at is None else {"prov:endTime": _time(one.closed_at)}
        owner = self._task(one.lineage.task, over)
        owners = {task.id: self._task(task, {}) for task in one.lineage.below}
        links = {link.id: link for link in one.lineage.links}
        for link in one.lineage.links:
            above = None if link.above is None else links.get(link.above)
            self._link(link, above, one, owners.get(link.task, owner))
        known = {decision.id for decision in one.lineage.decisions}
        for decision in one.lineage.decisions:
            leaf = None if decision.link is None else links.get(decision.link)
            self._decision(decision, leaf, one, known)
        for ending in one.endings:
            self._ending(ending, one)

    def _task(self, task: TaskEntry, over: _Values) -> str:
        """Put a task, and return its owner."""
        name = f"d:{task.id}"
        values = _about("Task", task.title, d_state=task.state, d_deadline=task.deadline)
        self.put("activity", name, {"prov:startTime": _time(task.opened_at), **over, **values})
        owner = self._owner(task.owner)
        self._relate("wasAssociatedWith", {"prov:activity": name, "prov:agent": owner})
        return owner

    def _link(self, link: LinkEntry, above: LinkEntry | None, one: Cutting, owner: str) -> None:
        name, task = f"d:{link.id}", f"d:{link.task}"
        values = _about(
            "Link",
            link.holder_name if link.registered else link.claimed_name,
            d_depth=link.depth,
            d_standing=link.standing,
            d_ended_by=link.ended_by,
            d_effects=" ".join(link.grant.effects),
            d_expires_at=link.grant.expires_at,
            d_narrowed="; ".join(str(change) for change in link.changes),
            d_is_context=link.id in one.context,
        )
        self.put("entity", name, values)
        holder = self._holder(link, one)
        delegator = owner if above is None else self._holder(above, one)
        made = {"prov:entity": name, "prov:activity": task, "prov:time": _time(link.recorded_at)}
        self._relate("wasGeneratedBy", made)
        self._relate("wasAttributedTo", {"prov:entity": name, "prov:agent": delegator})
        if link.above is not None:
            self._relate(
                "wasDerivedFrom",
                {"prov:generatedEntity": name, "prov:usedEntity": f"d:{link.above}"},
            )
            if above is None:  # of another task: named, without anything being said of it
                self.put("entity", f"d:{link.above}", {"prov:type": _name("d:Link")})
        acted = {"prov:delegate": holder, "prov:responsible": delegator, "prov:activity": task}
        self._relate("actedOnBehalfOf", acted)

    def _decision(
        self,
        made: DecisionEntry,
        leaf: LinkEntry | None,
        one: Cutting,
        known: AbstractSet[DecisionId],
    ) -> None:
        name = f"d:{made.id}"
        values = _about(
            "Decision",
            made.tool,
            d_sequence=made.sequence,
            d_allowed=made.allowed,
            d_step=made.step,
            d_code=made.code,
            d_task=made.task,
        )
        times = {"prov:startTime": _time(made.at), "prov:endTime": _time(made.at)}
        self.put("activity", name, {**times, **values})
        if leaf is not None:
            self._relate("used", {"prov:activity": name, "prov:entity": f"d:{leaf.id}"})
            holder = self._holder(leaf, one)
            self._relate("wasAssociatedWith", {"prov:activity": name, "prov:agent": holder})
        # Whoever made the call names its cause: a claim, and often of nothing that is here.
        if made.claimed_cause is not None and made.claimed_cause in known:
            informed = {"prov:informed": name, "prov:informant": f"d:{made.claimed_cause}"}
            self._relate("wasInformedBy", {**informed, "d:claimed": True})

    def _ending(self, ending: Revocation, one: Cutting) -> None:
        name = f"d:revocation.{ending.epoch}"
        values = _about(
            "Revocation",
            ending.act,
            d_kind=ending.subject.kind,
            d_subject=ending.subject.id,
            d_by=ending.by,
            d_reason=ending.reason,
        )
        self.put("activity", name, {"prov:startTime": _time(ending.at), **values})
        for link in one.lineage.links:
            if link.standing in {"revoked", "suspended"} and link.ended_by == ending.subject.id:
                ended = {"prov:entity": f"d:{link.id}", "prov:activity": name}
                self._relate("wasInvalidatedBy", {**ended, "prov:time": _time(ending.at)})

    def _holder(self, link: LinkEntry, one: Cutting) -> str:
        key = one.keys.get(link.id)
        name = f"d:key.{b64u(key)}" if key is not None else f"d:holder.{link.id}"
        label = link.holder_name if link.registered else ""
        said = f"key {link.holder_fingerprint}"
        values = _about("Holder", f"{label} {said}".strip(), d_fingerprint=link.holder_fingerprint)
        is_new = name not in self._records["agent"]
        if is_new or (label and name in self._unnamed):
            self.put("agent", name, values)
            (self._unnamed.discard if label else self._unnamed.add)(name)
        return name

    def _owner(self, owner: str) -> str:
        digest = hashlib.sha256(owner.encode("utf-8", "backslashreplace")).hexdigest()
        name = f"d:owner.{digest[:32]}"
        self.put("agent", name, _about("Owner", owner))
        return name

    def _relate(self, kind: str, values: _Values) -> None:
        # Named by what it says, so that the same one is one, whatever came before it.
        said = json.dumps([kind, values], sort_keys=True).encode()
        self.put(kind, f"_:{hashlib.sha256(said).hexdigest()[:32]}", values)


def _about(kind: str, label: str, **values: Json) -> _Values:
    named = {name.replace("_", ":", 1): value for name, value in values.items()}
    return {"prov:type": _name(f"d:{kind}"), "prov:label": label, **named}


def _name(name: str) -> Json:
    return {"$": name, "type": "prov:QUALIFIED_NAME"}


def _time(seconds: int) -> str | None:
    if not 0 <= seconds <= _LAST_SECOND:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")
