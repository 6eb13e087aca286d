"""Calls about approvals as values; see `client.calls`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from delegation.authority.ids import LinkId, TaskId
from delegation.client.calls import Call, part, text_of
from delegation.lineage.approval import ApprovalEntry, ApprovalState, ApprovalStatus
from delegation.messages.approvals import read_approval, read_status
from delegation.tokens.token import Token


def _read(body: Mapping[str, Any]) -> ApprovalEntry | ApprovalStatus:
    # A service is told how a request stands, and not what is in it.
    return read_approval(body) if "bound" in body else read_status(body)


def approval(request: str, *, wait: float = 0) -> Call[ApprovalEntry | ApprovalStatus]:
    """Return a request, as soon as it was answered or `wait` seconds have passed."""
    return Call(
        "GET",
        f"/v1/approvals/{part(request)}",
        _read,
        query={"wait": wait or None},
        is_repeatable=True,
        waits=wait,
    )


def approvals(
    *,
    state: ApprovalState | None = None,
    task: TaskId | None = None,
    link: LinkId | None = None,
    after: int = 0,
    limit: int = 100,
) -> Call[Sequence[ApprovalEntry | ApprovalStatus]]:
    """Return requests in the order they were opened, filtered."""
    return Call(
        "GET",
        "/v1/approvals",
        lambda a: [_read(one) for one in a["approvals"]],
        query={"state": state, "task": task, "link": link, "after": after, "limit": limit},
        is_repeatable=True,
    )


def wait_for_approval(
    token: Token | str, proof: str, request: str, *, wait: float = 0
) -> Call[ApprovalStatus]:
    """Ask, as the holder that was denied, how its request stands."""
    return Call(
        "POST",
        f"/v1/approvals/{part(request)}/wait",
        read_status,
        {"token": text_of(token), "proof": proof, "wait": wait},
        is_repeatable=True,
        waits=wait,
    )


def answer(request: str, verdict: str, *, reason: str, binding: str | None) -> Call[ApprovalEntry]:
    """Grant or refuse a request. Not repeated by itself: a second time is a conflict."""
    body = {"reason": reason, "binding": binding}
    return Call("POST", f"/v1/approvals/{part(request)}/{verdict}", read_approval, body)
