"""Calls to the service as values: what is sent, how the answer is read, whether it may be sent twice.

No I/O here: the synchronous and the asynchronous client send the same calls.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from delegation.authority.access import Access
from delegation.authority.catalogue import Catalogue, Tool
from delegation.authority.grant import Grant
from delegation.authority.ids import DecisionId, LinkId, TaskId
from delegation.canonical import Json, b64u
from delegation.graph.view import LineageView
from delegation.identity.keyring import PublicRing
from delegation.identity.principal import PublicKey, public_key
from delegation.judge.decision import Decision
from delegation.lineage.entry import DecisionEntry, LinkEntry, TaskEntry
from delegation.messages.registry import read_agent
from delegation.messages.values import (
    read_catalogue,
    read_decision_entry,
    read_lineage,
    read_link,
)
from delegation.messages.verdict import read_decision, read_decision_detail
from delegation.tokens.token import Token
from delegation.tracker.work import Agent, DecisionDetail

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request and the reading of its answer.

    Args:
        method: HTTP method.
        path: Path under the service's URL.
        read: Makes the result of the JSON answer.
        body: JSON body, None for none.
        query: Query parameters; None values are left out.
        is_repeatable: Whether sending it twice does what sending it once does.
        waits: Seconds for which the service may hold the answer back.
    """

    method: str
    path: str
    read: Callable[[dict[str, Any]], T]
    body: Mapping[str, Any] | None = None
    query: Mapping[str, object] | None = None
    is_repeatable: bool = False
    waits: float = 0


def new_decision_id() -> DecisionId:
    """Return an id for a decision that is made here and reported later."""
    return DecisionId("dec_" + b64u(secrets.token_bytes(16)))


def nothing(_: object) -> None:
    """Read nothing of an answer."""


def read_links(answer: Mapping[str, Any]) -> Sequence[LinkEntry]:
    """Return the links of a listing."""
    return [read_link(one) for one in answer["links"]]


def part(text: str) -> str:
    """Return text as one segment of a path."""
    return quote(text, safe="")


def text_of(token: Token | str) -> str:
    """Return a token's text."""
    return token if isinstance(token, str) else token.text


def task_of(task: TaskEntry | TaskId | str) -> str:
    """Return a task's id."""
    return task.id if isinstance(task, TaskEntry) else task


def partial(grant: Grant) -> dict[str, Json]:
    """Return a grant's JSON without its unset fields, for the service to fill in."""
    body = grant.to_json()
    return {name: value for name, value in body.items() if name not in grant.unset}


def check(
    token: Token | str,
    proof: str | None,
    access: Access | Json,
    *,
    idempotency_key: str | None,
    at_least_epoch: int = 0,
) -> Call[Decision]:
    """Ask for a decision; the key makes it safe to send again when an answer was lost."""
    body: dict[str, Any] = {
        "token": text_of(token),
        "proof": proof,
        "access": access.to_json() if isinstance(access, Access) else access,
        "idempotency_key": idempotency_key or b64u(secrets.token_bytes(16)),
    }
    if at_least_epoch:
        body["at_least_epoch"] = at_least_epoch
    return Call("POST", "/v1/check", read_decision, body, is_repeatable=True)


def issue(
    task: TaskEntry | TaskId | str, *, to: PublicKey, grant: Grant | None, token_format: str
) -> Call[str]:
    """Have a task's root issued; the answer is verified by whoever reads the token."""
    body = {
        "task": task_of(task),
        "holder_name": to.name,
        "holder_key": public_key("to", to).text,
        "grant": partial(grant or Grant()),
        "format": token_format,
    }
    return Call("POST", "/v1/tokens", lambda answer: str(answer["token"]), body)


def public_ring() -> Call[PublicRing]:
    """Return the issuer's public keys."""
    return Call("GET", "/v1/keys/public", PublicRing.from_json, is_repeatable=True)


def drawing_path(task: TaskEntry | TaskId | str, form: str) -> str:
    """Return where a task's drawing is served."""
    return f"/v1/tasks/{part(task_of(task))}/graph.{part(form)}"


def health() -> Call[None]:
    """Ask whether the service can decide."""
    return Call("GET", "/readyz", nothing, is_repeatable=True)


def add_tool(tool: Tool) -> Call[int]:
    """Record a tool's definition and return the catalogue's revision."""
    return Call(
        "POST",
        "/v1/tools",
        lambda a: int(a["revision"]),
        body={"tool": tool.to_json()},
        is_repeatable=True,
    )


def label_resources(pattern: str, labels: Iterable[str]) -> Call[int]:
    """Declare labels of resources and return the catalogue's revision."""
    return Call(
        "POST",
        "/v1/resource-labels",
        lambda a: int(a["revision"]),
        body={"pattern": pattern, "labels": list(labels)},
        is_repeatable=True,
    )


