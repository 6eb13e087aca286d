"""The service, a proxy as docs/deploy/proxies.md configures it, and a service behind, for tests."""

from __future__ import annotations

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
import warm
from world import PAY, READ, SEND, TOOLS

from delegation import Access, Grant, HolderKey, Token
from delegation.integrations.request_headers import OVERRIDES, STATED_BY_PROXIES, TUNNELS
from delegation.tracker import Tracker

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "docs/deploy"
PAGE = (ROOT / "docs/deploy/proxies.md").read_text()
AUDIENCE = "https://tools.acme.example"
ISSUER = "https://authority.acme.example"


def block(language: str) -> str:
    """Return the one block of a language on the page."""
    found = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert len(found) == 1
    return found[0]


# What each writes itself, over whatever a client sent: the page sets it for nginx.
WRITTEN = {
    "nginx": {"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"},
    "caddy": set(),
    "traefik": {
        "x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto", "x-forwarded-server", "x-real-ip",
    },
}  # fmt: skip
STRIPS = {"nginx": "strip.nginx.conf", "caddy": "strip.caddyfile", "traefik": "strip.traefik.yaml"}


def strip_file(name: str) -> str:
    """Return the file by which a proxy takes from a request what nobody judged; see `__main__` below."""
    names = [n.title() for n in sorted((OVERRIDES | STATED_BY_PROXIES | TUNNELS) - WRITTEN[name])]
    head = "# Made from delegation/integrations/request_headers.py: headers by which a service reads another request.\n"
    if name == "nginx":
        return head + "".join(f'proxy_set_header {n} "";\n' for n in names)
    if name == "caddy":
        return head + "".join(f"request_header -{n}\n" for n in names)
    lines = "".join(f'          {n}: ""\n' for n in names)
    return f"{head}http:\n  middlewares:\n    foreign:\n      headers:\n        customRequestHeaders:\n{lines}"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port: int, process: subprocess.Popen, log: Path) -> None:
    """Wait until a program listens; what it said is the failure otherwise."""
    for _ in range(1200):  # a minute: machines are busy
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
                process.wait(90)
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

    def send(
        self,
        method: str,
        target: str,
        headers: dict[str, str],
        body: bytes | None = None,
        port: int = 0,
    ):
        """Send a request through the proxy; return status, headers, body and what reached the upstream."""
        before = len(self.upstream.seen)
        connection = HTTPConnection("127.0.0.1", port or self.port, timeout=90)
        connection.request(method, target, body=body, headers=headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.headers, content, self.upstream.seen[before:]


def start_service(place: Place) -> None:
    """Start `delegation serve` on the port that the proxy knows."""
    command = [
        *warm.python(), "-m", "delegation.cli", "serve", "--store", str(place.folder / "s.db"),
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
    shutil.copy(DEPLOY / STRIPS["nginx"], folder)
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{paths}{text}}}\n"
    )
    return [program, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]  # fmt: skip


def caddy(place: Place, program: str, text: str) -> list[str]:
    """Write what Caddy needs around the page's block."""
    file = place.folder / "Caddyfile"
    shutil.copy(DEPLOY / STRIPS["caddy"], place.folder)
    file.write_text("{\n\tadmin off\n\tauto_https off\n}\n" + text)
    return [program, "run", "--config", str(file), "--adapter", "caddyfile"]


def traefik(place: Place, program: str, text: str) -> list[str]:
    """Write what Traefik is started with, and the page's block as its file of routes."""
    routes, start = place.folder / "dynamic", place.folder / "traefik.yaml"
    routes.mkdir()
    shutil.copy(DEPLOY / STRIPS["traefik"], routes)
    (routes / "routes.yaml").write_text(text.replace("dk_of_this_mount", place.key))
    start.write_text(
        f"entryPoints: {{web: {{address: '127.0.0.1:{place.port}'}}}}\n"
        f"providers: {{file: {{directory: '{routes}', watch: false}}}}\n"
        "global: {checkNewVersion: false, sendAnonymousUsage: false}\nlog: {level: ERROR}\n"
    )
    return [program, f"--configFile={start}"]


def program_of(name: str) -> str:
    """Return where a proxy is installed, or skip by the name of what is missing."""
    beside = f"/usr/sbin:/usr/local/sbin:{Path(sys.executable).parent}"
    program = shutil.which(name) or shutil.which(name, path=beside)
    if program is None:
        pytest.skip(f"the system program {name} is missing")
    return program


@contextmanager
def in_front(name: str, folder: Path, behind: int) -> Iterator[int]:
    """Run a proxy that knows nothing of us in front of a port, and return its own."""
    port = free_port()
    place = Place(folder, name, None, None, None, None, "", port)  # type: ignore[arg-type]  # only for its folder
    text = {
        # What a careless operator writes: everything passes, underscores too.
        "nginx": f"server {{ listen 127.0.0.1:{port}; underscores_in_headers on; ignore_invalid_headers off; "
        "large_client_header_buffers 4 32k; "
        f"location / {{ proxy_pass http://127.0.0.1:{behind}; proxy_set_header Host 127.0.0.1:{behind}; }} }}",
        "caddy": f"http://127.0.0.1:{port} {{\n\treverse_proxy 127.0.0.1:{behind} {{\n"
        f"\t\theader_up Host 127.0.0.1:{behind}\n\t}}\n}}\n",
    }[name]
    command = PROXIES[name][2](place, program_of(name), text)
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with running(command, port, folder / "outer.log", **home):
        yield port


# Name of the program: language of the page's block, the port that is written in it, how it is started.
PROXIES = {
    "nginx": ("nginx", "8080", nginx),
    "caddy": ("caddyfile", "8081", caddy),
    "traefik": ("yaml", "", traefik),
}


@contextmanager
def placed(name: str, folder: Path) -> Iterator[Place]:
    """Run service, upstream and proxy, or skip by the name of the program that is missing."""
    program = program_of(name)
    language, listens, write = PROXIES[name]
    (folder / "routes.toml").write_text(block("toml"))
    boss, holder = HolderKey.generate("boss"), HolderKey.generate("agent")
    with Tracker.open(
        f"sqlite:///{folder / 's.db'}", ring_file=folder / "ring.json", issuer=ISSUER
    ) as tracker:
        for tool in TOOLS:
            tracker.add_tool(tool)
        ceiling = Grant(
            [READ, SEND, PAY], audience=[AUDIENCE], purpose="desk", delegations_left=12,
            budget={"calls": 500, "usd_cents": 1000},
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
        place.ports = {"8470": free_port(), "9000": upstream.server_port}
        place.ports |= {listens: place.port} if listens else {}
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
        for _ in range(100):  # Traefik listens before it has read its routes
            if place.send("GET", "/", {})[0] != 404:
                break
            time.sleep(0.05)
        yield place


if __name__ == "__main__":
    for proxy, file_name in STRIPS.items():
        (DEPLOY / file_name).write_text(strip_file(proxy))
