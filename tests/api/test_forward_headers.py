"""Headers by which somebody behind a proxy would read another request: refused in every spelling."""

from __future__ import annotations

import re

import pytest
from mounted import Mounted
from proxies import DEPLOY, STRIPS
from world import DESK

from delegation import Access


@pytest.fixture(scope="module")
def edge(tmp_path_factory) -> Mounted:
    """Return one mount for all facts that only ask."""
    return Mounted(tmp_path_factory.mktemp("edge"))


def reads() -> Access:
    """Return the access of reading one file."""
    return Access("files.read", {"path": "/a"}, DESK, purpose="desk/x")


@pytest.mark.parametrize("mode", ["nginx", "forward"])
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("X_HTTP_Method_Override", "method_override"), ("x-http_method-override", "method_override"),
        ("X.HTTP.Method.Override", "method_override"), ("X_HTTP_Method", "method_override"), ("X-Method_Override", "method_override"),
        ("X_Original_URL", "method_override"), ("X_REWRITE_URL", "method_override"), ("X-Original-Path", "method_override"),
        ("X-Rewrite-Anything", "method_override"), ("HTTP-Method-Override", "method_override"),
        ("X_Original_URI", "method_override"), ("X_Forwarded_Uri", "method_override"), ("X_Forwarded_Method", "method_override"),
        ("X_Forwarded_For", "header_ambiguous"), ("X_Script_Name", "header_ambiguous"), ("X_Forwarded_Host", "header_ambiguous"),
        ("Content_Type", "header_ambiguous"), ("Transfer_Encoding", "header_ambiguous"), ("Delegation_Receipt", "header_ambiguous"),
        ("X_Agent_Chain", "header_ambiguous"), ("X.Capability.Token", "header_ambiguous"), ("Delegation_Proof", "header_ambiguous"),
    ],
)  # fmt: skip
def test_no_spelling_of_an_override_passes(edge: Mounted, mode: str, name: str, code: str) -> None:
    """Whatever some reader behind takes for the same header is the same header here."""
    answer = edge.ask("GET", "/files/a", {**edge.signed(reads()), name: "DELETE"}, mode)
    assert (answer.status_code, answer.headers["x-deny-reason"]) == (403, code)


def test_what_a_proxy_states_plainly_passes(edge: Mounted) -> None:
    """It is the proxy's to write; other headers of the service's own as well."""
    stated = {
        "X-Forwarded-For": "10.0.0.1",
        "X-Real-IP": "10.0.0.1",
        "Mcp-Method": "tools/call",
        "client_id": "7",
    }
    assert edge.ask("GET", "/files/a", {**edge.signed(reads()), **stated}).status_code == 200


@pytest.mark.parametrize("mode", ["nginx", "forward"])
def test_headers_of_the_other_convention_are_refused(edge: Mounted, mode: str) -> None:
    """A client that sends them asks to be read as another request by whoever reads them behind."""
    other = {
        "nginx": {"X-Forwarded-Method": "POST", "X-Forwarded-Uri": "/up/b"},
        "forward": {"X-Original-Method": "POST", "X-Original-URI": "/up/b"},
    }[mode]
    answer = edge.ask("GET", "/files/a", {**edge.signed(reads()), **other}, mode)
    assert (answer.status_code, answer.headers["x-deny-reason"]) == (403, "method_override")


