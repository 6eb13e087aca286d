"""The configurations of docs/deploy/proxies.md, run by nginx and Caddy in front of the real service."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from world import PAY, READ, SEND, TOOLS

from delegation import Access, Grant, HolderKey, Token
from delegation.embedded import Tracker
from delegation.identity.receipt import check_receipt

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/deploy/proxies.md").read_text()
AUDIENCE = "https://tools.acme.example"
ISSUER = "https://authority.acme.example"


def block(language: str) -> str:
    """Return the one block of a language on the page."""
    found = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert len(found) == 1
    return found[0]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port: int, process: subprocess.Popen, log: Path) -> None:
    """Wait until a program listens; what it said is the failure otherwise."""
    for _ in range(200):
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(log.read_text())


@contextmanager
def running(command: list[str], port: int, log: Path, **env: str) -> Iterator[subprocess.Popen]:
    """Run a program until the block ends, and end no other."""
    with log.open("w") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=out, stderr=out, env={**os.environ, **env}
        )
        try:
            wait_for(port, process, log)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)


class Upstream(ThreadingHTTPServer):
    """A service that knows no tokens and remembers what reached it."""

    daemon_threads = True

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    def _answer(self) -> None:
        names = {name.lower(): value for name, value in self.headers.items()}
        self.server.seen.append((self.command, self.path, names))  # type: ignore[attr-defined]
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    do_GET = do_POST = _answer  # noqa: N815  # the standard library's names

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass
class Place:
    """The service, the upstream and one proxy between them and an agent."""

    folder: Path
    name: str
    upstream: Upstream
    stack: ExitStack
    token: Token
    holder: HolderKey
    key: str
    port: int = 0
    service: subprocess.Popen | None = None
    ports: dict[str, int] = field(default_factory=dict)

    def signed(self, tool: str = "files.read", **arguments: object) -> dict[str, str]:
        """Return the headers of an agent that proves a call."""
        given = arguments or {"path": "/a"}
        cost = {"usd_cents": given["amount"]} if "amount" in given else {}
        access = Access(tool, given, AUDIENCE, purpose="desk", max_cost=cost)  # type: ignore[arg-type]
        proof = self.holder.prove(self.token, access)
        return {"X-Capability-Token": self.token.text, "Delegation-Proof": proof}

    def send(self, method: str, target: str, headers: dict[str, str], body: bytes | None = None):
        """Send a request through the proxy; return status, headers, body and what reached the upstream."""
        before = len(self.upstream.seen)
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, target, body=body, headers=headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.headers, content, self.upstream.seen[before:]


def start_service(place: Place) -> None:
    """Start `delegation serve` on the port that the proxy knows."""
    command = [
        sys.executable, "-m", "delegation.cli", "serve", "--store", str(place.folder / "s.db"),
        "--port", str(place.ports["8470"]),
    ]  # fmt: skip
    place.service = place.stack.enter_context(
        running(
            command,
            place.ports["8470"],
            place.folder / "service.log",
            DELEGATION_RING=str(place.folder / "ring.json"),
            DELEGATION_ISSUER=ISSUER,
            DELEGATION_FORWARD_ROUTES=str(place.folder / "routes.toml"),
        )
    )


def nginx(place: Place, program: str, text: str) -> list[str]:
    """Write what nginx needs around the page's block."""
    folder = place.folder
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    text = text.replace("dk_of_this_mount", place.key)
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{paths}{text}}}\n"
    )
    return [program, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]  # fmt: skip


def caddy(place: Place, program: str, text: str) -> list[str]:
    """Write what Caddy needs around the page's block."""
    file = place.folder / "Caddyfile"
    file.write_text("{\n\tadmin off\n\tauto_https off\n}\n" + text)
    return [program, "run", "--config", str(file), "--adapter", "caddyfile"]


PROXIES = {"nginx": ("nginx", "8080", nginx), "caddy": ("caddyfile", "8081", caddy)}


