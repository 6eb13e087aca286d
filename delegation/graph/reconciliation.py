"""Prints a reconciliation: words for people, JSON for programs."""

from __future__ import annotations

from delegation.canonical import Json
from delegation.lineage.mediation import BYPASSES, Reconciliation
from delegation.shown import shown_text


def reconciliation_text(found: Reconciliation) -> str:
    """Return counts by kind, then what is listed, line by line."""
    read = f"{found.lines} lines, {found.decisions} allowed decisions in their time."
    verdict = "Bypassed" if found.is_bypassed else "Nothing was executed but what was allowed"
    lines = [f"{verdict}: {read}" if found.lines else "The log is empty."]
    for kind, count in found.to_counts().items():
        mark = "!" if kind in BYPASSES else " "
        lines.append(f"{mark} {count:>6}  {kind.replace('_', ' ')}")
    for one in found.findings:
        place = f"line {one.line}" if one.line else "no line"
        named = " ".join(filter(None, (one.decision, shown_text(one.tool))))
        lines.append(f"{place}: {one.kind.replace('_', ' ')}: {named} {shown_text(one.message)}")
    listed = len(found.findings)
    rest = sum(found.counts.values()) - listed
    if rest:
        lines.append(f"and {rest} more")
    return "".join(f"{line}\n" for line in lines)


def reconciliation_json(found: Reconciliation) -> dict[str, Json]:
    """Return the whole as JSON."""
    return {
        "bypassed": found.is_bypassed,
        "lines": found.lines,
        "decisions": found.decisions,
        "counts": {str(kind): count for kind, count in found.to_counts().items()},
        "findings": [
            {
                "kind": one.kind,
                "bypass": one.kind in BYPASSES,
                "line": one.line,
                "decision": one.decision,
                "tool": one.tool,
                "message": one.message,
            }
            for one in found.findings
        ],
    }
