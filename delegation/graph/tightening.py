"""Prints a tightening: its evidence in words, its grant as Python, TOML or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, TypeAlias

from delegation import canonical
from delegation.authority.explain import differences, instant
from delegation.authority.grant import Grant
from delegation.canonical import Json
from delegation.errors import MalformedError
from delegation.lineage.analysis.spelling import python_grant
from delegation.lineage.tightening import Proposal, Tightening
from delegation.shown import shown_text

GrantForm: TypeAlias = Literal["python", "toml", "json"]
_SHOWN: Final = 50  # refused calls that are listed in words; JSON has all


def tightening_text(told: Tightening | Mapping[str, Any], form: GrantForm = "python") -> str:
    """Return what is proposed and why, ready to be pasted.

    Args:
        told: A tightening, or the JSON of one.
        form: How the grant is spelled.

    Raises:
        MalformedError: The grant cannot be stated in TOML, or the JSON holds no grant.
    """
    body = tightening_json(told) if isinstance(told, Tightening) else told
    return "".join(f"{line}\n" for line in _lines(body, form))


def _lines(body: Mapping[str, Any], form: GrantForm) -> Iterator[str]:
    holder = f" of {shown_text(body['holder'])}" if body["holder"] else ""
    yield f"# {shown_text(body['kind'])} {shown_text(body['id'])}{holder}"
    yield f"# {shown_text(body['evidence'])}"
    refused = body["refused"]
    for one in refused[:_SHOWN]:
        words = (one["decision"], f"{one['tool']},", one["code"], one["caveat"])
        yield f"#   refused: {' '.join(map(shown_text, words))}"
    if len(refused) > _SHOWN:
        yield f"#   and {len(refused) - _SHOWN} more"
    if body["grant"] is None:
        yield f"# Nothing is proposed: {shown_text(body['note'])}"
        return
    grant = Grant.from_json(body["grant"])
    changes = differences(Grant.from_json(body["held"]), grant)
    for change in changes:
        yield f"# {shown_text(str(change))}"
    if not changes:
        yield "# Recorded use speaks for all that is held."
    # Spelled here, whoever answered: code that came from elsewhere is not printed to be pasted.
    yield spelled(grant, form).rstrip("\n")


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
