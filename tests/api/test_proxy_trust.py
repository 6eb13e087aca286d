"""One setting says whose word counts: for the client that is counted, the scheme, cookies and forms."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from serving import serving

from delegation_api.client_address import Trusted
from delegation_api.settings import Settings

DEPLOY = Path(__file__).parents[2] / "docs" / "deploy"
PUBLIC = "authority.example"


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> Iterator[dict]:
    """Return a service that listens on both families, as a proxy on this host reaches it by IPv4."""
    folder = tmp_path_factory.mktemp("both")
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    named = {"DELEGATION_ISSUER": f"https://{PUBLIC}", "DELEGATION_TRUSTED_PROXIES": "127.0.0.1"}
    with serving(folder / "s.db", folder, "--host", "::", **named) as started:
        yield started


def logged_in(port: int, host: str, key: str, proto: str | None) -> tuple[int, str]:
    """Return status and cookie of a login as a proxy passes it on."""
    connection = HTTPConnection(host, port, timeout=120)
    headers = {
        "Host": PUBLIC, "Origin": f"https://{PUBLIC}", "X-Forwarded-For": "198.51.100.7",
        "Content-Type": "application/x-www-form-urlencoded",
    }  # fmt: skip
    if proto is not None:
        headers["X-Forwarded-Proto"] = proto
    connection.request("POST", "/login", urlencode({"key": key}), headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.headers.get("Set-Cookie", "")


def test_the_scheme_follows_the_same_setting(both: dict) -> None:
    """A mapped address is the address that was named; another one's word counts for nothing."""
    port, key = urlsplit(both["url"]).port, both["api_keys"]["reviewer"]
    status, cookie = logged_in(port, "127.0.0.1", key, "https")
    assert (status, cookie.startswith("__Host-")) == (303, True)
    assert "Secure" in cookie
    for host, proto in (("::1", "https"), ("127.0.0.1", None), ("127.0.0.1", "https, http")):
        assert logged_in(port, host, key, proto) == (403, "")


@pytest.mark.parametrize(
    ("sent", "scheme"),
    [
        ([b"https"], "https"),
        ([b" http "], "http"),
        ([], ""),
        ([b"https", b"http"], ""),
        ([b"https, https"], ""),
        ([b"ftp"], ""),
        ([b"HTTPS"], ""),
    ],
)
def test_a_scheme_is_said_once_or_not_at_all(sent: list[bytes], scheme: str) -> None:
    """Of two that one request carries nobody knows who wrote which."""
    headers = [(b"x-forwarded-proto", value) for value in sent]
    assert Trusted("127.0.0.1").scheme(headers) == scheme


def test_a_poll_waits_less_than_any_proxy_that_the_page_names() -> None:
    """By default, with a fifth to spare; nginx's file says its own."""
    page = (DEPLOY / "tls.md").read_text().partition("## How long an answer may take")[2]
    rows = [line.split("|")[2] for line in page.splitlines() if line.startswith("| ")][1:]
    seconds = [float(number) for row in rows for number in re.findall(r"\d+", row)]
    assert len(rows) >= 8
    most = Settings.model_fields["max_wait"].default
    assert most * 1.2 < min(seconds)
    assert f"`DELEGATION_MAX_WAIT`, {most:g} seconds" in page
    file = (DEPLOY / "nginx.conf").read_text()
    assert float(re.search(r"proxy_read_timeout (\d+)s", file)[1]) > most
    assert float(re.search(r"proxy_read_timeout (\d+)s", file)[1]) > (
        Settings.model_fields["question_seconds"].default
    )
