"""Headers by which somebody behind a proxy would read another request: refused in every spelling."""

from __future__ import annotations

import pytest
from mounted import Mounted
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
