"""What an assessment says: words for people, JSON for programs, JUnit XML for build servers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from delegation.canonical import Json
from delegation.graph.names import claim, clean, holder
from delegation.lineage.entry import LinkEntry
from delegation.lineage.guardrails import Assessment, Verdict, Violation
from delegation.lineage.spelling import python_grant

_NAME: Final = 200
_LINE: Final = 4096  # a line of code is not cut: it is there to be pasted


def assessment_text(assessment: Assessment) -> str:
    """Return one line a guardrail, and for each violation its witness and the way out."""
    lines: list[str] = []
    for verdict in assessment.verdicts:
        lines.append(_line(verdict))
        for violation in verdict.violations:
            lines += [f"  {line}".rstrip() for line in _violation(violation)]
    return "".join(f"{line}\n" for line in lines)


def _line(verdict: Verdict) -> str:
    word = "idle" if not verdict.looked_at else "holds" if verdict.holds else "BROKEN"
    name = clean(verdict.guardrail.name, _NAME)
    if verdict.holds:
        return f"{word:>6}  {name} ({verdict.looked_at} links)"
    why = f" {clean(verdict.guardrail.why, _LINE)}" if verdict.guardrail.why else ""
    return f"{word:>6}  {name} ({verdict.broken} of {verdict.looked_at} links){why}"


def _violation(violation: Violation) -> Iterator[str]:
    yield violation.broken.message
    yield from _chain(violation.chain)
    if violation.other:
        yield "and in the same task:"
        yield from _chain(violation.other)
    field = f", in {violation.broken.field}" if violation.broken.field else ""
    yield f"Link to narrow: {violation.link.id}{field}."
    if violation.broken.narrower is None:
        yield "No narrower grant would keep the rule by itself: revoke the link."
        return
    yield "Revoke it, and delegate this instead:"
    yield from (f"    {line}" for line in python_grant(violation.broken.narrower).splitlines())


def _chain(chain: Sequence[LinkEntry]) -> Iterator[str]:
    for link in chain:
        yield f"  {'  ' * link.depth}{link.id} {_holder(link)}"


def _holder(link: LinkEntry) -> str:
    return " ".join(filter(None, (holder(link), claim(link), link.holder_fingerprint)))


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


def junit(assessment: Assessment, *, suite: str = "guardrails") -> str:
    """Return JUnit XML: one case a guardrail; one that is about no link is skipped, not passed."""
    failures = sum(not verdict.holds for verdict in assessment.verdicts)
    head = (
        f'<testsuite name="{_xml(suite)}" tests="{len(assessment.verdicts)}"'
        f' failures="{failures}" errors="0" skipped="{len(assessment.idle)}">'
    )
    cases: list[str] = []
    for verdict in assessment.verdicts:
        place = f'  <testcase classname="{_xml(suite)}" name="{_xml(verdict.guardrail.name)}"'
        if not verdict.looked_at:
            cases.append(f'{place}><skipped message="It is about no link."/></testcase>')
        elif verdict.holds:
            cases.append(f"{place}/>")
        else:
            first = verdict.violations[0].broken.message
            body = "\n".join(line for one in verdict.violations for line in _violation(one))
            cases.append(
                f'{place}><failure type="{verdict.guardrail.condition.kind}"'
                f' message="{_xml(first)}">{_xml(body, newlines=True)}</failure></testcase>'
            )
    return (
        "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', head, *cases, "</testsuite>"]) + "\n"
    )


def _xml(text: str, *, newlines: bool = False) -> str:
    lines = text.split("\n") if newlines else [text]
    return "\n".join(escape(clean(line, _LINE)) for line in lines)
