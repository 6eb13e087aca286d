"""Values that write themselves, or that are no dataclass: their forms, each said once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, get_args

from delegation.authority.approval import ApprovalRule
from delegation.authority.catalogue import Catalogue, Tool
from delegation.authority.chain import Link
from delegation.authority.grant import Grant
from delegation.authority.resource_labels import ResourceLabels
from delegation.canonical import Json, b64u, unb64u
from delegation.graph import assessment_json, tightening_json
from delegation.identity.keyring import PublicRing
from delegation.identity.principal import PREFIX
from delegation.judge.facts import CounterKey, Subject, SubjectKind
from delegation.judge.limits import Limits
from delegation.lineage.guardrails import Assessment
from delegation.lineage.selection import Selection
from delegation.lineage.tightening import Tightening
from delegation.messages.form import FORMS, Form, form_of, many, named, own, words
from delegation.transparency.checkpoint import LogKey
from delegation.transparency.evidence import LogProof

TEXT: Final = form_of(str)
TEXTS: Final = many(TEXT)
WHOLE: Final = form_of(int)
NUMBERS: Final = {"type": "object", "additionalProperties": {"type": "integer"}}
OBJECT: Final = {"type": "object", "additionalProperties": True}


def never(_: object) -> Any:
    """Read nothing: what is written for readers only is read by nobody."""
    raise TypeError


def _written(kind: str, write: Any) -> Form:
    return Form(write, never, named(kind, OBJECT))


def _catalogue_json(catalogue: Catalogue) -> dict[str, Json]:
    return {
        "revision": catalogue.revision,
        "tools": [
            {"revision": revision, "tool": tool.to_json()}
            for name in sorted(catalogue.history)
            for revision, tool in catalogue.history[name]
        ],
        "resources": [
            {"revision": revision, "resource": entry.to_json()}
            for pattern in sorted(catalogue.resources)
            for revision, entry in catalogue.resources[pattern]
        ],
    }


def _read_catalogue(body: Mapping[str, Any]) -> Catalogue:
    history: dict[str, tuple[tuple[int, Tool], ...]] = {}
    resources: dict[str, tuple[tuple[int, ResourceLabels], ...]] = {}
    for entry in body["tools"]:
        tool = Tool.from_json(entry["tool"])
        history[tool.name] = (*history.get(tool.name, ()), (entry["revision"], tool))
    for entry in body["resources"]:
        labels = ResourceLabels.from_json(entry["resource"])
        before = resources.get(labels.pattern.text, ())
        resources[labels.pattern.text] = (*before, (entry["revision"], labels))
    return Catalogue(body["revision"], history, resources)


def _link_payload(link: Link) -> dict[str, Json]:
    return {
        "id": link.id,
        "parent": link.parent,
        "holder_name": link.holder_name,
        "holder_key": b64u(link.holder_key),
        "grant": link.grant.to_json(),
    }


def _revisions(member: str, kind: Any) -> dict[str, Any]:
    entry = {"revision": WHOLE.schema, member: form_of(kind).schema}
    item = {"type": "object", "properties": entry, "required": sorted(entry)}
    return {"type": "array", "items": item}


FORMS[Grant] = own(
    Grant,
    {
        "type": "object",
        "description": "What a link passes on; a constraint is an object of its kind.",
        "properties": {
            "capabilities": {
                "type": "array",
                "items": named(
                    "Capability",
                    {
                        "type": "object",
                        "properties": {
                            "tool": {"type": "string"},
                            "resources": {"type": "array", "items": {"type": "string"}},
                            "arguments": {"type": "object", "additionalProperties": OBJECT},
                        },
                        "required": ["arguments", "resources", "tool"],
                    },
                ),
            },
            "effects": {"type": "array", "items": {"type": "string"}},
            "max_sensitivity": {"type": "integer"},
            "audience": {"type": "array", "items": {"type": "string"}},
            "purpose": {"type": "string"},
            "not_before": {"type": "integer"},
            "expires_at": {"type": "integer"},
            "delegations_left": {"type": "integer"},
            "budget": NUMBERS,
            "needs_approval": {"type": "array", "items": OBJECT},
            "flow": {"type": "array", "items": OBJECT},
        },
        "required": ["capabilities"],
    },
)
FORMS[Limits] = own(Limits, NUMBERS)
FORMS[Tool] = own(Tool)
FORMS[ResourceLabels] = own(ResourceLabels)
FORMS[ApprovalRule] = own(ApprovalRule)
FORMS[Selection] = own(Selection)
FORMS[LogProof] = own(
    LogProof,
    {
        "type": "object",
        "properties": {
            "index": WHOLE.schema,
            "entry": TEXT.schema,
            "path": TEXTS.schema,
            "checkpoint": TEXT.schema,
        },
        "required": ["checkpoint", "entry", "index", "path"],
    },
)  # fmt: skip
FORMS[PublicRing] = own(
    PublicRing,
    {
        "type": "object",
        "properties": {"issuer": TEXT.schema, "keys": {"type": "array", "items": OBJECT}},
        "required": ["issuer", "keys"],
    },
)
FORMS[LogKey] = Form(lambda key: key.text, LogKey.from_text, TEXT.schema)
FORMS[SubjectKind] = words(get_args(SubjectKind), "SubjectKind")
FORMS[Subject] = Form(
    lambda subject: {"kind": subject.kind, "id": subject.id},
    lambda body: Subject(body["kind"], TEXT.read(body["id"])),
    named(
        "Subject",
        {
            "type": "object",
            "properties": {"kind": form_of(SubjectKind).schema, "id": TEXT.schema},
            "required": ["id", "kind"],
        },
    ),
)
FORMS[CounterKey] = Form(list, lambda body: CounterKey(*body), TEXTS.schema)
FORMS[Catalogue] = Form(
    _catalogue_json,
    _read_catalogue,
    named(
        "Catalogue",
        {
            "type": "object",
            "properties": {
                "revision": WHOLE.schema,
                "tools": _revisions("tool", Tool),
                "resources": _revisions("resource", ResourceLabels),
            },
            "required": ["resources", "revision", "tools"],
        },
    ),
)
FORMS[Link] = _written("LinkPayload", _link_payload)
FORMS[Assessment] = _written("Assessment", assessment_json)
FORMS[Tightening] = _written("Tightening", tightening_json)
OR_EMPTY: Final = Form(
    lambda text: text or None, lambda body: body or "", form_of(str | None).schema
)
KEYS: Final = many(
    Form(
        lambda key: PREFIX + b64u(key),
        lambda text: unb64u(text.removeprefix(PREFIX), what="key"),
        TEXT.schema,
    )
)
HEX: Final = Form(lambda digest: digest.hex(), bytes.fromhex, TEXT.schema)
