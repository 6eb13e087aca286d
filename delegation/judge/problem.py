"""Forms the problem (RFC 9457) that answers a refused request, for the service, its doors and guards."""

from __future__ import annotations

from typing import Final

from delegation.canonical import Json
from delegation.judge.decision import Decision

MEDIA_TYPE: Final = "application/problem+json"


def problem_body(status: int, code: str, detail: str, **members: Json) -> dict[str, Json]:
    """Return the members of a problem.

    Args:
        status: HTTP status.
        code: Stable code, one heading in docs/reference/errors.md.
        detail: One sentence.
        members: What else it says; what is empty is left out.
    """
    said = {name: value for name, value in members.items() if value not in (None, "")}
    return {"type": "about:blank", "status": status, "code": code, "detail": detail, **said}


def denial_members(decision: Decision) -> dict[str, Json]:
    """Return what a problem says of a recorded denial beside code and message.

    Step, link, caveat, what was offered and what was allowed, and the remedy, under the names that
    `POST /v1/check` answers with. Whoever has not shown to hold anything learns its id and no more.
    """
    denial = decision.denial
    if denial is None:
        return {}
    if not decision.is_proven:
        return {"decision": decision.id}
    said = denial.to_json()
    del said["code"], said["message"]
    return {"decision": decision.id, "approval": decision.approval, **said}
