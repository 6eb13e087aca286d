"""Proposes narrower grants from recorded use, with evidence. Pure."""

from __future__ import annotations

from delegation.lineage.tightening.proposal import (
    MINIMUM,
    Proposal,
    Refused,
    Tightening,
    TightenKind,
    Use,
    propose,
    replay,
)

__all__ = [
    "MINIMUM",
    "Proposal",
    "Refused",
    "TightenKind",
    "Tightening",
    "Use",
    "propose",
    "replay",
]