# Written down here and not taken from the code: by these somebody behind reads another method, path,
# prefix, caller or file than the proxy asked about. Families stand with members that nobody listed.
FOREIGN = """
X-HTTP-Method-Overrides X-HTTP-Verb X-Verb HTTP-Method X-Http-Path-Override X-Path X-Url X-Uri X-Base-Path X-Base-Url X-Prefix
X-Root-Path X-Script X-Route X-Target X-Proxy-Url X-Replaced-Path X-Traefik-Path X-Backend-Uri X-Upstream-Url X-Real-Path
X-Real-Method X-Client-Verb Destination X-Forwarded-PathBase X-Forwarded-Root X-Forwarded-Base-Path X-Forwarded-Target
X-Forwarded-Anything X-Forwarded-Uri-Prefix X-Middleware-Subrequest X-Accel-Mapping X-Sendfile-Type X-Accel-Redirect
Remote-Role Remote-Id X-Remote-Extra-Scopes Impersonate-Extra-Scopes X-Authentik-Meta-App Cf-Access-Anything X-Consumer-Role
X-Amzn-Oidc-Anything X-Amzn-Mtls-Anything Tailscale-App-Capabilities X-SSL-Client-Serial SSL-Client-I-DN X-Client-Cert-Sha1
Ssl-Client-Fingerprint My-Client-Cert X-ClientCert X-Pomerium-Claim-Sub X-Vouch-IdP-Claims X-Auth-Request-Redirect X-Auth-Groups
X-Auth-Roles X-User-Id X-User-Email X-Username X-Userinfo-Sub X-Principal X-Roles X-Groups X-Token-Subject X-Jwt-Claim-Sub
OIDC-Claim-Email X-Ms-Token-Aad-Id-Token X-Goog-Authenticated-Anything X-Webauth-Role X-Impersonate-User X-Authenticated-Userid
"""
# What SDKs, browsers, agents, tracers and platforms send on honest requests.
HONEST = """
Accept Accept-Encoding Accept-Language Access-Control-Request-Headers Access-Control-Request-Method Age Anthropic-Beta Anthropic-Version
Authorization-Info Baggage Cache-Control Cookie Content-MD5 DNT Dropbox-Api-Path-Root ETag From HX-Current-URL HX-Request HX-Target
Idempotency-Key If-Match If-None-Match Last-Event-ID Max-Forwards Mcp-Method Mcp-Name Mcp-Protocol-Version Mcp-Session-Id OpenAI-Beta
OpenAI-Organization OpenAI-Project Origin Pragma Prefer Priority Purpose Range Referer Save-Data Sec-CH-UA Sec-Fetch-Dest Sec-Fetch-Mode
Sec-GPC Sec-WebSocket-Key Signature Signature-Input SOAPAction Stripe-Version TE Traceparent Tracestate Upgrade-Insecure-Requests
User-Agent Via X-Amz-Content-Sha256 X-Amz-Copy-Source X-Amz-Date X-Amz-Meta-Path X-Amz-Security-Token X-Amz-Target X-Amz-User-Agent
X-Amzn-Trace-Id X-Api-Key X-Api-Version X-Arr-Log-Id X-Atlassian-Token X-Auth-Email X-Auth-Key X-Auth-Token X-B3-TraceId X-Client-Data
X-Client-Name X-Client-Version X-Cloud-Trace-Context X-Correlation-ID X-CSRF-Token X-Datadog-Trace-Id X-Device-Id X-DNS-Prefetch-Control
X-Elastic-Client-Meta X-Envoy-Attempt-Count X-Envoy-Expected-Rq-Timeout-Ms X-Figma-Token X-GitHub-Api-Version X-GitHub-Media-Type
X-Goog-Api-Client X-Goog-Api-Key X-Goog-Request-Params X-Goog-User-Project X-Grpc-Web X-Inertia X-JWT X-Middleware-Prefetch
X-Ms-Client-Request-Id X-Ms-Date X-Ms-Version X-Nextjs-Data X-OpenAI-Actor-Authorization X-RapidAPI-Host X-RapidAPI-Key X-Request-ID
X-Request-Start X-Requested-With X-Retry-Count X-Session-Id X-Shopify-Access-Token X-Signature X-Slack-Request-Timestamp
X-Stainless-Arch X-Stainless-Async X-Stainless-Helper-Method X-Stainless-Lang X-Stainless-OS X-Stainless-Retry-Count X-Stainless-Runtime
X-Stainless-Timeout X-Tenant-Id X-Title X-Token X-Trace-Id X-User-Agent X-Vault-Namespace X-Vault-Token X-XSRF-Token
"""
# Platforms write these on every request: the proxies' files take them away, and nobody is refused.
TAKEN_AWAY = """
Cf-Access-Jwt-Assertion Impersonate-User Impersonate-Group Remote-Groups Remote-Email Remote-Name SSL-Client-Verify Ssl-Client-S-Dn
Tailscale-User-Login X-Amzn-Oidc-Data X-Amzn-Oidc-Identity X-ARR-ClientCert X-Auth-User X-Authentik-Username X-Authentik-Email
X-Consumer-Username X-Consumer-Groups X-Credential-Identifier X-Goog-IAP-JWT-Assertion X-Invoke-Path X-Invoke-Query X-Matched-Path
X-Now-Route-Matches X-Pomerium-Claim-Email X-Remote-Group X-SSL-Client-S-DN X-SSL-Client-Verify X-Client-Verify X-User X-Vouch-User
"""
SAID = {"method_override", "header_reserved"}


@pytest.mark.parametrize("mode", ["nginx", "forward"])
def test_families_are_refused_and_honest_headers_are_not(edge: Mounted, mode: str) -> None:
    """Whole requests through the mount for what is honest; the one comparison for each name."""
    for name in FOREIGN.split():
        for spelling in (name, name.lower().replace("-", "_"), name.upper()):
            answer = edge.ask(
                "GET", "/files/a", {spelling: "forged"} | {"X-Capability-Token": "t"}, mode
            )
            assert answer.status_code == 403, spelling
            assert answer.headers["x-deny-reason"] in SAID, spelling
    sent = dict.fromkeys([*HONEST.split(), *TAKEN_AWAY.split()], "1")
    answer = edge.ask("GET", "/files/a", {**edge.signed(reads()), **sent}, mode)
    assert answer.status_code == 200, answer.text


def test_what_is_admitted_and_foreign_is_taken_away_by_every_proxy() -> None:
    """Refused by the mount or removed by name: there is no third fate."""
    for file in STRIPS.values():
        lines = (DEPLOY / file).read_text().lower()
        for name in TAKEN_AWAY.split():
            assert re.search(rf"\b{re.escape(name.lower())}\b", lines), (file, name)
        for name in ("Upgrade", "Http2-Settings"):
            assert re.search(rf"[ -]{name.lower()}\b", lines), (file, name)


@pytest.mark.parametrize("mode", ["nginx", "forward"])
@pytest.mark.parametrize("name", ["Upgrade", "HTTP2-Settings", "Http2_Settings", "UPGRADE"])
@pytest.mark.parametrize("value", ["h2c", "websocket", "TLS/1.0", "connect-udp", "anything"])
def test_no_protocol_is_switched_to(edge: Mounted, mode: str, name: str, value: str) -> None:
    """What is said after a switch is asked about by nobody."""
    answer = edge.ask("GET", "/files/a", {"X-Capability-Token": "t", name: value}, mode)
    assert (answer.status_code, answer.headers["x-deny-reason"]) == (403, "upgrade_refused")
