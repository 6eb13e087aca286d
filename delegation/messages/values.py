"""Defines the forms of values that write themselves, or that are no dataclass."""

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
from delegation.judge.facts import CounterKey
from delegation.judge.limits import Limits
from delegation.judge.subject import Subject, SubjectKind
from delegation.lineage.guardrails import Assessment
from delegation.lineage.selection import Selection
from delegation.lineage.tightening import Tightening
from delegation.messages.form import (
    FORMS,
    Form,
    Schema,
    form_of,
    many,
    members,
    named,
    own,
    words,
)
from delegation.transparency.checkpoint import LogKey, LogProof

TEXT: Final = form_of(str)
TEXTS: Final = many(TEXT)
WHOLE: Final = form_of(int)
NUMBERS: Final = {"type": "object", "additionalProperties": {"type": "integer"}}
OBJECT: Final = {"type": "object", "additionalProperties": True}
_ANY_ROWS: Final = {"type": "array", "items": OBJECT}


def never(_: object) -> Any:
    """Read nothing: what is written for readers only is read by nobody."""
    raise TypeError


def _written(name: str, write: Any, schema: Schema) -> Form:
    return Form(write, never, named(name, schema))


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


def _rows(**kinds: Any) -> dict[str, Any]:
    return {"type": "array", "items": members(**kinds)}


_CAPABILITY: Final = {
    "type": "array",
    "items": named(
        "Capability",
        members(
            "delegate_only",
            tool=str,
            resources=tuple[str, ...],
            arguments={"type": "object", "additionalProperties": OBJECT},  # a constraint each
            delegate_only=bool,
        ),
    ),
}
_WHO: Final = {"id": str, "depth": int, "holder_name": str, "claimed_name": str}
_LINKS: Final = _rows(**_WHO, holder_fingerprint=str)
FORMS[ApprovalRule] = own(
    ApprovalRule, members(tools=tuple[str, ...], approvers=tuple[str, ...], quorum=int)
)
FORMS[Grant] = own(
    Grant,
    members(
        capabilities=_CAPABILITY,
        effects=tuple[str, ...],
        max_sensitivity=int,
        audience=tuple[str, ...],
        purpose=str,
        not_before=int,
        expires_at=int,
        delegations_left=int,
        budget=NUMBERS,
        needs_approval=tuple[ApprovalRule, ...],
        flow=_ANY_ROWS,
    ),
)
FORMS[Limits] = own(Limits, NUMBERS)
FORMS[Tool] = own(
    Tool,
    members(
        "aliases",
        name=str,
        effect=str,
        system=str,
        domain=str,
        labels=tuple[str, ...],
        sensitivity=int,
        arguments=OBJECT,
        resource=str | None,
        cost=OBJECT,
        aliases=tuple[str, ...],
    ),
)
FORMS[ResourceLabels] = own(ResourceLabels, members(pattern=str, labels=tuple[str, ...]))
FORMS[Selection] = own(Selection)
FORMS[LogProof] = own(LogProof, members(index=int, entry=str, path=tuple[str, ...], checkpoint=str))
FORMS[PublicRing] = own(
    PublicRing,
    members(issuer=str, keys=_rows(role=str, kid=int, state=str, not_after=int, key=str)),
)
FORMS[LogKey] = Form(lambda key: key.text, LogKey.from_text, TEXT.schema)
FORMS[SubjectKind] = words(get_args(SubjectKind), "SubjectKind")
FORMS[Subject] = Form(
    lambda subject: {"kind": subject.kind, "id": subject.id},
    lambda body: Subject(body["kind"], TEXT.read(body["id"])),
    named("Subject", members(kind=SubjectKind, id=str)),
)
FORMS[CounterKey] = Form(list, lambda body: CounterKey(*body), TEXTS.schema)
FORMS[Catalogue] = Form(
    _catalogue_json,
    _read_catalogue,
    named(
        "Catalogue",
        members(
            revision=int,
            tools=_rows(revision=int, tool=Tool),
            resources=_rows(revision=int, resource=ResourceLabels),
        ),
    ),
)
FORMS[Link] = _written(
    "LinkPayload",
    _link_payload,
    members(id=str, parent=str | None, holder_name=str, holder_key=str, grant=Grant),
)
_VIOLATIONS: Final = _rows(
    message=str,
    task=str,
    link=str,
    field=str,
    chain=_LINKS,
    other=_LINKS,
    narrower=Grant | None,
    code=str | None,
)
FORMS[Assessment] = _written(
    "Assessment",
    assessment_json,
    members(
        holds=bool,
        links=int,
        guardrails=_rows(
            name=str,
            kind=str,
            why=str,
            holds=bool,
            links=int,
            broken=int,
            violations=_VIOLATIONS,
        ),
    ),
)
FORMS[Tightening] = _written(
    "Tightening",
    tightening_json,
    members(
        kind=str,
        id=str,
        holder=str,
        calls=int,
        refused=_rows(decision=str, tool=str, code=str, caveat=str),
        erased=int,
        since=int | None,
        until=int | None,
        evidence=str,
        note=str,
        held=Grant,
        grant=Grant | None,
        code=str | None,
    ),
)
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