@contextmanager
def placed(name: str, folder: Path) -> Iterator[Place]:
    """Run service, upstream and proxy, or skip by the name of the program that is missing."""
    program = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip(f"the system program {name} is missing")
    language, listens, write = PROXIES[name]
    (folder / "routes.toml").write_text(block("toml"))
    boss, holder = HolderKey.generate("boss"), HolderKey.generate("agent")
    with Tracker.open(
        f"sqlite:///{folder / 's.db'}", ring_file=folder / "ring.json", issuer=ISSUER
    ) as tracker:
        for tool in TOOLS:
            tracker.add_tool(tool)
        ceiling = Grant(
            [READ, SEND, PAY], audience=[AUDIENCE], purpose="desk", delegations_left=2,
            budget={"calls": 100, "usd_cents": 1000},
        )  # fmt: skip
        task = tracker.open_task("Proxies", owner="ana@acme.example", ceiling=ceiling)
        root = tracker.issue(task, to=boss.public)
        token = root.delegate(by=boss, to=holder.public, grant=Grant())
        key = tracker.create_api_key("edge", "service", [AUDIENCE])
    with ExitStack() as stack:
        upstream = Upstream()
        thread = threading.Thread(target=upstream.serve_forever, daemon=True)
        thread.start()
        stack.callback(upstream.server_close)
        stack.callback(upstream.shutdown)
        place = Place(folder, name, upstream, stack, token, holder, key)
        place.port = free_port()
        place.ports = {listens: place.port, "8470": free_port(), "9000": upstream.server_port}
        start_service(place)
        text = block(language)
        for known, port in place.ports.items():
            assert f"127.0.0.1:{known}" in text
            text = text.replace(f"127.0.0.1:{known}", f"127.0.0.1:{port}")
        stack.enter_context(
            running(
                write(place, program, text), place.port, folder / "proxy.log",
                DELEGATION_PROXY_KEY=key, HOME=str(folder), XDG_DATA_HOME=str(folder), XDG_CONFIG_HOME=str(folder),
            )
        )  # fmt: skip
        yield place


@pytest.fixture(scope="module", params=list(PROXIES))
def place(request, tmp_path_factory) -> Iterator[Place]:
    """Return each proxy in front of one service."""
    with placed(request.param, tmp_path_factory.mktemp(request.param)) as found:
        yield found


def test_an_allowed_call_reaches_the_service_with_its_decision(place: Place) -> None:
    """What the service gets: the target as sent, decision, receipt and chain; neither token nor key."""
    status, _, content, seen = place.send(
        "GET", "/files/q3/a%20b.csv", place.signed(path="/q3/a b.csv")
    )
    assert (status, content) == (200, b"ok")
    [(method, target, headers)] = seen
    assert (method, target) == ("GET", "/files/q3/a%20b.csv")
    assert headers["delegation-decision"].startswith("dec_")
    assert headers["x-agent-chain"].count("lnk_") == 2
    assert not {"x-capability-token", "delegation-proof", "delegation-proxy-key"} & {
        name for name, value in headers.items() if value
    }
    said = "".join(headers.values())
    assert place.key not in said
    assert place.token.text not in said


def test_a_body_reaches_the_service_and_its_arguments_are_bound(place: Place) -> None:
    """The receipt that arrives is for the stated arguments and no others."""
    from delegation import canonical

    claimed = {"Delegation-Arguments": canonical.b64u(canonical.encode({"body": "Hi"}))}
    headers = {**place.signed("mail.send", to="x@acme.example", body="Hi"), **claimed}
    status, _, _, seen = place.send("POST", "/mail/x%40acme.example", headers, b'{"body":"Hi"}')
    assert status == 200
    receipt = seen[0][2]["delegation-receipt"]
    with Tracker.open(
        f"sqlite:///{place.folder / 's.db'}", ring_file=place.folder / "ring.json", issuer=ISSUER
    ) as tracker:
        ring = tracker.public_ring()
    at = int(time.time())
    check_receipt(receipt, ring, arguments={"to": "x@acme.example", "body": "Hi"}, at=at)
    with pytest.raises(Exception, match="arguments"):
        check_receipt(receipt, ring, arguments={"to": "x@acme.example", "body": "Ho"}, at=at)


def test_a_denied_call_reaches_nothing(place: Place) -> None:
    """401 without a token, 403 beyond the grant; the reason arrives, the service sees no request."""
    status, headers, content, seen = place.send("GET", "/files/a", {})
    assert (status, seen) == (401, [])
    assert json.loads(content)["code"] == "token_missing"
    assert headers["WWW-Authenticate"].startswith("Delegation")
    signed = place.signed("pay.refund", order="o1", amount=900)
    status, _, content, seen = place.send("POST", "/orders/o1/refunds?cents=900", signed)
    assert (status, seen) == (403, [])
    assert json.loads(content)["code"] == "argument_refused"
    once = place.signed()
    assert place.send("GET", "/files/a", once)[0] == 200
    status, _, content, seen = place.send("GET", "/files/a", once)
    assert (status, json.loads(content)["code"], seen) == (403, "replayed", [])


@pytest.mark.parametrize(
    "target",
    ["/files/b", "/files/x/../a", "/files//a", "/files/%61", "/files/a%2fb", "/files/a;x", "/files/a?x=1", "/admin", "/", "/_verify"],
)  # fmt: skip
def test_a_proof_for_one_target_opens_no_other(place: Place, target: str) -> None:
    """Another path, another spelling, another parameter, the mount itself: nothing gets through."""
    status, _, _, seen = place.send("GET", target, place.signed())
    assert status in {401, 403, 404}
    assert seen == []


