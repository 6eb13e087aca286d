"""Asserts rules over all chains, as tests that fail with the shortest witness.

Pure: `assess` looks at recorded links and the catalogue, wherever they come from.
"""

from __future__ import annotations

from delegation.lineage.guardrails.assessment import (
    Assessment,
    Broken,
    Condition,
    Guardrail,
    Verdict,
    Violation,
    assess,
)
from delegation.lineage.guardrails.grammar import KINDS, parse_guardrails, refuse_unfit_rules
from delegation.lineage.guardrails.offline import forests_of
from delegation.lineage.guardrails.recorded_links import RecordedLinks

__all__ = [
    "KINDS",
    "Assessment",
    "Broken",
    "Condition",
    "Guardrail",
    "RecordedLinks",
    "Verdict",
    "Violation",
    "assess",
    "forests_of",
    "parse_guardrails",
    "refuse_unfit_rules",
]