def catalogue() -> Call[Catalogue]:
    """Return all tools with all their revisions."""
    return Call("GET", "/v1/tools", read_catalogue, is_repeatable=True)


def add_agent(
    name: str, *, owner: str, keys: Iterable[PublicKey], recertify_by: int | None = None
) -> Call[Agent]:
    """Register an agent under its accountable owner."""
    return Call(
        "POST",
        "/v1/agents",
        read_agent,
        body={
            "name": name,
            "owner": owner,
            "keys": [public_key("keys", key).text for key in keys],
            "recertify_by": recertify_by,
        },
        is_repeatable=True,
    )


def agents() -> Call[Sequence[Agent]]:
    """Return all registered agents by name."""
    return Call(
        "GET", "/v1/agents", lambda a: [read_agent(one) for one in a["agents"]], is_repeatable=True
    )


def announce(token: Token | str, proof: str) -> Call[LinkEntry]:
    """Show a token to the service before it is used."""
    return Call("POST", "/v1/links", read_link, body={"token": text_of(token), "proof": proof})


def inspect(token: Token | str) -> Call[dict[str, Any]]:
    """Return what a token says and how its links stand, as JSON."""
    return Call("POST", "/v1/inspect", dict, body={"token": text_of(token)}, is_repeatable=True)


def plan(
    token: Token | str, *, access: Access | None = None, grant: Grant | None = None
) -> Call[dict[str, Any]]:
    """Return what a call or a narrower link would come to, as JSON; nothing is recorded."""
    return Call(
        "POST",
        "/v1/check",
        dict,
        body={
            "token": text_of(token),
            "proof": None,
            "access": None if access is None else access.to_json(),
            "grant": None if grant is None else partial(grant),
            "dry_run": True,
        },
        is_repeatable=True,
    )


def lineage(task: TaskEntry | TaskId | str, *, at: int | None = None) -> Call[LineageView]:
    """Return a task's links and decisions."""
    path = f"/v1/tasks/{part(task_of(task))}/lineage"

    def read(answer: dict[str, Any]) -> LineageView:
        return LineageView(read_lineage(answer))

    return Call("GET", path, read, query={"at": at}, is_repeatable=True)


def link(link: LinkId | str, *, at: int | None = None) -> Call[LinkEntry]:
    """Return a recorded link."""
    path = f"/v1/links/{part(link)}"
    return Call("GET", path, read_link, query={"at": at}, is_repeatable=True)


def links(
    *,
    task: TaskId | str | None = None,
    parent: LinkId | str | None = None,
    holder: str | None = None,
    key: PublicKey | None = None,
    after: LinkId | str | None = None,
    limit: int = 100,
    at: int | None = None,
) -> Call[Sequence[LinkEntry]]:
    """Return links in the order they were recorded, filtered."""
    query = {
        "task": task,
        "parent": parent,
        "holder": holder,
        "key": None if key is None else public_key("key", key).text,
        "after": after,
        "limit": limit,
        "at": at,
    }
    return Call("GET", "/v1/links", read_links, query=query, is_repeatable=True)


def ancestors(link: LinkId | str, *, at: int | None = None) -> Call[Sequence[LinkEntry]]:
    """Return a link's ancestors, root first, itself last."""
    path = f"/v1/links/{part(link)}/ancestors"
    return Call("GET", path, read_links, query={"at": at}, is_repeatable=True)


def descendants(
    link: LinkId | str, *, limit: int = 1000, at: int | None = None
) -> Call[Sequence[LinkEntry]]:
    """Return the links below a link, parents before children."""
    path = f"/v1/links/{part(link)}/descendants"
    query = {"limit": limit, "at": at}
    return Call("GET", path, read_links, query=query, is_repeatable=True)


def decisions(
    *,
    task: TaskId | str | None = None,
    link: LinkId | str | None = None,
    tool: str | None = None,
    allowed: bool | None = None,
    code: str | None = None,
    since: int | None = None,
    until: int | None = None,
    after: int = 0,
    limit: int = 100,
) -> Call[Sequence[DecisionEntry]]:
    """Return decisions in commit order, filtered."""
    query = {
        "task": task,
        "link": link,
        "tool": tool,
        "allowed": allowed,
        "code": code,
        "since": since,
        "until": until,
        "after": after,
        "limit": limit,
    }
    return Call(
        "GET",
        "/v1/decisions",
        lambda a: [read_decision_entry(one) for one in a["decisions"]],
        query=query,
        is_repeatable=True,
    )


def decision(decision: DecisionId | str) -> Call[DecisionDetail]:
    """Return one decision with everything that was kept of it."""
    path = f"/v1/decisions/{part(decision)}"
    return Call("GET", path, read_decision_detail, is_repeatable=True)