@pytest.mark.parametrize(
    "forged",
    [
        {"X-Original-URI": "/files/a"}, {"X-Original-Method": "GET", "X-Original-URI": "/files/a"}, {"X-Forwarded-Uri": "/files/a"},
        {"X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/files/a", "X-Forwarded-Host": "tools.acme.example"}, {"X_Original_URI": "/files/a"},
        {"X_Forwarded_Uri": "/files/a"}, {"X-Rewrite-URL": "/files/a"}, {"Connection": "X-Original-URI, X-Forwarded-Uri, Delegation-Proxy-Key"},
    ],
)  # fmt: skip
def test_a_client_that_shows_another_target_is_not_believed(place: Place, forged) -> None:
    """A proof for /files/a with headers that claim /files/a does not open /files/b."""
    status, _, _, seen = place.send("GET", "/files/b", {**place.signed(), **forged})
    assert status in {401, 403}
    assert seen == []


def test_a_client_that_writes_the_answers_headers_is_overwritten(place: Place) -> None:
    """What reaches the service under these names comes from the decision, in every spelling."""
    forged = {
        "X-Agent-Chain": "lnk_forged", "X_Agent_Chain": "lnk_forged", "Delegation-Decision": "dec_forged",
        "Delegation_Decision": "dec_forged", "Delegation-Receipt": "forged", "delegation_receipt": "forged",
        "Delegation-Proxy-Key": "dk_forged",
    }  # fmt: skip
    status, _, _, seen = place.send("GET", "/files/a", {**place.signed(), **forged})
    assert status == 200
    assert "forged" not in "".join(f"{k}{v}" for k, v in seen[0][2].items())
    status, _, _, seen = place.send("GET", "/files/a", {**forged})
    assert (status, seen) == (401, [])


@pytest.mark.parametrize("name", ["X-Agent-Chain", "Delegation-Receipt", "X-Capability-Token"])
def test_a_header_named_in_connection_is_at_most_lost(place: Place, name: str) -> None:
    """A client can make a proxy drop a header; it cannot put its own in that place."""
    forged = {"Connection": f"close, {name}", **({} if "Token" in name else {name: "forged"})}
    _, _, _, seen = place.send("GET", "/files/a", {**place.signed(), **forged})
    assert all("forged" not in "".join(headers.values()) for _, _, headers in seen)


@pytest.mark.parametrize(
    "head",
    [
        "GET /files/b HTTP/1.1\r\nHost: {host}\r\nHost: y\r\n",
        "GET http://{host}/files/b HTTP/1.1\r\nHost: {host}\r\n",
        "GET http://tools.acme.example/files/b HTTP/1.1\r\nHost: {host}\r\n",
        "GET /files/b#/files/a HTTP/1.1\r\nHost: {host}\r\n",
        "GET /files/b\t/files/a HTTP/1.1\r\nHost: {host}\r\n",
        "GET /files/b\\..\\a HTTP/1.1\r\nHost: {host}\r\n",
        "GET /files/a%00 HTTP/1.1\r\nHost: {host}\r\n",
        "get /files/a HTTP/1.1\r\nHost: {host}\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: {host}\r\n",
        "GET /files/b HTTP/1.0\r\nHost: {host}\r\n",
        "GET /files/b HTTP/1.1\r\nHost: {host}\r\nX-Original-URI: /files/a\r\n X-Original-URI: /files/a\r\n",
    ],
)
def test_odd_request_lines_reach_nothing(place: Place, head: str) -> None:
    """What no client library sends is refused by the proxy or by us."""
    before = len(place.upstream.seen)
    fields = "".join(f"{name}: {value}\r\n" for name, value in place.signed().items())
    with socket.create_connection(("127.0.0.1", place.port), timeout=10) as raw:
        host = f"127.0.0.1:{place.port}"
        raw.sendall((head.format(host=host) + fields + "Connection: close\r\n\r\n").encode())
        answer = b""
        while chunk := raw.recv(65536):
            answer += chunk
    assert len(place.upstream.seen) == before
    status = int(answer.split(b" ")[1])
    # Caddy answers a host that it has no site for, and `*`, by itself: 200 with nothing in it.
    is_its_own = place.name == "caddy" and ("http://tools" in head or " * " in head)
    assert status in ({200} if is_its_own else {400, 401, 403, 404, 405})
    assert b"ok" not in answer.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("name", list(PROXIES))
def test_a_service_that_is_down_lets_nothing_pass(name: str, tmp_path: Path) -> None:
    """The same request passes before, is refused while nobody answers, and passes after."""
    with placed(name, tmp_path) as place:
        assert place.send("GET", "/files/a", place.signed())[0] == 200
        assert place.service is not None
        place.service.terminate()
        place.service.wait(15)
        status, _, _, seen = place.send("GET", "/files/a", place.signed())
        assert status in {500, 502, 503}
        assert seen == []
