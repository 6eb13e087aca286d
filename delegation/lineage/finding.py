"""Describes a finding: one thing that a reviewer should look at, with the facts it rests on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from delegation.authority.ids import TaskId
from delegation.lineage.entry import LinkEntry

Severity: TypeAlias = Literal["high", "medium", "low"]
SubjectOf: TypeAlias = Literal["link", "task", "key"]
SEVERITIES: Final[tuple[Severity, ...]] = ("high", "medium", "low")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at.

    Args:
        id: Names the rule, the subject and the facts: other facts make another finding, so that a
            dismissal never covers what nobody has seen.
        rule: The rule's name, a heading of docs/reference/findings.md.
        severity: `high`, `medium` or `low`.
        kind: What the subject is.
        subject: Its id; for a key its fingerprint.
        task: The task, None where several are concerned.
        message: One sentence in our words, with the numbers; names in it are hostile text.
        remedy: What to do, one sentence.
    """

    id: str
    rule: str
    severity: Severity
    kind: SubjectOf
    subject: str
    task: TaskId | None
    message: str
    remedy: str


def of_link(
    rule: str,
    severity: Severity,
    link: LinkEntry,
    message: str,
    remedy: str,
    basis: object = "",
) -> Finding:
    """Return a finding about a link; see `finding`."""
    return finding(rule, severity, "link", link.id, link.task, message, remedy, basis)


def finding(
    rule: str,
    severity: Severity,
    kind: SubjectOf,
    subject: str,
    task: TaskId | None,
    message: str,
    remedy: str,
    basis: object,
) -> Finding:
    """Return a finding whose id names the rule, the subject and what it rests on.

    Args:
        rule: The rule's name.
        severity: How bad it is.
        kind: What the subject is.
        subject: Its id.
        task: The task, None where several are concerned.
        message: One sentence.
        remedy: One sentence.
        basis: The facts: other facts make another finding.
    """
    text = "\0".join((rule, kind, subject, str(basis)))
    digest = hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32]
    return Finding(f"fnd_{digest}", rule, severity, kind, subject, task, message, remedy)
