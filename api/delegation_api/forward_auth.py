"""Checks calls that a reverse proxy asks about: nginx `auth_request`, Caddy `forward_auth`, Traefik.

The access is built from the declared route and the request that the proxy shows. Of the holder's own
words only purpose, max_cost and cause count, and they stand in the signed proof. Not seen here, and
so not enforced: the body, and what the service behind makes of headers (docs/deploy/proxies.md).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fastapi.responses import JSONResponse, Response
from starlette.datastructures import Headers

from delegation import canonical, sent_json
from delegation.authority.catalogue import Catalogue
from delegation.authority.refusal import Refusal
from delegation.canonical import Json
from delegation.commands.work import ApiKey
from delegation.errors import ConfigurationError, MalformedError
from delegation.identity.proof import PROOF_TYP
from delegation.integrations.request_headers import refusal_of
from delegation.integrations.target import read_target
from delegation.judge.decision import LAST_UNPROVEN_STEP, Decision
from delegation.judge.problem import denial_members
from delegation.statement import read_statement
from delegation.tracker import Tracker
from delegation_api.asked_request import decided
from delegation_api.checking import committed, meant_token
from delegation_api.problems import problem
from delegation_api.route_table import METHOD, Mount, Route, tool_of

TOKEN: Final = "x-capability-token"  # Authorization is left to the service behind
PROOF: Final = "delegation-proof"
ARGUMENTS: Final = "delegation-arguments"
MAX_ARGUMENTS: Final = 4096  # bytes of JSON; what is larger does not belong in a header
NONE: Final = "none"  # Caddy sends its own placeholder text upstream where a header is missing
_REASON: Final = re.compile(r"[A-Za-z0-9_.\[\]-]{1,64}")
_CHALLENGE: Final = {"WWW-Authenticate": 'Delegation realm="delegation"'}


@dataclass(frozen=True, slots=True)
class Convention:
    """The headers in which one kind of proxy shows a request; those of the others mean nothing.

    Args:
        method: Holds the method.
        target: Holds path and query as the client sent them.
        host: Holds the Host header.
    """

    method: str
    target: str
    host: str


NGINX: Final = Convention("x-original-method", "x-original-uri", "x-original-host")
FORWARD: Final = Convention("x-forwarded-method", "x-forwarded-uri", "x-forwarded-host")


@dataclass(frozen=True, slots=True)
class ProxiedCall:
    """A request as far as a proxy shows it.

    Args:
        route: What was declared for it.
        arguments: The tool's arguments as they were sent.
        access: The access that the proof must cover, as JSON.
        token: The token's text.
        proof: The proof's text, None if there is none.
    """

    route: Route
    arguments: dict[str, Json]
    access: dict[str, Json]
    token: str
    proof: str | None


async def answer_proxy(
    headers: Headers,
    convention: Convention,
    caller: ApiKey,
    mounts: Mapping[str, Mount],
    tracker: Tracker,
) -> Response:
    """Return 200 for an allowed call once its decision is committed, else 401 or 403.

    Args:
        headers: Headers of the proxy's question, the client's among them.
        convention: Where this proxy puts method and path.
        caller: The proxy's API key, which names the mount by its one audience.
        mounts: Declared routes by audience.
        tracker: Who decides.

    Raises:
        StoreUnavailableError: The decision could not be recorded: 503, which no proxy lets pass.
        ConfigurationError: The route needs a receipt and the ring has no service key.
    """
    catalogue = tracker.known_catalogue()
    call = read_call(headers, convention, caller, mounts, catalogue)
    if isinstance(call, Refusal):
        return _refused(call)
    token = await meant_token(call.token, call.proof, tracker)
    decision = await committed(
        tracker.begin_check(token, call.proof, call.access, client=caller.name)
    )
    decided(decision)
    if decision.denial is not None:
        return _denied(decision)
    # The catalogue may have changed meanwhile: what goes upstream must be what was decided on.
    changed = tracker.known_catalogue()
    if not canonical.same(dict(decision.arguments), call.arguments):
        return _refused(_not_canonical())
    if changed.revision != catalogue.revision:
        tool = tool_of(changed, call.route)
        if tool is None or tool.name != decision.tool or call.route.misfit(tool):
            return _refused(_undeclared())
    receipt = tracker.receipt(decision, str(call.access["audience"]))
    if receipt is None and call.route.service_checks:
        raise ConfigurationError("A route needs receipts, and the ring has no service key.")
    return Response(
        status_code=200,
        headers={
            "Delegation-Decision": decision.id,
            "Delegation-Receipt": receipt or NONE,
            "X-Agent-Chain": ",".join(decision.links),
        },
    )


def read_call(
    headers: Headers,
    convention: Convention,
    caller: ApiKey,
    mounts: Mapping[str, Mount],
    catalogue: Catalogue,
) -> ProxiedCall | Refusal:
    """Return the call that a request is, or why it is none; nothing is verified or recorded.

    Args:
        headers: Headers of the proxy's question.
        convention: Where this proxy puts method and path.
        caller: The proxy's API key.
        mounts: Declared routes by audience.
        catalogue: The tools as they are known.
    """
    token = _one(headers, TOKEN)
    if token is None:
        return Refusal("token_missing", "The request carries no single X-Capability-Token.")
    method, raw = _one(headers, convention.method), _one(headers, convention.target)
    if method is None or raw is None or METHOD.fullmatch(method) is None:
        return Refusal("proxy_headers", "The proxy does not show one method and one path.")
    refusal = refusal_of(
        (name for name, _ in headers.items()),
        own=(convention.method, convention.target, convention.host),
        shows_all=True,
    )
    if refusal is not None:
        return refusal
    mount = mounts.get(caller.audiences[0]) if len(caller.audiences) == 1 else None
    if mount is None:
        return _undeclared()
    if mount.hosts and (_one(headers, convention.host) or "").lower() not in mount.hosts:
        return Refusal("host_undeclared", "The mount is not declared for this host.")
    target = read_target(raw)
    if isinstance(target, Refusal):
        return target
    route = mount.route(method, target)
    tool = None if route is None else tool_of(catalogue, route)
    if route is None or tool is None or route.misfit(tool):
        return _undeclared()
    claimed = _claimed(headers, route)
    if isinstance(claimed, Refusal):
        return claimed
    arguments = {**route.arguments(target, tool), **claimed}
    plain = tool.canonicalise(arguments, special={})  # whether the grant names such a host: step 8
    if isinstance(plain, dict) and not canonical.same(plain, arguments):
        return _not_canonical()
    proof = _one(headers, PROOF)
    said = _said(proof)
    access: dict[str, Json] = {
        "v": 1,
        "tool": route.tool,
        "arguments": arguments,
        "audience": mount.audience,
        "purpose": said.get("purpose", ""),
        "max_cost": said.get("max_cost", {}),
        "cause": said.get("cause"),
    }
    return ProxiedCall(route, arguments, access, token, proof)


def _one(headers: Headers, name: str) -> str | None:
    """Return a header that stands there exactly once and is not empty."""
    found = headers.getlist(name)
    return found[0] if len(found) == 1 and found[0] else None


def _claimed(headers: Headers, route: Route) -> dict[str, Json] | Refusal:
    """Return the arguments that the holder says are in the body, where the service checks that."""
    if ARGUMENTS not in headers:
        return {}
    refusal = Refusal(
        "proxy_arguments", "The request states arguments that are not its to state.",
        remedy="Send them once, as canonical JSON in base64url, on routes where the service checks.",
    )  # fmt: skip
    text = _one(headers, ARGUMENTS)
    if text is None or not route.service_checks:
        return refusal
    try:
        data = canonical.unb64u(text)
        value = sent_json.parse(data) if len(data) <= MAX_ARGUMENTS else None
    except (MalformedError, UnicodeError):
        return refusal
    if not isinstance(value, dict) or value.keys() & route.placed:
        return refusal
    if sent_json.encode(value) != data:
        return refusal
    return value


def _said(proof: str | None) -> Mapping[str, Json]:
    """Return what a proof says that nobody verified yet; the desk verifies it over what we build."""
    if proof is None:
        return {}
    try:
        return read_statement(PROOF_TYP, proof)[0]
    except (MalformedError, UnicodeError):
        return {}


def _undeclared() -> Refusal:
    return Refusal("route_undeclared", "No route is declared for this request.")


def _not_canonical() -> Refusal:
    return Refusal(
        "argument_not_canonical",
        "An argument is not in its canonical form, and the service behind would read it as sent.",
        remedy="Send every argument in canonical form.",
    )


def _refused(refusal: Refusal) -> JSONResponse:
    """Return the answer to a request that never became a call."""
    headers = {"X-Deny-Reason": refusal.code}
    is_missing = refusal.code == "token_missing"
    if is_missing:
        headers.update(_CHALLENGE)
    return problem(
        401 if is_missing else 403,
        refusal.code, refusal.message, remedy=refusal.remedy, headers=headers,
    )  # fmt: skip


def _denied(decision: Decision) -> JSONResponse:
    """Return the answer to a recorded denial: 401 while nobody has shown to hold anything."""
    denial = decision.denial
    code = "denied" if denial is None else denial.code
    headers = {
        "Delegation-Decision": decision.id,
        "X-Deny-Reason": code if _REASON.fullmatch(code) else "denied",
    }
    if decision.approval is not None:
        headers["Delegation-Approval"] = decision.approval
    if denial is None or denial.step > LAST_UNPROVEN_STEP:
        status = 403
    else:
        status = 401
        headers.update(_CHALLENGE)
    return problem(
        status,
        code,
        "" if denial is None else denial.message,
        remedy="" if denial is None else denial.remedy,
        headers=headers,
        members=denial_members(decision),
    )
