"""Distinguishes, as types, the ids that must not be mixed."""

from __future__ import annotations

from typing import NewType

TaskId = NewType("TaskId", str)
"""`tsk_` and 22 base64url characters, chosen by the service."""

LinkId = NewType("LinkId", str)
"""`lnk_` and the base64url SHA-256 of the link's payload: computed, never chosen."""

DecisionId = NewType("DecisionId", str)
"""`dec_` and 22 base64url characters, chosen by the service."""
