"""What a tightening says: its evidence in words, its grant as Python, TOML or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Final, Literal, TypeAlias

from delegation import canonical
from delegation.authority.explain import instant
from delegation.authority.grant import Grant
from delegation.canonical import Json
from delegation.errors import MalformedError
from delegation.graph.names import clean
from delegation.lineage.spelling import python_grant
from delegation.lineage.tightening import Proposal, Tightening

GrantForm: TypeAlias = Literal["python", "toml", "json"]
_SHOWN: Final = 50  # refused calls that are listed in words; JSON has all


def tightening_text(found: Tightening, form: GrantForm = "python") -> str:
    """Return what is proposed and why, ready to be pasted.

    Raises:
        MalformedError: The grant cannot be stated in TOML.
    """
    return "".join(f"{line}\n" for line in _lines(found, form))


def _lines(found: Tightening, form: GrantForm) -> Iterator[str]:
    proposal = found.proposal
    holder = f" of {clean(found.holder)}" if found.holder else ""
    yield f"# {found.kind} {found.id}{holder}"
    yield f"# {evidence(proposal)}"
    for one in proposal.refused[:_SHOWN]:
        yield f"#   refused: {one.decision} {one.tool}, {one.code} {one.caveat}"
    if len(proposal.refused) > _SHOWN:
        yield f"#   and {len(proposal.refused) - _SHOWN} more"
    if proposal.grant is None:
        yield f"# Nothing is proposed: {proposal.note}"
        return
    for change in proposal.changes:
        yield f"# {clean(str(change), 200)}"
    if not proposal.changes:
        yield "# Recorded use speaks for all that is held."
    yield spelled(proposal.grant, form).rstrip("\n")


def evidence(proposal: Proposal) -> str:
    """Return the sentence that says what the proposal would have done."""
    erased = f" {proposal.erased} more are erased and prove nothing." if proposal.erased else ""
    if proposal.grant is None:
        return f"{proposal.calls} recorded calls.{erased}"
    when = f"from {instant(proposal.since)} to {instant(proposal.until)}"
    allowed = proposal.calls - len(proposal.refused)
    if not proposal.refused:
        return f"Would have allowed all {proposal.calls} recorded calls {when}.{erased}"
    return (
        f"Would have allowed {allowed} of {proposal.calls} recorded calls {when},"
        f" refused {len(proposal.refused)}.{erased}"
    )


def spelled(grant: Grant, form: GrantForm) -> str:
    """Return a grant as Python, TOML or JSON.

    Raises:
        MalformedError: It has a range with an open end, for which TOML has no value.
    """
    match form:
        case "python":
            return python_grant(grant)
        case "json":
            return canonical.encode(grant.to_json()).decode() + "\n"
        case "toml":
            lines = [f"{name} = {_toml(value)}" for name, value in grant.to_json().items()]
            return "\n".join(["[grant]", *lines]) + "\n"


def _toml(value: Json) -> str:
    if value is None:
        raise MalformedError("format", wanted="json or python: TOML cannot state an open range")
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_text(k)} = {_toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(text: str) -> str:
    # JSON's escapes are TOML's, but that TOML knows no pairs of surrogates and wants DEL escaped.
    escaped = json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
    return "".join(c if c.isascii() or c.isprintable() else f"\\U{ord(c):08x}" for c in escaped)


def tightening_json(found: Tightening) -> dict[str, Json]:
    """Return a tightening as answers carry it."""
    proposal = found.proposal
    grant = proposal.grant
    refused: list[Json] = [
        {"decision": one.decision, "tool": one.tool, "code": one.code, "caveat": one.caveat}
        for one in proposal.refused
    ]
    body: Mapping[str, Json] = {
        "kind": found.kind,
        "id": found.id,
        "holder": found.holder,
        "calls": proposal.calls,
        "refused": refused,
        "erased": proposal.erased,
        "since": proposal.since,
        "until": proposal.until,
        "evidence": evidence(proposal),
        "note": proposal.note,
        "held": proposal.held.to_json(),
        "grant": None if grant is None else grant.to_json(),
        "code": None if grant is None else python_grant(grant),
    }
    return dict(body)
