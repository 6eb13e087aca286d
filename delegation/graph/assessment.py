"""Prints an assessment: words for people, JSON for programs, JUnit XML for build servers.

Words and XML are made of the JSON, so that the answer of a service is shown like one's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, TypeAlias

from delegation.authority.grant import Grant
from delegation.canonical import Json
from delegation.graph.names import folded
from delegation.lineage.analysis.spelling import python_grant
from delegation.lineage.entry import LinkEntry
from delegation.lineage.guardrails import Assessment, Violation
from delegation.shown import shown_text

Told: TypeAlias = Assessment | Mapping[str, Any]


def assessment_json(assessment: Assessment) -> dict[str, Json]:
    """Return the whole assessment as JSON."""
    return {
        "holds": assessment.holds,
        "links": assessment.links,
        "guardrails": [
            {
                "name": verdict.guardrail.name,
                "kind": verdict.guardrail.condition.kind,
                "why": verdict.guardrail.why,
                "holds": verdict.holds,
                "links": verdict.looked_at,
                "broken": verdict.broken,
                "violations": [_violation_json(one) for one in verdict.violations],
            }
            for verdict in assessment.verdicts
        ],
    }


def _violation_json(violation: Violation) -> Json:
    broken = violation.broken
    grant = broken.narrower
    return {
        "message": broken.message,
        "task": violation.link.task,
        "link": violation.link.id,
        "field": broken.field,
        "chain": [_link_json(link) for link in violation.chain],
        "other": [_link_json(link) for link in violation.other],
        "narrower": None if grant is None else grant.to_json(),
        "code": None if grant is None else python_grant(grant),
    }


def _link_json(link: LinkEntry) -> Json:
    return {
        "id": link.id,
        "depth": link.depth,
        "holder_name": link.holder_name,
        "claimed_name": link.claimed_name,
        "holder_fingerprint": link.holder_fingerprint,
    }


def _body(told: Told) -> Mapping[str, Any]:
    return assessment_json(told) if isinstance(told, Assessment) else told


def assessment_text(told: Told) -> str:
    """Return one line a guardrail, and for each violation its witness and the way out.

    Args:
        told: An assessment, or the JSON of one.
    """
    lines: list[str] = []
    for verdict in _body(told)["guardrails"]:
        lines.append(_verdict(verdict))
        for violation in verdict["violations"]:
            lines += [f"  {line}".rstrip() for line in _violation(violation)]
    return "".join(f"{line}\n" for line in lines)


def _verdict(verdict: Mapping[str, Any]) -> str:
    looked_at, name = int(verdict["links"]), shown_text(verdict["name"])
    if verdict["holds"]:
        return f"{'holds' if looked_at else 'idle':>6}  {name} ({looked_at} links)"
    why = f" {shown_text(verdict['why'])}" if verdict["why"] else ""
    return f"BROKEN  {name} ({int(verdict['broken'])} of {looked_at} links){why}"


def _violation(violation: Mapping[str, Any]) -> Iterator[str]:
    yield shown_text(violation["message"])
    yield from map(_link, violation["chain"])
    if violation["other"]:
        yield "and in the same task:"
        yield from map(_link, violation["other"])
    field = f", in {shown_text(violation['field'])}" if violation["field"] else ""
    yield f"Link to narrow: {shown_text(violation['link'])}{field}."
    if violation["narrower"] is None:
        yield "No narrower grant would keep the rule by itself: revoke the link."
        return
    yield "Revoke it, and delegate this instead:"
    # Spelled here, whoever answered: code that came from elsewhere is not printed to be pasted.
    grant = Grant.from_json(violation["narrower"])
    yield from (f"    {line}" for line in python_grant(grant).splitlines())


def _link(link: Mapping[str, Any]) -> str:
    name = folded(shown_text(link["holder_name"]))
    shown = name or f"unnamed called “{folded(shown_text(link['claimed_name']), 48)}”"
    indent = "  " * (int(link["depth"]) + 1)
    return f"{indent}{shown_text(link['id'])} {shown} {shown_text(link['holder_fingerprint'])}"


def junit(told: Told, *, suite: str = "guardrails") -> str:
    """Return JUnit XML: one case a guardrail; one that is about no link is skipped, not passed.

    Args:
        told: An assessment, or the JSON of one.
        suite: What the suite is called.
    """
    verdicts = _body(told)["guardrails"]
    failures = sum(not verdict["holds"] for verdict in verdicts)
    skipped = sum(not verdict["links"] for verdict in verdicts)
    head = (
        f'<testsuite name="{_xml(suite)}" tests="{len(verdicts)}"'
        f' failures="{failures}" errors="0" skipped="{skipped}">'
    )
    cases: list[str] = []
    for verdict in verdicts:
        place = f'  <testcase classname="{_xml(suite)}" name="{_xml(verdict["name"])}"'
        if not verdict["links"]:
            cases.append(f'{place}><skipped message="It is about no link."/></testcase>')
        elif verdict["holds"]:
            cases.append(f"{place}/>")
        else:
            first = verdict["violations"][0]["message"]
            body = "\n".join(
                escape(line) for one in verdict["violations"] for line in _violation(one)
            )
            cases.append(
                f'{place}><failure type="{_xml(verdict["kind"])}" message="{_xml(first)}">'
                f"{body}</failure></testcase>"
            )
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', head, *cases, "</testsuite>"]
    return "\n".join(lines) + "\n"


def _xml(text: str) -> str:
    return escape(shown_text(text))
