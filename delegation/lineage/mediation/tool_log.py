"""Reads the tool log: one JSON object a line, written by a service after it executed a call.

Source: docs/how-to/mediation.md. A line is read strictly: what is not understood is no execution that was
accounted for, and is reported with its number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, cast

from delegation import canonical
from delegation.authority.alias import called
from delegation.authority.fields import AUDIENCE, closed_object, integer, matching_text
from delegation.authority.ids import DecisionId
from delegation.canonical import Json
from delegation.errors import MalformedError
from delegation.identity.receipt import arguments_digest

MAX_LINE: Final = 64 * 1024  # bytes, as an access
ExecutionOutcome: TypeAlias = Literal["executed", "failed"]
_FIELDS: Final = frozenset(
    {"v", "at", "decision", "tool", "audience", "arguments", "outcome", "receipt"}
)
_DECISION: Final = re.compile(r"dec_[A-Za-z0-9_-]{22}")
_DIGEST: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_OUTCOME: Final = re.compile("executed|failed")
_RECEIPT: Final = re.compile(r"[!-~]{1,4096}")


class UnreadableLineError(MalformedError):
    """A line of a tool log has another form than the documented one."""


@dataclass(frozen=True, slots=True)
class Execution:
    """One call that a service says it executed.

    Args:
        line: Number of its line, from 1; 0 where it stands in no file.
        at: When it began, Unix seconds of the service's clock.
        decision: What allowed it, as the service says; None when it knows of nothing.
        tool: What was executed, by its own name or an alias.
        audience: The service.
        digest: Digest of the canonical arguments, as receipts carry it.
        outcome: How it ended.
        receipt: The receipt it was executed under, if it had one.
    """

    line: int
    at: int
    decision: DecisionId | None
    tool: str
    audience: str
    digest: str
    outcome: ExecutionOutcome = "executed"
    receipt: str | None = None


def read_line(data: bytes, number: int) -> Execution:
    """Return what a line states.

    Args:
        data: The line, with or without its end.
        number: From 1.

    Raises:
        UnreadableLineError: It has another form; names the field, never what stands in it.
    """
    try:
        return _read(data, number)
    except MalformedError as error:
        raise UnreadableLineError(f"line {number}, {error.field}", wanted=error.wanted) from error


def _read(data: bytes, number: int) -> Execution:
    if len(data) > MAX_LINE:
        raise MalformedError("the whole", wanted=f"at most {MAX_LINE} bytes")
    body = closed_object("the whole", canonical.parse(data, what="the whole"), _FIELDS)
    if body["v"] is True or body["v"] != 1:
        raise MalformedError("v", wanted="1")
    decision, receipt, arguments = body["decision"], body["receipt"], body["arguments"]
    if isinstance(arguments, dict):
        digest = arguments_digest(arguments)
    else:
        digest = matching_text("arguments", arguments, _DIGEST, "an object, or a digest of one")
    return Execution(
        line=number,
        at=integer("at", body["at"], 0),
        decision=None
        if decision is None
        else DecisionId(matching_text("decision", decision, _DECISION, "a decision's id or null")),
        tool=called(body["tool"]),
        audience=matching_text("audience", body["audience"], AUDIENCE, "a service's name"),
        digest=digest,
        outcome=cast(
            "ExecutionOutcome",
            matching_text("outcome", body["outcome"], _OUTCOME, "executed or failed"),
        ),
        receipt=None
        if receipt is None
        else matching_text("receipt", receipt, _RECEIPT, "a receipt or null"),
    )


def write_line(
    *,
    at: int,
    decision: str | None,
    tool: str,
    audience: str,
    arguments: Mapping[str, Json] | str,
    outcome: ExecutionOutcome = "executed",
    receipt: str | None = None,
) -> bytes:
    """Return a line that `read_line` reads, its end included.

    Args:
        at: When the execution began, Unix seconds.
        decision: Id of the decision that allowed it; None when there was none.
        tool: What was executed.
        audience: This service's name in grants.
        arguments: The canonical arguments, of which the digest is written; or that digest.
        outcome: `executed` or `failed`.
        receipt: The receipt, if there was one.

    Raises:
        UnreadableLineError: A field has another form.
    """
    digest = arguments if isinstance(arguments, str) else arguments_digest(arguments)
    body: dict[str, Json] = {
        "v": 1,
        "at": at,
        "decision": decision,
        "tool": tool,
        "audience": audience,
        "arguments": digest,
        "outcome": outcome,
        "receipt": receipt,
    }
    data = canonical.encode(body, what="the line")
    read_line(data, 0)  # what no reader would understand is never written
    return data + b"\n"
