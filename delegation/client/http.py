"""A synchronous client of the service. It delegates and proves offline; it only sends what is asked.

Needs the extra `client`. No redirect is followed and no proxy of the environment is used: whoever
answers at this URL decides about calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

from delegation.authority.access import Access
from delegation.authority.catalogue import Catalogue, Tool
from delegation.authority.grant import Grant
from delegation.authority.ids import LinkId, TaskId
from delegation.canonical import Json
from delegation.errors import MalformedError, MissingExtraError, ServiceError
from delegation.identity.keyring import PublicRing
from delegation.identity.principal import PublicKey
from delegation.judge.decision import Decision
from delegation.lineage.entry import DecisionEntry, Lineage, LinkEntry, TaskEntry, TaskState
from delegation.messages.values import (
    read_catalogue,
    read_decision_entry,
    read_lineage,
    read_link,
    read_task,
)
from delegation.messages.verdict import read_decision
from delegation.tokens.token import Token

try:
    import httpx2
except ImportError as error:
    raise MissingExtraError("client", "The HTTP client") from error

TIMEOUT: Final = 10.0  # seconds for a whole request, unless told otherwise
_ANSWER_BYTES: Final = 64 * 1024 * 1024


class Client:
    """The service at a URL, called with one API key.

    Args:
        url: Where the service listens.
        api_key: Secret of an API key; empty for what is public.
        timeout: Seconds.
        transport: Another transport, such as one to an application in this process.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str = "",
        timeout: float = TIMEOUT,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        """Make a client; nothing is sent yet."""
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._http = httpx2.Client(
            base_url=url,
            headers=headers,
            timeout=timeout,
            transport=transport,
            trust_env=False,
            follow_redirects=False,
        )
        self._ring: PublicRing | None = None

    def __enter__(self) -> Self:
        """Return the client; it is closed when the block ends."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, **query: object
    ) -> dict[str, Any]:
        """Send one request and return its JSON answer.

        Raises:
            ServiceError: The service answered with a problem, with something else, or not at all.
        """
        answer = self._send(method, path, body, **query)
        try:
            found = answer.json()
        except ValueError as error:
            raise ServiceError(
                answer.status_code, "answer_malformed", "No JSON came back."
            ) from error
        if not isinstance(found, dict):
            raise ServiceError(answer.status_code, "answer_malformed", "No JSON object came back.")
        return found

    def _send(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, **query: object
    ) -> httpx2.Response:
        asked = {
            name: str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in query.items()
            if value is not None
        }
        try:
            answer = self._http.request(method, path, json=body, params=asked)
        except httpx2.HTTPError as error:
            # The error's own text may quote the request; its class says enough.
            message = f"The service did not answer ({type(error).__name__})."
            raise ServiceError(0, "unreachable", message) from None
        if len(answer.content) > _ANSWER_BYTES:
            raise ServiceError(answer.status_code, "answer_too_large", "The answer is too large.")
        if not answer.is_success:
            raise _problem(answer)
        return answer

    def health(self) -> None:
        """Ask whether the service can decide.

        Raises:
            ServiceError: It cannot.
        """
        self._ask("GET", "/readyz")

    def public_ring(self) -> PublicRing:
        """Return the issuer's public keys; asked once for each client.

        Raises:
            ServiceError: The service did not answer with a ring.
        """
        if self._ring is None:
            try:
                self._ring = PublicRing.from_json(self._ask("GET", "/v1/keys/public"))
            except MalformedError as error:
                raise ServiceError(200, "answer_malformed", "No key ring came back.") from error
        return self._ring

    # Set-up, by an operator

    def add_tool(self, tool: Tool) -> int:
        """Record a tool's definition and return the catalogue's revision."""
        return int(self._ask("POST", "/v1/tools", {"tool": tool.to_json()})["revision"])

    def catalogue(self) -> Catalogue:
        """Return all tools with all their revisions."""
        return read_catalogue(self._ask("GET", "/v1/tools"))

    def add_agent(self, name: str, *, owner: str, keys: Iterable[PublicKey]) -> None:
        """Register an agent under its accountable owner."""
        body = {"name": name, "owner": owner, "keys": [key.text for key in keys]}
        self._ask("POST", "/v1/agents", body)

    def create_api_key(self, name: str, role: str, audiences: Iterable[str] = ()) -> str:
        """Make an API key and return its secret, which is shown this once."""
        body = {"name": name, "role": role, "audiences": list(audiences)}
        return str(self._ask("POST", "/v1/api-keys", body)["secret"])

    def open_task(
        self,
        title: str,
        *,
        owner: str,
        ceiling: Grant,
        lasts: int = 3600,
        inferred: bool = False,
    ) -> TaskEntry:
        """Open a task; `lasts` is in seconds."""
        body = {
            "title": title,
            "owner": owner,
            "ceiling": _partial(ceiling),
            "lasts": lasts,
            "inferred": inferred,
        }
        return read_task(self._ask("POST", "/v1/tasks", body))

    def task(self, task: TaskId | str) -> TaskEntry:
        """Return a task."""
        return read_task(self._ask("GET", f"/v1/tasks/{_part(task)}"))

    def tasks(self, *, after: str | None = None, limit: int = 100) -> Sequence[TaskEntry]:
        """Return tasks, newest first."""
        found = self._ask("GET", "/v1/tasks", after=after, limit=limit)
        return [read_task(task) for task in found["tasks"]]

    def close_task(
        self, task: TaskEntry | TaskId | str, state: TaskState = "completed"
    ) -> TaskEntry:
        """Close a task; all authority under it ends."""
        return read_task(
            self._ask("POST", f"/v1/tasks/{_part(_task(task))}/close", {"state": state})
        )

    def issue(
        self,
        task: TaskEntry | TaskId | str,
        *,
        to: PublicKey,
        grant: Grant | None = None,
        format: str = "biscuit",  # noqa: A002  # the word of the wire, keyword-only
    ) -> Token:
        """Have a task's root issued to a holder; the answer is verified with the public keys."""
        body = {
            "task": _task(task),
            "holder_name": to.name,
            "holder_key": to.text,
            "grant": _partial(grant or Grant()),
            "format": format,
        }
        return Token.read(self._ask("POST", "/v1/tokens", body)["token"], self.public_ring())

    # The desk

    def check(self, token: Token | str, proof: str | None, access: Access | Json) -> Decision:
        """Have one call decided and recorded. True only if it is allowed.

        Raises:
            ServiceError: No decision came back, so the call is not allowed.
        """
        sent = access.to_json() if isinstance(access, Access) else access
        body = {"token": _text(token), "proof": proof, "access": sent}
        answer = self._ask("POST", "/v1/check", body)
        try:
            return read_decision(answer)
        except MalformedError as error:
            raise ServiceError(200, "answer_malformed", "No decision came back.") from error

    def announce(self, token: Token | str, proof: str) -> LinkEntry:
        """Show a token to the service before it is used."""
        return read_link(self._ask("POST", "/v1/links", {"token": _text(token), "proof": proof}))

    def inspect(self, token: Token | str) -> dict[str, Any]:
        """Return what a token says and how its links stand, as JSON."""
        return self._ask("POST", "/v1/inspect", {"token": _text(token)})

    def revoke(self, kind: str, id: str, *, reason: str = "") -> int:  # noqa: A002
        """End a link, task, agent or key and all below it; return the revocation's epoch."""
        body = {"kind": kind, "id": id, "reason": reason}
        return int(self._ask("POST", "/v1/revocations", body)["epoch"])

    def revoke_below(self, token: Token | str, proof: str, link: LinkId) -> int:
        """Cut a link below the holder's own; return the revocation's epoch."""
        body = {"token": _text(token), "proof": proof, "link": link}
        return int(self._ask("POST", "/v1/revocations/below", body)["epoch"])

    # Lineage, for reviewers

    def lineage(self, task: TaskEntry | TaskId | str) -> Lineage:
        """Return a task's links and decisions."""
        return read_lineage(self._ask("GET", f"/v1/tasks/{_part(_task(task))}/lineage"))

    def drawing(self, task: TaskEntry | TaskId | str, form: str) -> bytes:
        """Return a task's lineage drawn by the service: svg, dot, mmd, txt, png or pdf."""
        path = f"/v1/tasks/{_part(_task(task))}/graph.{_part(form)}"
        return self._send("GET", path).content

    def link(self, link: LinkId | str) -> LinkEntry:
        """Return a recorded link."""
        return read_link(self._ask("GET", f"/v1/links/{_part(link)}"))

    def ancestors(self, link: LinkId | str) -> Sequence[LinkEntry]:
        """Return a link's ancestors, root first, itself last."""
        found = self._ask("GET", f"/v1/links/{_part(link)}/ancestors")
        return [read_link(entry) for entry in found["links"]]

    def descendants(self, link: LinkId | str) -> Sequence[LinkEntry]:
        """Return the links below a link, parents before children."""
        found = self._ask("GET", f"/v1/links/{_part(link)}/descendants")
        return [read_link(entry) for entry in found["links"]]

    def decisions(
        self,
        *,
        task: TaskId | None = None,
        link: LinkId | None = None,
        allowed: bool | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> Sequence[DecisionEntry]:
        """Return decisions in commit order, filtered."""
        found = self._ask(
            "GET", "/v1/decisions", task=task, link=link, allowed=allowed, after=after, limit=limit
        )
        return [read_decision_entry(entry) for entry in found["decisions"]]


def _problem(answer: httpx2.Response) -> ServiceError:
    try:
        body = answer.json()
    except ValueError:
        body = {}
    said: dict[str, Any] = body if isinstance(body, dict) else {}
    code = said.get("reason") or said.get("code") or "http_error"
    detail = said.get("detail") or f"The service answered {answer.status_code}."
    return ServiceError(answer.status_code, str(code)[:64], str(detail)[:500])


def _partial(grant: Grant) -> dict[str, Json]:
    """Return a grant's JSON without its unset fields, for the service to fill in."""
    body = grant.to_json()
    return {name: value for name, value in body.items() if name not in grant.unset}


def _task(task: TaskEntry | TaskId | str) -> str:
    return task.id if isinstance(task, TaskEntry) else task


def _text(token: Token | str) -> str:
    return token if isinstance(token, str) else token.text


def _part(text: str) -> str:
    """Return text as one segment of a path."""
    return quote(text, safe="")
