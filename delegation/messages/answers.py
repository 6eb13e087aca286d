"""Answers to reviewers' questions as JSON: every field by its name, nothing that holds a secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from delegation.authority.grant import Grant
from delegation.cancellation import look
from delegation.canonical import Json, b64u
from delegation.judge.facts import Subject
from delegation.lineage.entry import DecisionEntry, LinkEntry, TaskEntry
from delegation.lineage.feed import Revocation
from delegation.lineage.risk import FORMULA, Risk
from delegation.messages.standing import change_json
from delegation.messages.values import decision_entry_json, link_json, task_json


def answer_json(value: Any) -> Json:
    """Return an answer's JSON.

    Raises:
        TypeError: It holds something that has no form in an answer.
    """
    match value:
        case None | bool() | int() | str():
            return value
        case bytes():
            return b64u(value)
        case LinkEntry():
            return link_json(value)
        case TaskEntry():
            return task_json(value)
        case DecisionEntry():
            return decision_entry_json(value)
        case Grant():
            return value.to_json()
        case Revocation():
            return change_json(value)
        case Subject():
            return {"kind": value.kind, "id": value.id}
        case Mapping():
            return {str(name): answer_json(item) for name, item in value.items()}
        case list() | tuple():
            return [answer_json(item) for item in value]
    if not is_dataclass(value) or isinstance(value, type):
        raise TypeError(type(value).__name__)
    look()
    body = {field.name: answer_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Risk):
        body |= {"score": value.score, "sum": value.sum, "formula": FORMULA}
    return body
